"""What became of the releases that are on record, and what each changed, in words. Pure."""

from datetime import datetime
from typing import Final, NamedTuple

from aiapp_operator.container_states import excerpt
from aiapp_operator.release import transcript
from aiapp_operator.release.ledger import Ledger, Release
from aiapp_operator.release.notes import Notes, format_time
from aiapp_operator.state import GateResult, Manifest, Problem

MOST: Final = 10
RELEASED: Final = "Released"
GATE_FAILED: Final = "GateFailed"
ROLLED_BACK: Final = "RolledBack"
SUPERSEDED: Final = "Superseded"


class Contents(NamedTuple):
    """What a release is called by; empty where it has no such part, or where nobody knows."""

    image: str = ""
    image_digest: str = ""
    model: str = ""
    model_digest: str = ""


class _End(NamedTuple):
    """How a release ended; since: when the part began that is counted in seconds."""

    result: str
    time: datetime
    since: datetime | None
    problem: Problem | None = None


def entries(record: Ledger, under_way: frozenset[int] = frozenset(), stays: int = 0) -> list[Manifest]:
    """Return what became of the last releases as status shows it, newest first.

    under_way: numbers of the releases of which nobody knows yet.
    stays: number of one that was found bad and serves on, as there is nothing to go back to.
    """
    ends = []
    for release in record.releases:
        end = _end(release.notes, release.number in under_way, release.number == stays)
        ends += [(end, release)] if end else []
    ends.sort(key=lambda each: (each[0].time, each[1].number), reverse=True)
    return [_entry(release, end) for end, release in ends[:MOST]]


def failure(notes: Notes) -> str:
    """Return why a gate failed, with the first case that did; empty: it did not."""
    if notes.gate is not GateResult.FAILED:
        return ""
    words = excerpt(notes.gate_problem.message) if notes.gate_problem else ""
    name, case = transcript.first_failure(notes.report)
    return "; ".join(part for part in (words, "" if name and name in words else case) if part)


def change(old: Release | None, new: Release) -> str:
    """Return `image 1.4.1 -> 1.4.2, model 41 -> 42, config changed`; what stays is named once.

    old: the release that serves; None: nothing does.
    """
    words = difference(_contents(old) if old else Contents(), _contents(new))
    configured = old is not None and old.inputs.config_hash != new.inputs.config_hash
    return words + (", config changed" if configured else "")


def difference(old: Contents, new: Contents) -> str:
    """Return `image 1.4.1 -> 1.4.2, model 41 -> 42`; what stays is named once."""
    streams = (
        ("image", *_told_apart(old.image, old.image_digest, new.image, new.image_digest)),
        ("model", *_told_apart(old.model, old.model_digest, new.model, new.model_digest)),
    )
    return ", ".join(_step(stream, before, after) for stream, before, after in streams if before or after)


def _end(notes: Notes, under_way: bool, stays: bool) -> _End | None:
    """Return how a release ended; None: it has not, or came to nothing before it was tried."""
    if notes.undone and not stays and (notes.released is None or notes.undone >= notes.released):
        return _End(ROLLED_BACK, notes.undone, notes.started, notes.undone_problem)
    if notes.released:
        again = notes.baked is not None and notes.baked < notes.released  # only its first start is on record
        return _End(RELEASED, notes.released, None if again else notes.started)
    if notes.gate is GateResult.FAILED and notes.gated:
        return _End(GATE_FAILED, notes.gated, notes.asked, notes.gate_problem)
    tried = notes.started or notes.gated
    return _End(SUPERSEDED, tried, None) if tried and not (under_way or stays) else None


def _entry(release: Release, end: _End) -> Manifest:
    notes, model, problem = release.notes, release.inputs.model, end.problem
    words = failure(notes) or (excerpt(problem.message) if problem else "")
    took = (end.time - end.since).total_seconds() if end.since else -1
    shown: Manifest = {
        "image": release.ref,
        "modelVersion": model.version if model else "",
        "change": notes.change[:1024],
        "gate": notes.gate.value if notes.gate else "",
        "result": end.result,
        "reason": str(problem.reason) if problem else "",
        "message": words[:1024],
        "time": format_time(end.time),
        "by": excerpt(notes.requested_by)[:256],
    }
    seconds = {"seconds": int(took)} if took >= 0 else {}
    return {"revision": release.number} | {field: value for field, value in shown.items() if value} | seconds


def _step(stream: str, before: str, after: str) -> str:
    if before and before != after:
        return f"{stream} {before} -> {after or 'none'}"
    return f"{stream} {after or 'none'}"


def _told_apart(before: str, digest: str, after: str, new_digest: str) -> tuple[str, str]:
    """Return two names; with their digests where one name stands for other bytes now, as a tag that moved does."""
    if before and before == after and digest and new_digest and digest != new_digest:
        return f"{before} ({digest:.19})", f"{after} ({new_digest:.19})"
    return before, after


def _contents(release: Release) -> Contents:
    model = release.inputs.model
    named = (model.version, model.digest) if model else ("", "")
    return Contents(release.image_name, release.inputs.image.digest, *named)
