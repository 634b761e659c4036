"""The conditions of an AIApp: what a person or `kubectl wait` reads about it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from aiapp_operator import pod_findings, source_drift
from aiapp_operator.container_states import excerpt
from aiapp_operator.following import TAG, Policy
from aiapp_operator.reasons import Reason
from aiapp_operator.release import history, transcript
from aiapp_operator.release.decision import Decision, Phase
from aiapp_operator.release.ledger import Release
from aiapp_operator.release.notes import format_time
from aiapp_operator.situation import Situation, Verdict
from aiapp_operator.state import GateResult, Manifest, Part, ResolvedImage, Severity, Stream
from aiapp_operator.up_to_date import judged, progress, up_to_date

READY: Final = "Ready"
UP_TO_DATE: Final = "UpToDate"
SOURCES_RESOLVED: Final = "SourcesResolved"
GATE_PASSED: Final = "GatePassed"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
SOURCE_DRIFTED: Final = "SourceDrifted"
ORDER: Final = (READY, UP_TO_DATE, SOURCES_RESOLVED, GATE_PASSED, RECONCILING, STALLED, SOURCE_DRIFTED)
MESSAGE_LENGTH: Final = 2000


def judge(situation: Situation, waiting: str, now: datetime) -> list[Manifest]:
    """Return all conditions; the transition time is kept where the status is what it was.

    waiting: see `up_to_date`.
    """
    verdicts = {
        READY: ready(situation),
        UP_TO_DATE: up_to_date(situation, waiting),
        SOURCES_RESOLVED: sources_resolved(situation),
        GATE_PASSED: gate_passed(situation),
        RECONCILING: reconciling(situation),
        STALLED: stalled(situation),
        SOURCE_DRIFTED: drifted(situation),
    }
    return stamped(situation.app, {kind: verdict for kind, verdict in verdicts.items() if verdict}, now)


def ready(situation: Situation) -> Verdict:
    """The active release serves at the wanted strength, whatever a newer one does."""
    active = situation.record.active
    if active is None:
        return _nothing_serves(situation)
    # A rollout's surge and pods that are on their way out are more than anybody asked for.
    available = min(situation.available, situation.wanted)
    strength = f"{available} of {situation.wanted} pods are available"
    if available == situation.wanted:
        return Verdict("True", Reason.SERVING, f"{active} serves: {strength}")
    cause = pod_findings.cause(pod_findings.of_revision(situation.pods, active.number))
    if cause:
        return Verdict("False", cause.reason, f"{active}: {strength}: {cause.message}")
    return Verdict("False", Reason.PODS_UNAVAILABLE, f"{active}: {strength}")


def _nothing_serves(situation: Situation) -> Verdict:
    found = judged(situation)
    if found.reason in (Reason.RESOLVING, Reason.SUSPENDED):
        return Verdict("False", Reason.NO_RELEASE, "nothing serves yet")
    return Verdict("False", found.reason, f"nothing serves yet: {found.message}")


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


def gate_passed(situation: Situation) -> Verdict | None:
    """The newest release that was tried has passed its gate; absent before there is one."""
    candidate = situation.decision.candidate if situation.decision else None
    if candidate and candidate.notes.gate is None:
        # The reason stays while it is tried again, so that what was told once is no news.
        problem = situation.gate_problem or candidate.notes.gate_problem
        words = f"{candidate} is tried by its gate" + (f": {excerpt(problem.message)}" if problem else "")
        return Verdict("Unknown", problem.reason if problem else Reason.GATING, words)
    release = candidate or _tried_last(situation)
    if release is None or release.notes.gate is None:
        return None
    if release.notes.gate is GateResult.PASSED:
        summary = transcript.summary(release.notes.report)
        return Verdict("True", Reason.PASSED, f"{release} passed its gate" + (f": {summary}" if summary else ""))
    problem, words = release.notes.gate_problem, history.failure(release.notes)
    reason = problem.reason if problem else Reason.GATE_FAILED
    return Verdict("False", reason, f"{release} failed its gate" + (f": {words}" if words else ""))


def _tried_last(situation: Situation) -> Release | None:
    """Return the release that is wanted; while that is not the newest one, the one that was tried last."""
    decision = situation.decision
    if decision and all(hold.part is Part.ALL for hold in decision.in_the_way):
        return situation.target
    tried = [release for release in situation.record.releases if release.notes.gated]
    return max(tried, key=lambda release: (str(release.notes.gated), release.number), default=situation.target)


def reconciling(situation: Situation) -> Verdict | None:
    """A gate, a rollout, a bake or a rollback runs now; what only waits for its time or for others does not."""
    decision, target = situation.decision, situation.target
    if situation.blocked or decision is None:
        return None
    candidate = decision.candidate
    if decision.phase is Phase.GATING and candidate and _gate_runs(decision, candidate):
        return Verdict("True", Reason.GATING, f"{candidate} is tried by its gate")
    if target and decision.phase is Phase.ROLLING_BACK:
        return Verdict("True", Reason.ROLLING_BACK, f"{target} is brought back: {progress(situation)}")
    if target and not situation.settled and not decision.stays:
        return Verdict("True", Reason.ROLLING_OUT, f"{target} is being rolled out: {progress(situation)}")
    if target and (decision.phase is Phase.BAKING or decision.waits_for == "Bake"):
        return Verdict("True", Reason.BAKING, f"{target} serves and is watched until its bake is over")
    return None


def _gate_runs(decision: Decision, candidate: Release) -> bool:
    """Tell whether there is a Job for it: one that came to nothing is made again later."""
    under_way = decision.gate is not None and decision.gate.result is None
    return under_way or bool(decision.create) or candidate.notes.gate_problem is None


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
    # What serves is not judged again here: such conditions keep the generation that they were judged by.
    kept = [before[kind] for kind in (READY, GATE_PASSED) if kind in before]
    kept = kept or stamped(app, {READY: resolving}, now)
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
