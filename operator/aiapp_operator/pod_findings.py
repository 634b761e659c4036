"""Why pods do not serve: named checks of their status, the most telling first. Pure.

A check answers in the words of the kubelet or of the container's own last message, and says what to do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from aiapp_models import contract
from aiapp_operator.children.fetch import fetch_allowance
from aiapp_operator.container_findings import CHECKS, START_FAILURES, crash, never_starts
from aiapp_operator.container_states import Container, conditions, containers, excerpt, time_of
from aiapp_operator.reasons import Reason
from aiapp_operator.release.ledger import Release, controller
from aiapp_operator.state import Manifest, Problem, Severity

FAULTY_RESTARTS: Final = 2
"""An app may end once, as when something that it needs is not up yet."""


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
    return bool(conditions(pod).get("Ready", {}).get("status") == "True")


def fetching(pods: Sequence[Manifest]) -> int:
    """Return how many of these pods are fetching their model now."""
    found = [container for pod in pods for container in _containers(pod)]
    return sum(container.name == contract.FETCH_CONTAINER and bool(container.running) for container in found)


def cause(pods: Sequence[Manifest]) -> Problem | None:
    """Return what keeps these pods from serving; None: nothing does, or they only need time."""
    found = _first([container for pod in pods for container in _containers(pod)])
    return found or next((problem for pod in pods if (problem := no_capacity(pod))), None)


def hindrance(pod: Manifest) -> Problem | None:
    """Return what keeps a pod from starting, whatever came of its app."""
    pieces = [
        replace(each, ended={}, last={}) if _is_app(each) and _has_run(each) else each for each in _containers(pod)
    ]
    return _first(pieces) or no_capacity(pod)


def faults(pods: Sequence[Manifest]) -> Problem | None:
    """Return what the release of these pods does wrong; None: nothing yet, or something else is in the way.

    Pull, fetch, store, room and what the namespace lacks are never a release's own fault. An app that ends is started
    again, and only one that goes on ending is at fault. One that never gets ready is found by `never_ready`.
    """
    apps = [each for pod in pods if not disrupted(pod) for each in _containers(pod) if _is_app(each)]
    found = (never_starts(app) or (crash(app) if app.restarts >= FAULTY_RESTARTS else None) for app in apps)
    return next((problem for problem in found if problem), None)


def fetch_slow(pods: Sequence[Manifest], release: Release, now: datetime) -> Problem | None:
    """Return the pod whose model takes longer to arrive than its size explains; it goes on, and is no failure."""
    for container, started, allowance in _allowed(pods, release):
        if now >= started + allowance:
            return Problem(
                Severity.WAITING,
                Reason.FETCH_SLOW,
                f"{container.title} has been fetching the model since {started:%Y-%m-%dT%H:%M:%SZ}, longer than "
                f"{allowance}: the store, the network or the node's disk is slow; "
                f"`kubectl logs {container.pod} -c {container.name}` shows how far it is",
            )
    return None


def fetch_due(pods: Sequence[Manifest], release: Release) -> datetime | None:
    """Return when the first of these pods will have been fetching the release's model for too long."""
    return min((started + allowance for _, started, allowance in _allowed(pods, release)), default=None)


def disrupted(pod: Manifest) -> bool:
    """Tell a pod that is evicted, preempted, deleted or lost with its node: how it ends says nothing of its release."""
    target = conditions(pod).get("DisruptionTarget", {}).get("status") == "True"
    return target or "deletionTimestamp" in pod["metadata"]


def never_ready(pods: Sequence[Manifest], now: datetime, deadline: timedelta) -> Problem | None:
    """Return the pod whose app has been running for longer than `deadline` without being ready."""
    for container, since in _not_ready(pods):
        if now - since >= deadline:
            return Problem(
                Severity.WAITING,
                Reason.NEVER_READY,
                f"{container.title} has been running without being ready since {since:%Y-%m-%dT%H:%M:%SZ}: "
                f"spec.serving.readinessPath must answer 2xx on spec.serving.port once the model is loaded; if it only "
                f"needs longer, raise spec.release.progressDeadline; `kubectl logs {container.pod}` shows what it does",
            )
    return None


def ready_due(pods: Sequence[Manifest], deadline: timedelta) -> datetime | None:
    """Return when the first of these pods will have been running for too long without being ready."""
    return min((since + deadline for _, since in _not_ready(pods)), default=None)


def no_capacity(pod: Manifest) -> Problem | None:
    """No node has room; never a failure of the release."""
    scheduled = conditions(pod).get("PodScheduled", {})
    if scheduled.get("reason") != "Unschedulable":
        return None
    return Problem(
        Severity.WAITING,
        Reason.NO_CAPACITY,
        f"pod {pod['metadata']['name']} waits for a node: {excerpt(scheduled.get('message', 'no message'))}; "
        "it starts as soon as a node has room (add nodes, or lower spec.serving.resources.requests)",
    )


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
    """Yield the apps that run and are not ready, and since when: their start, or the loss of what they had."""
    for pod in pods:
        lost = time_of(conditions(pod).get("ContainersReady", {}).get("lastTransitionTime"))
        for container in _containers(pod):
            if _is_app(container) and container.started and not container.ready:
                yield container, max(container.started, lost or container.started)


def _allowed(pods: Sequence[Manifest], release: Release) -> Iterator[tuple[Container, datetime, timedelta]]:
    """Yield the containers that fetch now, since when, and how long they may take."""
    model = release.inputs.model
    for container in (each for pod in pods for each in _containers(pod)):
        if model and container.name == contract.FETCH_CONTAINER and container.started:
            yield container, container.started, fetch_allowance(model.size_bytes)


def _is_app(container: Container) -> bool:
    return container.name == contract.APP_CONTAINER


def _has_run(container: Container) -> bool:
    return bool(container.running) or container.end.get("reason") not in START_FAILURES


def _first(found: Sequence[Container]) -> Problem | None:
    """Return what the most telling check says of any of these containers."""
    return next((problem for check in CHECKS for container in found if (problem := check(container))), None)


def _containers(pod: Manifest) -> Iterator[Container]:
    """Yield the containers that are not as they should be, in the order in which they start."""
    for container in containers(pod):
        succeeded = container.init and container.ended.get("exitCode") == 0
        if not succeeded and (container.init or not container.ready):
            yield container
