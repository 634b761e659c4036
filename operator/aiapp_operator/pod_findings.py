"""Why pods do not serve: named checks of their status, the most telling first. Pure.

A check answers in the words of the kubelet or of the container's own last message, and says what to do.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from aiapp_models import contract
from aiapp_models.errors import Reason as ModelReason
from aiapp_operator.container_states import Container, containers, excerpt, last_line, own_words, way_out
from aiapp_operator.ledger import controller
from aiapp_operator.reasons import Reason
from aiapp_operator.state import Manifest, Problem, Severity

PULL_FAILURES: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
CREATE_FAILURES: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
START_FAILURES: Final = frozenset({"ContainerCannotRun", "StartError"})
OVERWRITTEN: Final = (
    "pods that run keep the bytes that they verified, this one cannot start: put the version's old files back, or "
    "release one under a new name"
)

_BACK_OFF: Final = re.compile(r'^Back-off pulling image "[^"]*"(: )?(ErrImagePull: )?')


def of_revision(pods: Sequence[Manifest], revision: int) -> tuple[Manifest, ...]:
    """Return the live pods of one release that its Deployment counts, by name."""
    mine = [pod for pod in _serving(pods) if _revision(pod) == str(revision)]
    return tuple(sorted(mine, key=lambda pod: str(pod["metadata"]["name"])))


def of_others(pods: Sequence[Manifest], revision: int) -> tuple[Manifest, ...]:
    """Return the live pods of all releases but one."""
    return tuple(pod for pod in _serving(pods) if _revision(pod) != str(revision))


def leaving(pods: Sequence[Manifest], revision: int) -> int:
    """Return how many pods of other releases are being ended and still answer on the connections that they have.

    One on a node that is lost is not ready, so it is not waited for.
    """
    ending = [pod for pod in _replicated(pods) if "deletionTimestamp" in pod["metadata"] and is_ready(pod)]
    return sum(_revision(pod) != str(revision) for pod in ending)


def is_ready(pod: Manifest) -> bool:
    """Tell whether the kubelet says that the pod takes requests."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def fetching(pods: Sequence[Manifest]) -> int:
    """Return how many of these pods are fetching their model now."""
    containers = [container for pod in pods for container in _containers(pod)]
    return sum(container.name == contract.FETCH_CONTAINER and bool(container.running) for container in containers)


def cause(pods: Sequence[Manifest]) -> Problem | None:
    """Return what keeps these pods from serving; None: nothing does, or they only need time."""
    containers = [container for pod in pods for container in _containers(pod)]
    found = (problem for check in CHECKS for container in containers if (problem := check(container)))
    return next(found, None) or next((problem for pod in pods if (problem := no_capacity(pod))), None)


def never_ready(pods: Sequence[Manifest], now: datetime, deadline: timedelta) -> Problem | None:
    """Return the pod whose app has been running for longer than `deadline` without being ready."""
    for container, since in _not_ready(pods):
        if now - since >= deadline:
            return Problem(
                Severity.WAITING,
                Reason.NEVER_READY,
                f"{container.title} has been running since {since:%Y-%m-%dT%H:%M:%SZ} and never became ready: "
                f"spec.serving.readinessPath must answer 2xx on spec.serving.port once the model is loaded; if it only "
                f"needs longer, raise spec.release.progressDeadline; `kubectl logs {container.pod}` shows what it does",
            )
    return None


def ready_due(pods: Sequence[Manifest], deadline: timedelta) -> datetime | None:
    """Return when the first of these pods will have been running for too long without being ready."""
    return min((since + deadline for _, since in _not_ready(pods)), default=None)


def image_pull_failed(container: Container) -> Problem | None:
    """A node cannot get the image."""
    if container.waiting.get("reason") not in PULL_FAILURES:
        return None
    words = _BACK_OFF.sub("", container.waiting.get("message", "")) or "the kubelet gives no cause"
    fix = "push the image, or name a Secret with the registry's credentials in spec.imagePullSecrets"
    if container.name == contract.FETCH_CONTAINER:
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
    if container.name == contract.FETCH_CONTAINER:
        fix = "it streams, and its limit is the operator's own, not one of the spec: please report this"
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


CHECKS: Final[tuple[Callable[[Container], Problem | None], ...]] = (
    image_pull_failed,
    fetch_failed,
    container_cannot_run,
    out_of_memory,
    crashing,
)


def no_capacity(pod: Manifest) -> Problem | None:
    """No node has room; never a failure of the release."""
    for condition in pod.get("status", {}).get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return Problem(
                Severity.WAITING,
                Reason.NO_CAPACITY,
                f"pod {pod['metadata']['name']} waits for a node: {excerpt(condition.get('message', 'no message'))}; "
                "it starts as soon as a node has room (add nodes, or lower spec.serving.resources.requests)",
            )
    return None


def _serving(pods: Sequence[Manifest]) -> Iterator[Manifest]:
    """Yield the live pods that a ReplicaSet runs."""
    return (pod for pod in _replicated(pods) if _lives(pod))


def _replicated(pods: Sequence[Manifest]) -> Iterator[Manifest]:
    """Yield the pods that a ReplicaSet runs; one set aside, as for debugging, is nobody's any more."""
    for pod in pods:
        replicated = controller(pod).get("kind") == "ReplicaSet"
        if replicated and _labels(pod).get(contract.LABEL_ROLE) == contract.ROLE_SERVING:
            yield pod


def _revision(pod: Manifest) -> str | None:
    return _labels(pod).get(contract.LABEL_REVISION)


def _labels(pod: Manifest) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _lives(pod: Manifest) -> bool:
    gone = pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
    return not gone and "deletionTimestamp" not in pod["metadata"]


def _not_ready(pods: Sequence[Manifest]) -> Iterator[tuple[Container, datetime]]:
    for pod in pods:
        for container in _containers(pod):
            started = container.running.get("startedAt")
            if container.name == contract.APP_CONTAINER and started and not container.ready:
                yield container, datetime.fromisoformat(started)


def _containers(pod: Manifest) -> Iterator[Container]:
    """Yield the containers that are not as they should be, in the order in which they start."""
    for container in containers(pod):
        succeeded = container.init and container.ended.get("exitCode") == 0
        if not succeeded and (container.init or not container.ready):
            yield container
