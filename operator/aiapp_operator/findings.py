"""What stands in the way of what the spec asks for: named checks, each a Problem or None. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from aiapp_operator import following, pod_findings
from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children import expected
from aiapp_operator.children.containers import resources
from aiapp_operator.container_states import excerpt
from aiapp_operator.errors import Reason as SourceReason
from aiapp_operator.reasons import Reason
from aiapp_operator.release import windows
from aiapp_operator.release.ledger import Release
from aiapp_operator.state import Manifest, ObjectId, Observed, Problem, Severity, Sources

TIME: Final = frozenset(
    {
        Reason.NO_CAPACITY.value,
        Reason.PODS_REFUSED.value,
        Reason.FETCH_SLOW.value,
        SourceReason.QUOTA_EXCEEDED.value,
    }
)
"""Reasons of a release that only waits: its sources have nothing to do with it."""


def read_spec(app: Manifest) -> AIApp | Problem:
    """Return the parsed app, or what the API server's validation let through and this operator cannot use."""
    try:
        parsed = AIApp.parse(app)
        following.repository(parsed)
        parse_duration(parsed.spec.release.progress_deadline)
        resources(parsed.spec.serving.resources)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        return Problem(Severity.STALLED, Reason.INVALID_SPEC, f"{field}: {first['msg']}")
    except ValueError as error:
        return Problem(Severity.STALLED, Reason.INVALID_SPEC, str(error))
    return _unusable_policy(parsed) or parsed


def _unusable_policy(app: AIApp) -> Problem | None:
    policies = {"imagePolicy": following.image_policy(app), "modelPolicy": following.model_policy(app)}
    wrong = {field: words for field, policy in policies.items() if (words := following.problem(policy))}
    if not wrong:
        return None
    words = "; ".join(f"spec.{field}: {words}" for field, words in wrong.items())
    return Problem(Severity.STALLED, Reason.INVALID_SPEC, words)


def unusable_window(app: AIApp) -> Problem | None:
    """A schedule that opens nothing; what serves is watched, and undone if it is bad, all the same."""
    words = windows.problem(app.spec.release)
    return Problem(Severity.STALLED, Reason.INVALID_SPEC, words) if words else None


def predecessor(observed: Observed) -> Problem | None:
    """Objects of a deleted AIApp of this name are still there; they go by themselves, a load balancer last."""
    if not observed.leaving:
        return None
    kind, name = max(observed.leaving)  # a Service comes late in the alphabet, and may take minutes
    words = f"{kind} {name} of the AIApp of this name that was deleted is still being deleted; it is waited for"
    return Problem(Severity.TRANSIENT, SourceReason.NAME_CONFLICT, words)


def name_conflict(observed: Observed) -> Problem | None:
    """An object of somebody else has a name that a child needs; it is never taken by force.

    A ServiceAccount is no conflict: one of the app's name is used as it is.
    """
    for child in expected(observed.app):
        if child.kind != "ServiceAccount" and child in observed.occupied:
            return Problem(
                Severity.WAITING,
                SourceReason.NAME_CONFLICT,
                f"{child.kind} {child.name} exists and belongs to somebody else: delete or rename it, "
                "or give the AIApp another name",
            )
    return None


def unresolved_source(sources: Sources) -> Problem | None:
    """Registry or store did not give what the spec names."""
    problems = [problem for problem in (sources.image, sources.model) if isinstance(problem, Problem)]
    if len(problems) < 2:
        return problems[0] if problems else None
    first, second = problems
    # One condition has one reason: the image's; the words are those of both.
    severity = Severity.STALLED if Severity.STALLED in (first.severity, second.severity) else first.severity
    return Problem(severity, first.reason, f"{first.message}; {second.reason}: {second.message}")


def failing_release(deployment: Manifest, pods: Sequence[Manifest]) -> Problem | None:
    """Return why the pods of the release on the Deployment do not come up; None: they do, or need time."""
    # The Deployment's clock knows nothing of the size of a model: while one is on its way, nothing is stuck.
    stuck = deadline_exceeded(deployment) and not pod_findings.fetching(pods)
    return pod_findings.cause(pods) or pods_refused(deployment) or (rollout_stuck(pods) if stuck else None)


def failing_by_now(
    app: AIApp, release: Release, deployment: Manifest, pods: Sequence[Manifest], now: datetime
) -> Problem | None:
    """Return the same; an app that runs and is not ready has the whole deadline, counted from its start."""
    deadline = parse_duration(app.spec.release.progress_deadline)
    problem = failing_release(deployment, pods)
    starting = pod_findings.ready_due(pods, deadline) is not None
    if problem is None or (problem.reason == Reason.ROLLOUT_STUCK and starting):
        return pod_findings.never_ready(pods, now, deadline) or pod_findings.fetch_slow(pods, release, now)
    return problem


def pods_refused(deployment: Manifest) -> Problem | None:
    """The API server accepts the Deployment but not its pods."""
    condition = deployment_conditions(deployment).get("ReplicaFailure", {})
    if condition.get("status") != "True":
        return None
    words = excerpt(condition.get("message", "no message"))
    if "exceeded quota" in words:
        return Problem(
            Severity.WAITING,
            SourceReason.QUOTA_EXCEEDED,
            f"pods cannot be created: {words}; raise the ResourceQuota or lower spec.serving.resources",
        )
    return Problem(Severity.WAITING, Reason.PODS_REFUSED, f"pods cannot be created: {words}")


def rollout_stuck(pods: Sequence[Manifest]) -> Problem:
    """No progress within the deadline, and no check knows why."""
    names = ", ".join(str(pod["metadata"]["name"]) for pod in pods[:3])
    look = f"`kubectl describe pod {pods[0]['metadata']['name']}` may tell more" if pods else "it has no pods"
    return Problem(
        Severity.WAITING,
        Reason.ROLLOUT_STUCK,
        f"no progress within spec.release.progressDeadline{f' ({names})' if names else ''}: {look}, "
        "such as a Secret or ConfigMap that cannot be mounted",
    )


def deadline_exceeded(deployment: Manifest) -> bool:
    """Tell whether the Deployment gave up waiting for progress."""
    return deployment_conditions(deployment).get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded"


def deployment_conditions(deployment: Manifest) -> Mapping[str, Manifest]:
    """Return the Deployment's conditions by type."""
    return {condition["type"]: condition for condition in deployment.get("status", {}).get("conditions", ())}


def deployment_of(observed: Observed) -> Manifest:
    """Return the app's Deployment, empty when there is none."""
    return observed.children.get(ObjectId("Deployment", observed.app["metadata"]["name"]), {})
