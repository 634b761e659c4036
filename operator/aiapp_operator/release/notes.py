"""What happened to a release, as annotations of its ControllerRevision: gate, rollout, bake, holds. Pure.

A ControllerRevision's data can never change; its annotations can, and are all that remembers a release's life.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from aiapp_operator.state import GateResult, Part, Problem, Severity

PREFIX: Final = "aiapp.dev/"
GATE: Final = PREFIX + "gate"
GATE_TIME: Final = PREFIX + "gate-time"
GATE_WORDS: Final = PREFIX + "gate-message"
GATE_REPORT: Final = PREFIX + "gate-report"
ATTEMPTS: Final = PREFIX + "gate-attempts"
RETRY_TIME: Final = PREFIX + "gate-retry-time"
ASKED_TIME: Final = PREFIX + "candidate-time"
STARTED_TIME: Final = PREFIX + "rollout-time"
RELEASED_TIME: Final = PREFIX + "released-time"
BAKED_TIME: Final = PREFIX + "baked-time"
UNDONE_TIME: Final = PREFIX + "undone-time"
UNDONE_WORDS: Final = PREFIX + "undone-message"
WAIVED_TIME: Final = PREFIX + "release-now-time"
CHANGE: Final = PREFIX + "change"
REQUESTED_BY: Final = PREFIX + "requested-by"
HOLDS: Final = PREFIX + "holds"
OLD_HOLDS: Final = PREFIX + "older-holds"
NAMES: Final = frozenset(
    {
        *(GATE, GATE_TIME, GATE_WORDS, GATE_REPORT, ATTEMPTS, RETRY_TIME),
        *(ASKED_TIME, STARTED_TIME, RELEASED_TIME, BAKED_TIME, UNDONE_TIME, UNDONE_WORDS, WAIVED_TIME),
        *(CHANGE, REQUESTED_BY, HOLDS, OLD_HOLDS),
    }
)
"""All of them: one that is there and not meant to be is taken away."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What is not released again until `unhold`.

    digest: what is held, by its content: an image digest, a model's content digest, a config's hash as `sha256:..`,
        `IMAGE+MODEL` of a pair, the hash of what a spec asks for with ALL.
    version: how people call it: a tag, a model version, both joined by `+`.
    config: hash of the config that went with it; empty: of no matter.
    """

    part: Part
    digest: str
    version: str
    reason: str
    message: str
    since: datetime
    config: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the form that annotations keep."""
        kept = {
            "stream": self.part.value,
            "digest": self.digest,
            "version": self.version,
            "reason": self.reason,
            "message": self.message,
            "since": format_time(self.since),
            "config": self.config,
        }
        return {name: value for name, value in kept.items() if value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        since = _time(kept["since"])
        if since is None or not all(isinstance(text, str) for text in kept.values()):
            raise ValueError("this is no hold")
        return cls(
            part=Part(kept["stream"]),
            digest=kept["digest"],
            version=kept.get("version", ""),
            reason=kept.get("reason", ""),
            message=kept.get("message", ""),
            since=since,
            config=kept.get("config", ""),
        )


@dataclass(frozen=True, slots=True)
class Notes:
    """The life of one release so far; a time is None where that has not happened.

    gate: its verdict, PASSED or FAILED; None: none yet. gate_problem: why it failed, or why the last try said nothing.
    report: the gate's transcript, JSON of at most 4 KiB.
    attempts: gates of it that are over without a verdict that counts; part of the next Job's name.
    retry: when a gate that said nothing is tried again.
    asked: when it became a candidate. started: when its rollout began. released: when all its pods served.
    baked: when its bake ended well. undone: when it was found bad after its start, `undone_problem` says why.
    waived: when somebody asked to release it now, whatever the schedule says.
    change: what it changes, in words. requested_by: the client that asked for it, and the person where one is named.
    holds: what is held because of this release. older_holds: those of releases that are no longer on record.
    """

    gate: GateResult | None = None
    gated: datetime | None = None
    gate_problem: Problem | None = None
    report: str = ""
    attempts: int = 0
    retry: datetime | None = None
    asked: datetime | None = None
    started: datetime | None = None
    released: datetime | None = None
    baked: datetime | None = None
    undone: datetime | None = None
    undone_problem: Problem | None = None
    waived: datetime | None = None
    change: str = ""
    requested_by: str = ""
    holds: tuple[Hold, ...] = ()
    older_holds: tuple[Hold, ...] = ()

    def annotations(self) -> dict[str, str]:
        """Return the annotations that say this; what has not happened has none."""
        times = {
            GATE_TIME: self.gated,
            RETRY_TIME: self.retry,
            ASKED_TIME: self.asked,
            STARTED_TIME: self.started,
            RELEASED_TIME: self.released,
            BAKED_TIME: self.baked,
            UNDONE_TIME: self.undone,
            WAIVED_TIME: self.waived,
        }
        texts = {
            GATE: self.gate.value if self.gate else "",
            GATE_WORDS: _words(self.gate_problem),
            GATE_REPORT: self.report,
            ATTEMPTS: str(self.attempts) if self.attempts else "",
            UNDONE_WORDS: _words(self.undone_problem),
            CHANGE: self.change,
            REQUESTED_BY: self.requested_by,
            HOLDS: _dumped(self.holds),
            OLD_HOLDS: _dumped(self.older_holds),
        }
        texts |= {name: format_time(time) for name, time in times.items() if time}
        return {name: text for name, text in texts.items() if text}

    @classmethod
    def read(cls, annotations: Mapping[str, str]) -> Self:
        """Read annotations; one that somebody made unreadable says nothing."""
        verdict, attempts = annotations.get(GATE, ""), annotations.get(ATTEMPTS, "")
        return cls(
            gate=GateResult(verdict) if verdict in (GateResult.PASSED, GateResult.FAILED) else None,
            gated=_time(annotations.get(GATE_TIME)),
            gate_problem=_problem(annotations.get(GATE_WORDS)),
            report=annotations.get(GATE_REPORT, ""),
            attempts=int(attempts) if re.fullmatch("[0-9]{1,6}", attempts) else 0,
            retry=_time(annotations.get(RETRY_TIME)),
            asked=_time(annotations.get(ASKED_TIME)),
            started=_time(annotations.get(STARTED_TIME)),
            released=_time(annotations.get(RELEASED_TIME)),
            baked=_time(annotations.get(BAKED_TIME)),
            undone=_time(annotations.get(UNDONE_TIME)),
            undone_problem=_problem(annotations.get(UNDONE_WORDS)),
            waived=_time(annotations.get(WAIVED_TIME)),
            change=annotations.get(CHANGE, ""),
            requested_by=annotations.get(REQUESTED_BY, ""),
            holds=_loaded(annotations.get(HOLDS)),
            older_holds=_loaded(annotations.get(OLD_HOLDS)),
        )

    def forgiven(self) -> "Notes":
        """Return the notes of a release whose hold is over: it is gated again, by a Job of another name."""
        fresh = Notes(change=self.change, requested_by=self.requested_by, asked=self.asked)
        return replace(fresh, attempts=self.attempts + 1, older_holds=self.older_holds)


def format_time(time: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _words(problem: Problem | None) -> str:
    return f"{problem.reason}: {problem.message}" if problem else ""


def _problem(words: str | None) -> Problem | None:
    reason, _, message = (words or "").partition(": ")
    return Problem(Severity.WAITING, reason, message) if re.fullmatch("[A-Za-z]{1,64}", reason) else None


def _dumped(holds: tuple[Hold, ...]) -> str:
    return json.dumps([hold.to_json() for hold in holds], separators=(",", ":")) if holds else ""


def _loaded(text: str | None) -> tuple[Hold, ...]:
    try:
        return tuple(Hold.from_json(kept) for kept in json.loads(text or "[]"))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return ()


def _time(text: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
