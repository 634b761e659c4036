"""What the bake of a release finds: restarts of its app, and readiness that is lost for long. Pure.

It needs no traffic: kubelets ask every pod all the time. Pods that are evicted, deleted or scaled away do not count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from aiapp_models import contract
from aiapp_operator.container_findings import crash
from aiapp_operator.container_states import Container, conditions, containers, time_of
from aiapp_operator.pod_findings import disrupted
from aiapp_operator.reasons import Reason
from aiapp_operator.state import Manifest, Problem, Severity

READINESS_LOST: Final = timedelta(seconds=30)
"""How long a pod may be without readiness, as while its app is busy or a service that it asks is away."""


def bake_problem(pods: Sequence[Manifest], released: datetime, now: datetime) -> Problem | None:
    """Return what a release did wrong from its release until `now`; None: nothing.

    pods: those of the release, as `pod_findings.of_revision` gives them.
    """
    return _restarted(pods, released, now) or _lost_readiness(pods, released, now)


def bake_due(pods: Sequence[Manifest], released: datetime, now: datetime) -> datetime | None:
    """Return when one of these pods will have been without readiness for too long; None: all have it."""
    ends = [since + READINESS_LOST for _, since in _without_readiness(pods, released)]
    return min((end for end in ends if end > now), default=None)


def _restarted(pods: Sequence[Manifest], released: datetime, now: datetime) -> Problem | None:
    for _, app in _apps(pods):
        for end in (app.ended, app.last):
            finished = time_of(end.get("finishedAt"))
            if finished and released < finished <= now and (problem := crash(replace(app, ended=end, last={}))):
                return problem
    return None


def _lost_readiness(pods: Sequence[Manifest], released: datetime, now: datetime) -> Problem | None:
    for app, since in _without_readiness(pods, released):
        if now >= since + READINESS_LOST:
            return Problem(
                Severity.WAITING,
                Reason.READINESS_LOST,
                f"{app.title} runs, but since {since:%Y-%m-%dT%H:%M:%SZ} spec.serving.readinessPath has not answered "
                f"with 2xx as it did before; `kubectl logs {app.pod}` shows what the app does",
            )
    return None


def _without_readiness(pods: Sequence[Manifest], released: datetime) -> Iterator[tuple[Container, datetime]]:
    """Yield the apps that were ready and are not any more, by what their kubelets say, and since when."""
    for pod, app in _apps(pods):
        since = time_of(conditions(pod).get("ContainersReady", {}).get("lastTransitionTime"))
        # A pod that was never ready, such as one of a scale-up, is without readiness since before its app started.
        if not app.ready and app.started and since and since > max(app.started, released):
            yield app, since


def _apps(pods: Sequence[Manifest]) -> Iterator[tuple[Manifest, Container]]:
    for pod in pods:
        for container in containers(pod):
            if container.name == contract.APP_CONTAINER and not disrupted(pod):
                yield pod, container
