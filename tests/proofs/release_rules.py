"""What must hold at every write of the release machine, judged by what is written and by nothing that it remembers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from aiapp_models.contract import ANNOTATION_RELEASE, ANNOTATION_REVISION
from aiapp_operator.state import Manifest
from proofs.release_truth import Contents, contents_of

WISH: Final = timedelta(minutes=15)
"""How long somebody's wish for a rollout may be the reason of one: until a gate or two are through."""
_KEYS: Final[Mapping[str, Callable[[Contents], str]]] = {
    "Image": lambda each: each.image,
    "Model": lambda each: each.model,
    "Pair": lambda each: f"{each.image}+{each.model}",
}
"""What a hold's digest is of; that of a config is none of a pod, so that ending it forgives all."""


class Claim(StrEnum):
    """What is never to be."""

    MIXED = "the Deployment is no copy of one record"
    AGAIN = "what was found bad is tried or released again"
    WINDOW = "a rollout over a serving release starts outside of every window"
    BAKE = "a release is superseded in its bake"
    SECOND_JOB = "a gate has a second Job for one try"


class Broken(NamedTuple):
    """A claim that did not hold, and where."""

    claim: Claim
    at: datetime
    words: str


@dataclass
class Rules:
    """Watches an app's Deployment, Jobs and records; `broken` lists what should never be.

    nightly: rollouts may start from 02:00 to 04:00 UTC alone. bake: its length.
    failed: contents that were found bad, and that nobody took the hold from. asked: when somebody wanted a rollout.
    rollouts: what the Deployment was made of, one after the other. gates: how many Jobs there were.
    """

    nightly: bool
    bake: timedelta
    broken: list[Broken] = field(default_factory=list)
    failed: set[Contents] = field(default_factory=set)
    asked: datetime | None = None
    rollouts: list[tuple[datetime, Contents]] = field(default_factory=list)
    jobs: set[str] = field(default_factory=set)
    gates: int = 0

    def job(self, manifest: Manifest, now: datetime) -> None:
        """Judge a Job before it is made."""
        # A number may come again once its record was pruned; a record's name tells one release from another.
        name = f"{manifest['metadata']['name']} of {manifest['metadata']['annotations'][ANNOTATION_RELEASE]}"
        if name in self.jobs:
            self.broken.append(Broken(Claim.SECOND_JOB, now, name))
        if contents_of(manifest["spec"]["template"]) in self.failed:
            self.broken.append(Broken(Claim.AGAIN, now, name))
        self.jobs.add(name)
        self.gates += 1

    def pruned(self, record: str) -> None:
        """Take in that a record is gone, and with it how often its gate was tried."""
        self.jobs = {name for name in self.jobs if not name.endswith(f" of {record}")}

    def record(self, manifest: Manifest) -> None:
        """Take in what a record says by now."""
        notes = _notes(manifest)
        if notes.get("gate") == "Failed" or "undone-time" in notes:
            self.failed.add(contents_of(manifest["data"]["template"]))

    def forgive(self, stream: str, digest: str) -> None:
        """Take in that somebody ends a hold."""
        self.failed = {each for each in self.failed if stream in _KEYS and _KEYS[stream](each) != digest}

    def deployment(self, new: Manifest, old: Manifest | None, records: Mapping[int, Manifest], now: datetime) -> None:
        """Judge a Deployment before it is applied."""
        template, number = new["spec"]["template"], int(new["metadata"]["annotations"][ANNOTATION_REVISION])
        if number not in records or records[number]["data"]["template"] != template:
            self.broken.append(Broken(Claim.MIXED, now, f"revision {number}"))
            return
        if old and old["spec"]["template"] == template:
            return
        contents = contents_of(template)
        if contents in self.failed:
            self.broken.append(Broken(Claim.AGAIN, now, f"revision {number}"))
        if old:
            self._start(number, old, records, now)
        self.rollouts.append((now, contents))
        self.asked = None

    def _start(self, number: int, old: Manifest, records: Mapping[int, Manifest], now: datetime) -> None:
        """Judge the start of a rollout over another release."""
        before = records.get(int(old["metadata"]["annotations"][ANNOTATION_REVISION]))
        was: Mapping[str, Any] = _notes(before) if before else {}
        good_before = "baked-time" in _notes(records[number])
        undoes = "undone-time" in was
        if (self.asked and now - self.asked < WISH) or (good_before and "baked-time" not in was):
            return  # a way back: from what is bad, or from an edit that was taken back while it went out
        serves = any("released-time" in _notes(each) and "undone-time" not in _notes(each) for each in records.values())
        if self.nightly and serves and not in_window(now):
            self.broken.append(Broken(Claim.WINDOW, now, f"revision {number}"))
        baking = "released-time" in was and "baked-time" not in was and not undoes
        if baking and now < datetime.fromisoformat(was["released-time"]) + self.bake:
            self.broken.append(Broken(Claim.BAKE, now, f"revision {number}"))


def in_window(now: datetime) -> bool:
    """Tell whether the nightly window of `0 2 * * *` for 2 h in UTC is open."""
    return now.hour in (2, 3)


def _notes(record: Manifest) -> Mapping[str, Any]:
    annotations: Mapping[str, Any] = record["metadata"].get("annotations", {})
    return {name.removeprefix("aiapp.dev/"): value for name, value in annotations.items()}
