"""The decision: what the cluster should hold for one AIApp, and what to say about it. Pure.

Findings first, then the release machine, then the children, then the conditions; every run does all of it from what
was observed, and remembers nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from aiapp_operator import actions, children, conditions, events, findings, pod_findings, source_drift, status
from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.reasons import Reason
from aiapp_operator.release import holds, machine, releases, rollout
from aiapp_operator.release.decision import Decision
from aiapp_operator.release.ledger import Ledger, Release, read
from aiapp_operator.settings import Settings
from aiapp_operator.situation import Situation, Verdict
from aiapp_operator.state import WAITING_SECONDS, Manifest, ObjectId, Observed, Part, Plan, Problem, Severity, Stream

TRANSIENT_SECONDS: Final = (5, 300)
"""The first and the longest delay; it doubles in between."""


def plan(observed: Observed, settings: Settings, now: datetime) -> Plan:
    """Return what is to be done about one AIApp."""
    if "deletionTimestamp" in observed.app["metadata"]:
        return Plan()  # the garbage collector takes the children
    app = findings.predecessor(observed) or findings.read_spec(observed.app)
    if isinstance(app, Problem):
        situation = _unreadable(observed, read(observed.app, observed.children, observed.revisions), app)
        url = (observed.app.get("status") or {}).get("url", "")
        return _reported(situation, status.project(situation, url, now), now)
    decision = machine.decide(app, observed, settings, now)
    gone = _expired(app, decision)
    record = holds.carried(decision.record, gone)
    situation = _situation(observed, app, record, decision, now)
    reported = _reported(situation, status.project(situation, _url(observed, app, settings), now), now)
    return replace(
        reported,
        apply=_desired(observed, app, record, decision, gone),
        create=decision.create,
        delete=(*decision.delete, *_unwanted(observed, app, gone)),
        requeue_after=_soonest(
            reported.requeue_after,
            _deadline(situation, app, now),
            _until(decision.due, now),
            _asked_again(decision, reported, now),
        ),
    )


def after_refusals(plan: Plan, observed: Observed, refusals: Sequence[tuple[ObjectId, Problem]], now: datetime) -> Plan:
    """Return the plan as it stands after the API server refused some of its objects: status says so, in its words."""
    if not refusals or plan.status is None:
        return plan
    (child, problem), *_ = refusals
    verdict = Verdict("False", problem.reason, f"{child.kind} {child.name} is refused: {problem.message}")
    (refused,) = conditions.stamped(observed.app, {conditions.UP_TO_DATE: verdict}, now)
    others = [condition for condition in plan.status["conditions"] if condition["type"] != conditions.UP_TO_DATE]
    old: Manifest = observed.app.get("status") or {}
    new = {**plan.status, "conditions": conditions.in_order([*others, refused])}
    if any(child.kind == "ControllerRevision" for child, _ in refusals):
        new = status.without_records(new, old)
    soon = _soonest(plan.requeue_after, _delay(problem, refused, now))
    ignored = (event for event in plan.events if event.reason == Reason.ACTION_IGNORED)
    told = (*events.transitions(old, new), *ignored)
    return replace(plan, status=old if new == old else new, events=told, requeue_after=soon)


def _unreadable(observed: Observed, record: Ledger, problem: Problem) -> Situation:
    deployment = findings.deployment_of(observed)
    return Situation(
        app=observed.app,
        record=record,
        decision=None,
        deployment=deployment,
        pods=observed.pods,
        wanted=deployment.get("spec", {}).get("replicas", 1),
        blocked=problem,
        failing=None,
        suspended=False,
    )


def _situation(observed: Observed, app: AIApp, record: Ledger, decision: Decision, now: datetime) -> Situation:
    deployment, target = findings.deployment_of(observed), decision.target
    failing = None
    if target and target.number == record.running:
        pods = pod_findings.of_revision(observed.pods, target.number)
        failing = findings.failing_by_now(app, target, deployment, pods, now)
    return Situation(
        app=observed.app,
        record=record,
        decision=decision,
        deployment=deployment,
        pods=observed.pods,
        wanted=app.spec.serving.replicas,
        blocked=findings.name_conflict(observed) or findings.unusable_window(app),
        failing=failing,
        suspended=app.spec.suspend,
        drifts=source_drift.found(app, record, observed),
    )


def _desired(
    observed: Observed, app: AIApp, record: Ledger, decision: Decision, gone: tuple[Release, ...]
) -> tuple[Manifest, ...]:
    """Return what is to be applied; the records first, so that no Deployment runs what is not on record."""
    account = ObjectId("ServiceAccount", app.metadata.name)
    own_account = app.spec.service_account_name is None and account not in observed.occupied
    built = children.build(app, decision.target, own_service_account=own_account)
    return (
        *releases.records(app, record, gone),
        *(child for child in built if _id(child) not in observed.occupied),
    )


def _unwanted(observed: Observed, app: AIApp, gone: tuple[Release, ...]) -> tuple[ObjectId, ...]:
    unwanted = [ObjectId("ControllerRevision", release.name) for release in gone]
    budget = ObjectId("PodDisruptionBudget", app.metadata.name)
    # One pod with a budget would hold its node for ever.
    if app.spec.serving.replicas == 1 and budget in observed.children:
        unwanted.append(budget)
    return tuple(unwanted)


def _id(manifest: Manifest) -> ObjectId:
    return ObjectId(manifest["kind"], manifest["metadata"]["name"])


def _url(observed: Observed, app: AIApp, settings: Settings) -> str:
    service = observed.children.get(ObjectId("Service", app.metadata.name), {})
    return status.url(app, service, settings.cluster_domain)


def _reported(situation: Situation, new: Manifest, now: datetime) -> Plan:
    """Return a plan that reports and changes nothing."""
    old: Manifest = situation.app.get("status") or {}
    judged = conditions.conditions_of(new)
    kind = conditions.SOURCES_RESOLVED if situation.problem == situation.source_problem else conditions.UP_TO_DATE
    again = _delay(situation.problem, judged[kind], now)
    in_vain = situation.decision.ignored if situation.decision else ()
    told = (*events.transitions(old, new), *actions.ignored(situation.app, now, in_vain))
    return Plan(status=old if new == old else new, events=told, requeue_after=again)


def _deadline(situation: Situation, app: AIApp, now: datetime) -> float | None:
    """Return seconds until a pod that is not ready will have had its time: no watch tells that."""
    if situation.target is None or situation.settled:
        return None
    pods = pod_findings.of_revision(situation.pods, situation.target.number)
    ready = pod_findings.ready_due(pods, parse_duration(app.spec.release.progress_deadline))
    ends = (ready, pod_findings.fetch_due(pods, situation.target))
    return _until(min((end for end in ends if end and end > now), default=None), now)


def _until(due: datetime | None, now: datetime) -> float | None:
    return (due - now).total_seconds() if due and due > now else None


def _asked_again(decision: Decision, reported: Plan, now: datetime) -> float | None:
    """Return seconds until a source that is not followed is asked again for something better than what is held."""
    tried = decision.candidate is not None and decision.candidate.notes.attempts > 0
    held = any(hold.part is not Part.ALL for hold in decision.in_the_way)
    if not (held or tried) or len(decision.follows) == len(Stream):
        return None
    waiting = Problem(Severity.WAITING, Reason.HELD, "")
    judged = conditions.conditions_of(reported.status or {})
    return _delay(waiting, judged[conditions.UP_TO_DATE], now)


def _expired(app: AIApp, decision: Decision) -> tuple[Release, ...]:
    """Return the releases that leave the record; those that something can still be made of are none of them."""
    good = rollout.last_good(decision.record, decision.record.current)
    used = (decision.target, decision.candidate, *decision.used)
    return releases.expired(decision.record, used, good, app.spec.release.revision_history_limit)


def _delay(problem: Problem | None, condition: Manifest, now: datetime) -> float | None:
    """Return seconds until a problem is looked at again: the longer it has lasted, the later."""
    if problem is None or problem.severity is Severity.STALLED:
        return None
    age = (now - datetime.fromisoformat(condition["lastTransitionTime"])).total_seconds()
    if problem.severity is Severity.TRANSIENT:
        shortest, longest = TRANSIENT_SECONDS
        return min(max(age, shortest), longest)
    passed = 0
    for delay in WAITING_SECONDS:
        passed += delay
        if age < passed:
            return delay
    return WAITING_SECONDS[-1]


def _soonest(*delays: float | None) -> float | None:
    return min((delay for delay in delays if delay is not None), default=None)
