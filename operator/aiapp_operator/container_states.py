"""What the kubelet says of a pod's containers, and their own last words. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiapp_models.errors import Reason as ModelReason
from aiapp_models.masking import masked
from aiapp_operator.state import Manifest, Problem, Severity

MESSAGE_LENGTH: Final = 600
"""Characters of somebody else's words that go into a condition."""
LOST: Final = frozenset({"ContainerStatusUnknown", "Unknown"})
"""How a container ended that the kubelet found gone, as after its node broke down: nobody saw it end."""

_OWN_WORDS: Final = re.compile(rf"(?P<reason>{'|'.join(ModelReason)}): (?P<sentence>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Container:
    """One container's status in one pod.

    ended: how it ended now, `last`: the last time before; empty: it did not. init: it starts before the others.
    """

    pod: str
    name: str
    image: str
    init: bool
    restarts: int
    ready: bool
    waiting: Manifest
    running: Manifest
    ended: Manifest
    last: Manifest

    @property
    def title(self) -> str:
        """Return how a message names it."""
        return f"pod {self.pod}, container {self.name}"

    @property
    def end(self) -> Manifest:
        """Return how it ended: now, or the last time."""
        return self.ended or self.last

    @property
    def started(self) -> datetime | None:
        """Return when it was started, if it runs."""
        return time_of(self.running.get("startedAt"))


def containers(pod: Manifest) -> Iterator[Container]:
    """Yield the containers of a pod, in the order in which they start."""
    status: dict[str, Any] = pod.get("status", {})
    for init, field in ((True, "initContainerStatuses"), (False, "containerStatuses")):
        for entry in status.get(field, ()):
            state = entry.get("state", {})
            yield Container(
                pod=pod["metadata"]["name"],
                name=entry["name"],
                image=entry.get("image", ""),
                init=init,
                restarts=entry.get("restartCount", 0),
                ready=entry.get("ready", False),
                waiting=state.get("waiting", {}),
                running=state.get("running", {}),
                ended=state.get("terminated") or {},
                last=entry.get("lastState", {}).get("terminated") or {},
            )


def conditions(pod: Manifest) -> dict[str, Manifest]:
    """Return a pod's conditions by type."""
    return {condition["type"]: condition for condition in pod.get("status", {}).get("conditions", ())}


def time_of(text: str | None) -> datetime | None:
    """Return the time that a status gives, if it gives one."""
    return datetime.fromisoformat(text) if text else None


def excerpt(text: str) -> str:
    """Return somebody else's words on one line, not too long, and without what looks like a secret."""
    line = masked(" ".join(text.split()))
    return line if len(line) <= MESSAGE_LENGTH else f"{line[: MESSAGE_LENGTH - 3]}..."


def own_words(container: Container) -> Problem | None:
    """Return what a container of ours said of its own end."""
    match = _OWN_WORDS.fullmatch(container.end.get("message", "").strip())
    if match is None:
        return None
    return Problem(Severity.WAITING, match["reason"], f"{container.title}: {excerpt(match['sentence'])}")


def last_line(end: Manifest) -> str:
    """Return the line that says it: the last one, as Python's tracebacks end with the exception."""
    # A secret of several lines is found only in the whole text.
    lines = [line for line in masked(end.get("message", "")).splitlines() if line.strip()]
    return lines[-1] if lines else "it left no message"


def way_out(end: Manifest) -> str:
    """Return `exit code 1` or `signal 9`."""
    return f"signal {end['signal']}" if end.get("signal") else f"exit code {end.get('exitCode', '?')}"
