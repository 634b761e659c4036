"""The conditions of an AIApp: what a person or `kubectl wait` reads about it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiapp_operator import findings, pod_findings, source_drift
from aiapp_operator.following import TAG, Policy
from aiapp_operator.ledger import Release
from aiapp_operator.notes import format_time
from aiapp_operator.reasons import Reason
from aiapp_operator.releases import Decision
from aiapp_operator.situation import Situation
from aiapp_operator.state import Manifest, Problem, ResolvedImage, Severity, Stream

READY: Final = "Ready"
UP_TO_DATE: Final = "UpToDate"
SOURCES_RESOLVED: Final = "SourcesResolved"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
SOURCE_DRIFTED: Final = "SourceDrifted"
ORDER: Final = (READY, UP_TO_DATE, SOURCES_RESOLVED, RECONCILING, STALLED, SOURCE_DRIFTED)
MESSAGE_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition before it has its times."""

    status: str
    reason: str
    message: str


def judge(situation: Situation, waiting: str, now: datetime) -> list[Manifest]:
    """Return all conditions; the transition time is kept where the status is what it was.

    waiting: the newest image and model that do not serve yet, in words; empty: they serve.
    """
    verdicts = {
        READY: ready(situation),
        UP_TO_DATE: up_to_date(situation, waiting),
        SOURCES_RESOLVED: sources_resolved(situation),
        RECONCILING: reconciling(situation),
        STALLED: stalled(situation),
        SOURCE_DRIFTED: drifted(situation),
    }
    return stamped(situation.app, {kind: verdict for kind, verdict in verdicts.items() if verdict}, now)


def ready(situation: Situation) -> Verdict:
    """The active release serves at the wanted strength, whatever a newer one does."""
    active = situation.record.active
    if active is None:
        problem = situation.problem
        if problem:
            return Verdict("False", problem.reason, f"nothing serves yet: {problem.message}")
        reason = Reason.ROLLING_OUT if situation.target else Reason.NO_RELEASE
        return Verdict("False", reason, f"nothing serves yet{_starting(situation.target)}")
    # A rollout's surge and pods that are on their way out are more than anybody asked for.
    available = min(situation.available, situation.wanted)
    strength = f"{available} of {situation.wanted} pods are available"
    if available == situation.wanted:
        return Verdict("True", Reason.SERVING, f"{active} serves: {strength}")
    cause = pod_findings.cause(pod_findings.of_revision(situation.pods, active.number))
    if cause:
        return Verdict("False", cause.reason, f"{active}: {strength}: {cause.message}")
    return Verdict("False", Reason.PODS_UNAVAILABLE, f"{active}: {strength}")


def up_to_date(situation: Situation, waiting: str) -> Verdict:
    """What serves is what the spec and its sources ask for; a bump waits for this one."""
    decision, target = situation.decision, situation.target
    keeps = (f"; waiting: {waiting}" if waiting else "") + _keeps(situation)
    if situation.blocked or decision is None:
        problem = situation.blocked
        return Verdict("False", problem.reason if problem else Reason.INVALID_SPEC, f"{_words(problem)}{keeps}")
    if decision.as_asked and target:
        return _of_the_release(situation, target, keeps)
    if decision.problem:
        return Verdict("False", decision.problem.reason, f"{decision.problem.message}{keeps}")
    if situation.suspended:
        return Verdict("False", Reason.SUSPENDED, f"spec.suspend is true: {_suspended(decision)}{keeps}")
    return Verdict("Unknown", Reason.RESOLVING, f"registry and store are being asked{keeps}")


def _of_the_release(situation: Situation, target: Release, keeps: str) -> Verdict:
    """Return how far the release is that the spec asks for."""
    problem, failing = situation.source_problem, situation.failing
    if situation.settled and problem:
        # It follows a source that does not answer: whether there is something newer, nobody knows.
        return Verdict("False", problem.reason, f"{problem.message}{keeps}")
    if situation.settled:
        return Verdict("True", Reason.UP_TO_DATE, f"{target} serves, as the spec asks")
    if failing:
        verb = "waits" if failing.reason in findings.TIME else "does not start"
        return Verdict("False", failing.reason, f"{target} {verb}: {failing.message}{keeps}")
    meanwhile = "" if situation.candidate is None else keeps
    return Verdict("False", Reason.ROLLING_OUT, f"{target} is being rolled out: {_progress(situation)}{meanwhile}")


def sources_resolved(situation: Situation) -> Verdict:
    """Image and model are known by their digests."""
    decision = situation.decision
    if decision is None:
        reason = situation.blocked.reason if situation.blocked else Reason.INVALID_SPEC
        return Verdict("Unknown", reason, "nothing was asked, as what stands in the way comes first")
    if decision.problem:
        return Verdict("False", decision.problem.reason, decision.problem.message)
    if decision.resolved and decision.image:
        return Verdict("True", Reason.RESOLVED, _resolved(decision, decision.image))
    if situation.suspended:
        return Verdict("Unknown", Reason.SUSPENDED, "registry and store are not asked while spec.suspend is true")
    return Verdict("Unknown", Reason.RESOLVING, "registry and store are being asked")


def reconciling(situation: Situation) -> Verdict | None:
    """A rollout runs now."""
    if situation.target is None or situation.settled or situation.blocked:
        return None
    reason = situation.failing.reason if situation.failing else Reason.ROLLING_OUT
    return Verdict("True", reason, f"{situation.target} is being rolled out: {_progress(situation)}")


def stalled(situation: Situation) -> Verdict | None:
    """Nothing moves before somebody edits the spec."""
    for problem in (situation.blocked, situation.source_problem):
        if problem and problem.severity is Severity.STALLED:
            return Verdict("True", problem.reason, problem.message)
    return None


def drifted(situation: Situation) -> Verdict | None:
    """Bytes behind a released digest changed or went."""
    status, active = situation.app.get("status") or {}, situation.record.active
    before = conditions_of(status).get(SOURCE_DRIFTED)
    same = active is not None and status.get("active", {}).get("revision") == active.number
    if situation.drifts is None and before and same:
        # This process has not looked yet; what was found before of these releases stands until somebody does.
        return Verdict(before["status"], before["reason"], before["message"])
    if not situation.drifts:
        return None
    worst, *_ = situation.drifts
    return Verdict("True", worst.reason, source_drift.words(situation.drifts, situation.record))


def acknowledge(app: Manifest, now: datetime) -> Manifest | None:
    """Return the status that says "seen, and being worked on" for a spec not seen before; None: it was.

    Written before registry and store are asked, so that nobody takes what was said about the spec before for an
    answer to the new one.
    """
    status: Manifest = app.get("status") or {}
    generation = app["metadata"]["generation"]
    if status.get("observedGeneration") == generation:
        return None
    resolving = Verdict("Unknown", Reason.RESOLVING, "the spec changed: registry and store are being asked")
    verdicts = {
        UP_TO_DATE: resolving,
        SOURCES_RESOLVED: resolving,
        RECONCILING: Verdict("True", Reason.RESOLVING, resolving.message),
    }
    before = conditions_of(status)
    # What serves is not judged again here: Ready keeps the generation that it was judged by.
    kept = [before[READY]] if READY in before else stamped(app, {READY: resolving}, now)
    shown = in_order([*kept, *stamped(app, verdicts, now)])
    return {**status, "observedGeneration": generation, "conditions": shown}


def stamped(app: Manifest, verdicts: Mapping[str, Verdict], now: datetime) -> list[Manifest]:
    """Return verdicts as conditions with generation and transition time."""
    before = conditions_of(app.get("status") or {})
    conditions = []
    for kind, verdict in verdicts.items():
        old = before.get(kind, {})
        same = old.get("status") == verdict.status
        conditions.append(
            {
                "type": kind,
                "status": verdict.status,
                "observedGeneration": app["metadata"]["generation"],
                "lastTransitionTime": old["lastTransitionTime"] if same else format_time(now),
                "reason": str(verdict.reason),
                "message": verdict.message[:MESSAGE_LENGTH],
            }
        )
    return conditions


def in_order(shown: list[Manifest]) -> list[Manifest]:
    """Return conditions in the order in which people read them."""
    return sorted(shown, key=lambda condition: ORDER.index(condition["type"]))


def conditions_of(status: Manifest) -> dict[str, Manifest]:
    """Return a status' conditions by type."""
    return {condition["type"]: condition for condition in status.get("conditions", ())}


def _resolved(decision: Decision, image: ResolvedImage) -> str:
    """Return what the streams stand for, and by which policy where one is followed."""
    parts = [f"image {image.ref} is {image.digest}{_followed(decision.follows.get(Stream.IMAGE))}"]
    model = decision.model
    if model:
        content = model.digest or "read from its volume by its name"
        parts.append(f"model {model.version} is {content}{_followed(decision.follows.get(Stream.MODEL))}")
    return ", ".join(parts)


def _followed(policy: Policy | None) -> str:
    if policy and policy.type == TAG:
        return " (followed as it moves)"
    return f" (the newest by {policy})" if policy else ""


def _suspended(decision: Decision) -> str:
    if decision.follows:
        return "what the spec asks for waits, and nobody looks for newer images and models"
    return "what the spec asks for waits"


def _words(problem: Problem | None) -> str:
    return problem.message if problem else "the spec cannot be read"


def _starting(target: Release | None) -> str:
    return f": {target} is starting" if target else ""


def _progress(situation: Situation) -> str:
    target = situation.target
    updated = pod_findings.of_revision(situation.pods, target.number) if target else ()
    ready_pods = sum(pod_findings.is_ready(pod) for pod in updated)
    loading = pod_findings.fetching(updated)
    leaving = pod_findings.leaving(situation.pods, target.number) if target else 0
    return (
        f"{ready_pods} of {situation.wanted} pods are ready"
        + (f", {loading} fetching the model" if loading else "")
        + (f", {leaving} of the release before still end their connections" if leaving else "")
    )


def _keeps(situation: Situation) -> str:
    """Return what the users of the endpoint have meanwhile."""
    active = situation.record.active
    if active is None:
        return "; nothing serves yet"
    if not situation.available:
        return f"; {active} should serve meanwhile, but none of its pods is available"
    return f"; {active} keeps serving"
