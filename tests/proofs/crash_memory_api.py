"""The API server in memory that outlives the operators of one run, and keeps count of what they made."""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Final

from aiapp_models.contract import ANNOTATION_REVISION
from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Manifest
from proofs.release_truth import Contents, contents_of
from unit.operator_shell.memory_api import MemoryApi

BEGIN: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNWATCHED: Final = frozenset({"ControllerRevision", "Event", "Secret"})


class SharedApi(MemoryApi):
    """Keeps what outlives an operator. made: how often a Job was, by name. rollouts: what the Deployment ran."""

    def __init__(self) -> None:
        super().__init__()
        self.see: Callable[[str, Manifest], None] = lambda _event, _manifest: None
        self.made: Counter[str] = Counter()
        self.rollouts: list[tuple[int, Contents]] = []
        self.now: Callable[[], datetime] = lambda: BEGIN

    def remove(self, kind: str, name: str = "digits") -> Manifest:
        """Delete an object as somebody else would."""
        gone = super().remove(kind, name)
        self.see("DELETED", deepcopy(gone))
        return gone

    def _act(self, method: str, path: str, body: Manifest) -> Manifest:
        answer = super()._act(method, path, body)
        if method == "DELETE":
            self.see("DELETED", deepcopy(answer))
        if method == "POST" and answer.get("kind") == "Job":
            self.made[answer["metadata"]["name"]] += 1
        return answer

    def _apply(self, path: str, live: Manifest | None, body: Manifest) -> Manifest:
        if live:  # what one manager no longer applies goes, as nobody else applied it
            kept = {**live["metadata"], "annotations": {}, "labels": {}}
            live = {**live, "metadata": kept | ({"annotations": {}} if "annotations" in body["metadata"] else {})}
        before = self.objects.get(path)
        answer = super()._apply(path, live, body)
        if answer == before:
            return answer
        if body["kind"] == "Deployment" and (before is None or _template(before) != _template(answer)):
            self.rollouts.append((_revision(answer), contents_of(_template(answer))))
        return answer

    def _store(self, path: str, manifest: Manifest) -> Manifest:
        old = self.objects.get(path)
        if old is not None and _unversioned(old) == _unversioned(manifest):
            return old
        manifest["metadata"].setdefault("creationTimestamp", format_time(self.now()))
        stored = super()._store(path, manifest)
        if stored["kind"] not in UNWATCHED:
            self.see("MODIFIED", deepcopy(stored))
        return stored


def _template(deployment: Manifest) -> Manifest:
    template: Manifest = deployment["spec"]["template"]
    return template


def _revision(deployment: Manifest) -> int:
    return int(deployment["metadata"]["annotations"][ANNOTATION_REVISION])


def _unversioned(manifest: Manifest) -> Manifest:
    rest = {name: value for name, value in manifest["metadata"].items() if name != "resourceVersion"}
    return {**manifest, "metadata": rest}
