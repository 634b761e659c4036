"""The condition UpToDate: whether what serves is what the spec and its sources ask for, and if not, what is next. Pure.

Each message names the release, the cause and the next step. Times in it are points in time that stay what they are, so
that a status in which nothing happened is never written again.
"""

from typing import Final

from aiapp_operator import findings, pod_findings
from aiapp_operator.container_states import excerpt
from aiapp_operator.reasons import Reason
from aiapp_operator.release.decision import Decision, Phase
from aiapp_operator.release.ledger import Release
from aiapp_operator.release.notes import Hold, format_time
from aiapp_operator.situation import Situation, Verdict
from aiapp_operator.state import Part

MOST_HOLDS: Final = 3
NOW: Final = "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
BETTER: Final = {
    Part.IMAGE: "a newer image passes it by",
    Part.MODEL: "a newer model passes it by",
    Part.CONFIG: "another setting in the spec passes it by",
    Part.PAIR: "a newer image or a newer model passes it by",
    Part.ALL: "an edit of image, model version or another setting ends it",
}


def up_to_date(situation: Situation, waiting: str) -> Verdict:
    """What serves is what the spec and its sources ask for; a bump waits for this one.

    waiting: the newest image and model that do not serve yet, in words; empty: they serve.
    """
    found, active, target = judged(situation), situation.record.active, situation.target
    if found.status == "True":
        return found
    alone = found.reason == Reason.ROLLING_OUT and target and active and target.number == active.number
    if alone:
        return found  # only the pods of the release before have to go
    held = situation.decision.in_the_way if situation.decision and found.reason != Reason.HELD else ()
    kept_back = f"; held: {', '.join(named(hold) for hold in held[:MOST_HOLDS])}" if held else ""
    newest = f"; waiting: {waiting}" if waiting else ""
    return Verdict(found.status, found.reason, f"{found.message}{kept_back}{newest}{_keeps(situation)}")


def judged(situation: Situation) -> Verdict:
    """Return the same without what the users of the endpoint have meanwhile."""
    decision = situation.decision
    if situation.blocked or decision is None:
        problem = situation.blocked
        reason, words = (problem.reason, problem.message) if problem else (Reason.INVALID_SPEC, "it cannot be read")
        return Verdict("False", reason, words)
    if decision.stays:
        return Verdict("False", decision.stays.reason, f"{_why_bad(situation.target)}{decision.stays.message}")
    candidate = decision.candidate
    if decision.phase is Phase.ROLLING_BACK:
        return _rolling_back(situation, decision)
    if decision.phase is Phase.GATING and candidate:
        return _gating(situation, decision, candidate)
    if decision.phase is Phase.WAITING and candidate:
        return _waiting(situation, decision, candidate)
    return _of_the_target(situation, decision)


def progress(situation: Situation) -> str:
    """Return how far the rollout of the release that is wanted is."""
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


def command(situation: Situation, action: str, argument: str) -> str:
    """Return what to type to ask for an action now."""
    metadata = situation.app["metadata"]
    app = f"-n {metadata['namespace']} annotate aiapp {metadata['name']}"
    return f"`kubectl {app} --overwrite aiapp.dev/{action}={argument}@{NOW}`"


def named(hold: Hold) -> str:
    """Return how people call what is held: `image 1.4.2`, `model 41`."""
    if hold.part is Part.ALL:
        return f"all but {hold.version}" if hold.version else "all"
    return f"{hold.part.value.lower()} {hold.version or hold.digest[:19]}"


def _of_the_target(situation: Situation, decision: Decision) -> Verdict:
    """Return how far the release on the Deployment is, or why it is not the one that is asked for."""
    target = situation.target
    rolling = decision.phase is Phase.ROLLING_OUT or (decision.as_asked and not situation.settled)
    if target and rolling and not situation.settled:
        return _rolling_out(situation, target)
    if decision.phase is Phase.HELD or decision.in_the_way:
        return Verdict("False", Reason.HELD, _held(situation, decision))
    if decision.problem:
        # Where it follows a source that does not answer, nobody knows whether there is something newer.
        return Verdict("False", decision.problem.reason, decision.problem.message)
    if decision.as_asked and target:
        return Verdict("True", Reason.UP_TO_DATE, f"{target} serves, as the spec asks")
    if situation.suspended:
        return Verdict("False", Reason.SUSPENDED, f"spec.suspend is true: {_suspended(decision)}")
    return Verdict("Unknown", Reason.RESOLVING, "registry and store are being asked")


def _rolling_out(situation: Situation, target: Release) -> Verdict:
    failing = situation.failing
    if failing:
        verb = "waits" if failing.reason in findings.TIME else "does not start"
        return Verdict("False", failing.reason, f"{target} {verb}: {failing.message}")
    return Verdict("False", Reason.ROLLING_OUT, f"{target} is being rolled out: {progress(situation)}")


def _rolling_back(situation: Situation, decision: Decision) -> Verdict:
    found_bad = [
        release for release in situation.record.releases if release.notes.undone and release != decision.target
    ]
    bad = max(found_bad, key=lambda release: str(release.notes.undone), default=None)
    asked = [excerpt(hold.message) for hold in decision.in_the_way if hold.part is Part.ALL]
    why = f"{asked[0]}: " if asked else _why_bad(bad)
    failing = f"; {situation.failing.message}" if situation.failing else ""
    words = f"{why}{decision.target} is brought back: {progress(situation)}{failing}"
    return Verdict("False", Reason.ROLLING_BACK, words)


def _gating(situation: Situation, decision: Decision, candidate: Release) -> Verdict:
    problem = situation.gate_problem
    if problem is None:
        return Verdict("False", Reason.GATING, f"{candidate} is tried by its gate before it gets traffic")
    if decision.gate and decision.gate.result is None:
        return Verdict("False", problem.reason, f"the gate of {candidate} waits: {excerpt(problem.message)}")
    words = f"the gate of {candidate} came to nothing, which is held against nobody: {excerpt(problem.message)}"
    return Verdict("False", problem.reason, f"{words}; it is tried again by itself")


def _waiting(situation: Situation, decision: Decision, candidate: Release) -> Verdict:
    at = f" at {format_time(decision.next_release)}" if decision.next_release else ""
    if decision.waits_for == "Bake":
        words = f"{candidate} passed its gate and goes when the bake of {situation.target} is over{at and f',{at}'}"
        return Verdict("False", Reason.WAITING_FOR_BAKE, words)
    planned = at and decision.waits_for == "Schedule"
    when = f"goes when its window opens,{at}" if planned else f"waits: {decision.waits_words}"
    now = command(situation, "release-now", "now")
    words = f"{candidate} passed its gate and {when}; to release it in spite of that: {now}"
    return Verdict("False", Reason.WAITING_FOR_WINDOW, words)


def _held(situation: Situation, decision: Decision) -> str:
    shown = [_hold(situation, hold) for hold in decision.in_the_way[:MOST_HOLDS]]
    more = len(decision.in_the_way) - MOST_HOLDS
    words = "; ".join(shown) or "what the spec asks for was found bad"
    return words + (f"; and {more} more" if more > 0 else "")


def _hold(situation: Situation, hold: Hold) -> str:
    """Return what is held, why, and how it is let go."""
    argument = hold.part.value if hold.part is Part.ALL else hold.version or hold.digest
    again = command(situation, "unhold", argument)
    if hold.part is Part.ALL:
        why = excerpt(hold.message) or "an earlier release was brought back"
        return f"{why}; {BETTER[hold.part]}, and so does {again}"
    why = f"{hold.reason}: {excerpt(hold.message)}" if hold.message else hold.reason
    return f"{named(hold)} is held: {why}; {BETTER[hold.part]}; to have it tried again: {again}"


def _why_bad(release: Release | None) -> str:
    problem = release.notes.undone_problem if release else None
    return f"{release} was found bad: {problem.reason}: {excerpt(problem.message)}; " if problem else ""


def _suspended(decision: Decision) -> str:
    if decision.follows:
        return "what the spec asks for waits, and nobody looks for newer images and models"
    return "what the spec asks for waits"


def _keeps(situation: Situation) -> str:
    """Return what the users of the endpoint have meanwhile."""
    active = situation.record.active
    if active is None:
        return "; nothing serves yet"
    if not situation.available:
        return f"; {active} should serve meanwhile, but none of its pods is available"
    return f"; {active} keeps serving"
