"""Why a container does not serve: named checks of its status, and which of them are its release's own fault. Pure.

A check answers in the words of the kubelet or of the container's own last message, and says what to do.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from aiapp_models import contract
from aiapp_models.errors import Reason as ModelReason
from aiapp_models.masking import masked
from aiapp_operator.container_states import LOST, Container, excerpt, last_line, own_words, way_out
from aiapp_operator.reasons import Reason
from aiapp_operator.state import Problem, Severity

PULL_FAILURES: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
CREATE_FAILURES: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
START_FAILURES: Final = frozenset({"ContainerCannotRun", "StartError"})
OVERWRITTEN: Final = (
    "pods that run keep the bytes that they verified, this one cannot start: put the version's old files back, or "
    "release one under a new name"
)

OURS: Final = frozenset({contract.FETCH_CONTAINER, contract.GATE_CONTAINER})
"""Containers from the operator's own image."""
ROOT_WORDS: Final = re.compile(
    r"permission denied(?! for\b)|operation not permitted|\b(?:EACCES|EPERM)\b|must be (?:run|started) (?:as|with) root"
    r"|image will run as root|non-numeric user|runAsNonRoot",
    re.IGNORECASE,
)
"""What programs, runtimes and the kubelet say where an image needs root. A database's `for table` is another matter."""
NODE_WORDS: Final = re.compile(
    r"deadline exceeded|timed? ?out|no space left|too many open files|temporarily unavailable|cannot allocate memory"
    r"|connection (?:refused|reset)|transport is closing|ttrpc: closed|is reserved for|device or resource busy",
    re.IGNORECASE,
)
"""What a runtime says where its node is in trouble, and not the image."""

_BACK_OFF: Final = re.compile(r'^Back-off pulling image "[^"]*"(: )?(ErrImagePull: )?')


def image_pull_failed(container: Container) -> Problem | None:
    """A node cannot get the image."""
    if container.waiting.get("reason") not in PULL_FAILURES:
        return None
    words = _BACK_OFF.sub("", container.waiting.get("message", "")) or "the kubelet gives no cause"
    fix = "push the image, or name a Secret with the registry's credentials in spec.imagePullSecrets"
    if container.name in OURS:
        fix = (
            "this image is the operator's, not the app's: an administrator corrects serving.image in the chart's "
            "values, or lets the nodes pull it"
        )
    return Problem(
        Severity.WAITING,
        Reason.IMAGE_PULL_FAILED,
        f"{container.title}: the node cannot pull {container.image}: {excerpt(words)}; {fix}",
    )


def fetch_failed(container: Container) -> Problem | None:
    """The init container could not bring the model; it says itself why."""
    ended = container.end
    if container.name != contract.FETCH_CONTAINER or not ended.get("exitCode") or ended.get("reason") == "OOMKilled":
        return None
    said = own_words(container)
    if said and said.reason == ModelReason.MODEL_CHANGED:
        return replace(said, message=f"{said.message}; {OVERWRITTEN}")
    return said or Problem(
        Severity.WAITING,
        ModelReason.FETCH_FAILED,
        f"{container.title} ended with {way_out(ended)}: {excerpt(last_line(ended))}",
    )


def container_cannot_run(container: Container) -> Problem | None:
    """The container cannot be created, or its command cannot be run."""
    state = container.waiting if container.waiting.get("reason") in CREATE_FAILURES else container.end
    if state.get("reason") not in CREATE_FAILURES | START_FAILURES:
        return None
    return Problem(
        Severity.WAITING,
        Reason.CONTAINER_CANNOT_RUN,
        f"{container.title} cannot be run: {state['reason']}: {excerpt(state.get('message', 'no message'))}; "
        "containers run as user 65532 with a read-only root, and what spec.serving.env refers to must exist",
    )


def out_of_memory(container: Container) -> Problem | None:
    """The container used more memory than its limit."""
    if container.end.get("reason") != "OOMKilled":
        return None
    fix = "raise spec.serving.resources.limits.memory"
    if container.name in OURS:
        fix = "its limit is the operator's own, not one of the spec: please report this"
    return Problem(
        Severity.WAITING,
        Reason.OUT_OF_MEMORY,
        f"{container.title} was killed for using more memory than it may: {fix}",
    )


def crashing(container: Container) -> Problem | None:
    """The app ends instead of serving."""
    if container.name != contract.APP_CONTAINER or not container.end:
        return None
    return own_words(container) or Problem(
        Severity.WAITING,
        Reason.CRASHING,
        f"{container.title} ended with {way_out(container.end)} ({container.restarts} restarts): "
        f"{excerpt(last_line(container.end))}; `kubectl logs {container.pod} --previous` shows more",
    )


def runs_as_root(container: Container) -> Problem | None:
    """The app's image is made for root, which it is not here."""
    if container.name != contract.APP_CONTAINER or own_words(container):
        return None
    refused = container.waiting if container.waiting.get("reason") in CREATE_FAILURES else container.end
    lines = masked(refused.get("message", "")).splitlines()
    said = next((line for line in reversed(lines) if ROOT_WORDS.search(line)), None)
    if said is None:
        return None
    return Problem(
        Severity.WAITING,
        Reason.RUNS_AS_ROOT,
        f"{container.title} was refused something: {excerpt(said)}; pods run as user 65532 with a read-only root and a "
        "writable /tmp: build the image so that any user can run it, and let it write to /tmp alone",
    )


CHECKS: Final[tuple[Callable[[Container], Problem | None], ...]] = (
    image_pull_failed,
    fetch_failed,
    runs_as_root,
    container_cannot_run,
    out_of_memory,
    crashing,
)


def never_starts(container: Container) -> Problem | None:
    """Return why the app's container can never be started as its release has it; None: time or somebody may help.

    A Secret or ConfigMap that is not there may come, and a node that is in trouble recovers.
    """
    waits, end = container.waiting, container.end
    missing = waits.get("reason") == "CreateContainerConfigError"
    state = waits if waits.get("reason") in CREATE_FAILURES else end
    if container.name != contract.APP_CONTAINER or state.get("reason") not in CREATE_FAILURES | START_FAILURES:
        return None
    problem = runs_as_root(container)
    return problem or (
        None if missing or NODE_WORDS.search(state.get("message", "")) else container_cannot_run(container)
    )


def crash(container: Container) -> Problem | None:
    """Return how the app's container ended by its own doing; None: it did not, or its node was lost."""
    if container.name != contract.APP_CONTAINER or container.end.get("reason") in LOST | START_FAILURES:
        return None
    return out_of_memory(container) or runs_as_root(container) or crashing(container)
