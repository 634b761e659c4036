"""The release machine: what is gated, what waits, what is rolled out, baked, undone, and what is held. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aiapp_operator import actions, findings, pod_findings
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.release import candidate, culprit, gate_runs, holds, orders, releases, resolution, rollout
from aiapp_operator.release.candidate import Run
from aiapp_operator.release.culprit import proved
from aiapp_operator.release.decision import Decision, Phase
from aiapp_operator.release.gating import Gate
from aiapp_operator.release.ledger import Inputs, Ledger, Release, read
from aiapp_operator.release.notes import Hold
from aiapp_operator.release.resolution import Demand
from aiapp_operator.settings import Settings
from aiapp_operator.state import (
    GateResult,
    Observed,
    Part,
    Problem,
    Sources,
)


@dataclass(frozen=True, slots=True)
class _Present:
    """What the Deployment is to run before anything new: what it runs, or what is gone back to.

    base: the release that a new one is judged against; pinned: somebody wants to stay here.
    """

    target: Release | None
    phase: Phase
    base: Release | None
    pinned: bool = False
    stays: Problem | None = None


@dataclass(frozen=True, slots=True)
class _Wish:
    """The release to bring out next, None: none; and the holds that keep others back. used: see Decision."""

    record: Ledger
    release: Release | None
    in_the_way: tuple[Hold, ...] = ()
    used: tuple[Release, ...] = ()


def decide(app: AIApp, observed: Observed, settings: Settings, now: datetime) -> Decision:
    """Return what is to be done: what happened is noted, what is bad undone, what is newest and good brought out."""
    run = Run(app, observed, settings, now, releases.demand(app), actions.due(observed.app, now))
    record = read(observed.app, observed.children, observed.revisions)
    record = rollout.advanced(app, record, run.deployment, observed.pods, now)
    runs = gate_runs.judged(app, record, releases.base(record), observed, now)
    obeyed = orders.obeyed(runs.record, run.asked.fingerprint, run.due, observed.drifts)
    present = _present(run, obeyed.record)
    decision = _sources(run, obeyed.record, present)
    decision = _onward(run, decision, present, runs.gates)
    ignored = (*obeyed.ignored, *orders.in_vain(decision.candidate or _waived(decision.target, run), run.due))
    unwanted = gate_runs.unwanted(app, decision.record, decision.candidate, observed)
    record = gate_runs.given_up(app, decision.record, unwanted)
    record = orders.unwaived(record, (decision.candidate, decision.target))
    return replace(decision, record=record, ignored=ignored, delete=unwanted, due=_due(run, decision))


def _present(run: Run, record: Ledger) -> _Present:
    """Return where the app is: rolling back comes before anything else, and waits for nothing."""
    current = record.current
    if pinned := holds.pinned(record, run.asked.fingerprint):
        there = current is not None and pinned.number == current.number and candidate.alone(run, pinned)
        return _Present(pinned, Phase.HELD if there else Phase.ROLLING_BACK, pinned, pinned=True)
    if current and current.notes.undone:
        good, stays = rollout.way_back(record, run.observed.drifts)
        base = good or releases.base(record)
        return _Present(good or current, Phase.ROLLING_BACK if good else Phase.HELD, base, stays=stays)
    # A Deployment whose record is gone stays as it is: what is left on record is older.
    target = current if record.running else record.active
    return _Present(target, _phase(run, record, target), releases.base(record))


def _phase(run: Run, record: Ledger, target: Release | None) -> Phase:
    if target is None:
        return Phase.UNKNOWN
    if target.rolling:
        return Phase.ROLLING_OUT
    if not candidate.alone(run, target):
        return Phase.ROLLING_BACK if _replaces_bad_pods(run, record) else Phase.ROLLING_OUT
    return Phase.BAKING if rollout.bake_end(run.app, target) else Phase.SETTLED


def _replaces_bad_pods(run: Run, record: Ledger) -> bool:
    """Tell whether pods of a release that was found bad are still there."""
    bad = [release.number for release in record.releases if release.notes.undone]
    return any(pod_findings.of_revision(run.observed.pods, number) for number in bad)


def _sources(run: Run, record: Ledger, present: _Present) -> Decision:
    """Return the decision as far as the sources go."""
    asked, spec = run.asked, run.app.spec
    decision = Decision(record, present.target, present.phase, stays=present.stays, follows=asked.follows)
    decision = replace(decision, holds=holds.in_force(record, asked.fingerprint))
    if spec.suspend:
        image = None if asked.image else resolution.known_image(asked, record, Sources())
        model = None if asked.model else resolution.known_model(asked, record, Sources())
        as_asked = _is_asked_for(asked, present.target) and not asked.follows
        return replace(decision, image=image, model=model, as_asked=as_asked, resolved=as_asked)
    sources = resolution.onward(asked, record, present.base, run.observed.sources)
    problem = findings.unresolved_source(sources)
    image, model = resolution.known_image(asked, record, sources), resolution.known_model(asked, record, sources)
    decision = replace(decision, image=image, model=model, problem=problem)
    if image is None or (spec.model_source and model is None):
        as_asked = _is_asked_for(asked, present.target)
        return replace(decision, as_asked=as_asked, resolved=as_asked and not problem)
    return replace(decision, resolved=not problem)


def _onward(run: Run, decision: Decision, present: _Present, gates: Mapping[int, Gate]) -> Decision:
    """Return the decision with what comes next: a gate, a wait, or a rollout."""
    if present.pinned:
        return replace(decision, in_the_way=tuple(hold for hold in decision.holds if hold.part is Part.ALL))
    if run.app.spec.suspend:
        return _suspended(decision, gates)
    if decision.image is None or (run.app.spec.model_source and decision.model is None):
        phase = Phase.UNKNOWN if decision.phase is Phase.SETTLED and not decision.as_asked else decision.phase
        return replace(decision, phase=phase)
    inputs = Inputs(decision.image, decision.model, run.asked.config)
    wish = _wish(run, decision.record, present.base, inputs)
    held = holds.in_force(wish.record, run.asked.fingerprint)
    in_the_way = (*wish.in_the_way, *_passed_by(run, wish.record, present.base, held))
    decision = replace(decision, record=wish.record, holds=held, in_the_way=in_the_way, used=wish.used)
    target = decision.target
    if wish.release is None or (target and wish.release.number == target.number):
        target = wish.release or target
        record = wish.record.with_release(target) if target else wish.record
        as_asked = target is not None and target.inputs.identity == inputs.identity and not in_the_way
        settled = decision.phase in (Phase.SETTLED, Phase.UNKNOWN)
        phase = Phase.HELD if in_the_way and settled else decision.phase
        return replace(decision, record=record, target=target, as_asked=as_asked, phase=phase)
    return candidate.brought_out(run, decision, wish.release, present.base, gates)


def _passed_by(run: Run, record: Ledger, base: Release | None, held: Iterable[Hold]) -> tuple[Hold, ...]:
    """Return the holds on what a followed source has that is newer than its answer, and than what serves."""
    answers = (run.observed.sources.image, run.observed.sources.model)
    passed = {digest for each in answers if each and not isinstance(each, Problem) for digest in each.passed_by}
    return tuple(
        hold
        for hold in held
        if hold.digest in passed
        and hold.part in (Part.IMAGE, Part.MODEL)
        and (base is None or resolution.is_ahead(run.asked, record, hold, base))
    )


def _suspended(decision: Decision, gates: Mapping[int, Gate]) -> Decision:
    """Return the decision while nothing new begins: a gate that is under way ends, and so does a rollout."""
    under_way = [release for release in decision.record.releases if release.number in gates]
    if under_way:
        newest = under_way[-1]
        return replace(decision, candidate=newest, gate=gates[newest.number], phase=Phase.GATING)
    return replace(decision, phase=Phase.SUSPENDED if decision.phase is Phase.SETTLED else decision.phase)


def _wish(run: Run, record: Ledger, base: Release | None, inputs: Inputs) -> _Wish:
    """Return the newest release that no hold keeps back; while a culprit is looked for, the half to try next."""
    used: tuple[Release, ...] = ()
    allowed = holds.allowed(inputs, base, holds.in_force(record, run.asked.fingerprint))
    if allowed.inputs and base and (unfinished := _unfinished(run, record, base, allowed.inputs)):
        bad, untried = unfinished
        return _Wish(record, untried, allowed.in_the_way, _halves(run, record, bad, base))
    while allowed.inputs is not None:
        release = run.find(record, allowed.inputs)
        if allowed.pair and base and (better := culprit.better_half(record, allowed.pair, base, run.find)):
            return _Wish(record, better, allowed.in_the_way, used)
        at_base = base is not None and release.number == base.number
        if at_base or not (release.notes.gate is GateResult.FAILED or release.notes.undone):
            return _Wish(record, release, allowed.in_the_way, used)
        before = record
        record, half = culprit.isolated(record, release, base, run.find, run.now.replace(microsecond=0))
        if base:
            used = _halves(run, record, release, base)
        if half or record == before:
            return _Wish(record, half, allowed.in_the_way, used)
        allowed = holds.allowed(inputs, base, holds.in_force(record, run.asked.fingerprint))
    return _Wish(record, None, allowed.in_the_way, used)


def _unfinished(run: Run, record: Ledger, base: Release, inputs: Inputs) -> tuple[Release, Release] | None:
    """Return the release whose culprit is being looked for, and the half to try; None: nothing, or something newer."""
    failed = [r for r in record.releases if r.notes.gate is GateResult.FAILED and not r.notes.holds]
    if not failed or failed[-1].number < base.number or inputs.identity == base.inputs.identity:
        return None
    bad = failed[-1]
    if not resolution.leads_to(run.asked, inputs, bad, base):
        return None
    _, half = culprit.isolated(record, bad, base, run.find, run.now)
    return (bad, half) if half else None


def _halves(run: Run, record: Ledger, bad: Release, base: Release) -> tuple[Release, ...]:
    """Return the releases that must stay on record until the culprit is found."""
    return (bad, *(run.find(record, each) for each in culprit.halves(bad.inputs, base)))


def _due(run: Run, decision: Decision) -> datetime | None:
    times = [decision.next_release]
    if decision.candidate and not proved(decision.candidate):
        times.append(gate_runs.due(decision.candidate, decision.gate))
    if decision.record.current:
        times.append(rollout.due(run.app, decision.record.current, run.observed.pods, run.now))
    return min((time for time in times if time and time > run.now), default=None)


def _is_asked_for(asked: Demand, release: Release | None) -> bool:
    return release is not None and releases.is_asked_for(asked, release)


def _waived(target: Release | None, run: Run) -> Release | None:
    """Return the release that a wish to release now has just started."""
    return target if target and target.notes.started == run.now.replace(microsecond=0) else None
