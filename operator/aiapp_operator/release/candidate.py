"""A release on its way: through its gate, to its window, after the one before it, onto the Deployment. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiapp_operator import findings, pod_findings
from aiapp_operator.actions import Action
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.gate_job import gate_job
from aiapp_operator.release import gate_runs, history, holds, orders, releases, resolution, rollout, windows
from aiapp_operator.release.culprit import proved
from aiapp_operator.release.decision import Decision, Phase
from aiapp_operator.release.gating import Gate
from aiapp_operator.release.ledger import Inputs, Ledger, Release
from aiapp_operator.release.notes import Hold
from aiapp_operator.release.requesters import requested_by
from aiapp_operator.release.resolution import Demand
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest, Observed, Part


@dataclass(frozen=True, slots=True)
class Run:
    """What does not change while one decision is made."""

    app: AIApp
    observed: Observed
    settings: Settings
    now: datetime
    asked: Demand
    due: tuple[Action, ...]

    @property
    def deployment(self) -> Manifest:
        """Return the live Deployment; empty: there is none."""
        return findings.deployment_of(self.observed)

    def find(self, record: Ledger, inputs: Inputs) -> Release:
        """Return the release of these inputs, on record or to be made."""
        return releases.find_or_make(self.app, record, inputs, self.settings)


def alone(run: Run, release: Release) -> bool:
    """Tell whether no pods of other releases are left beside those of this one, which is on the Deployment."""
    return releases.replaced(run.deployment, run.observed.pods, release)


def brought_out(
    run: Run, decision: Decision, wished: Release, base: Release | None, gates: Mapping[int, Gate]
) -> Decision:
    """Return the decision with a release on its way: through its gate, to its window, onto the Deployment."""
    wished = _asked(run, decision.record, wished, base)
    record = decision.record.with_release(wished)
    ready = wished if proved(wished) else _passed_before(run, record, wished, base, decision.used)
    candidate = wished if proved(wished) else _gated(run, record, wished, gates)
    gate = gates.get(candidate.number)
    phase = Phase.WAITING if proved(candidate) else Phase.GATING
    decision = replace(decision, record=record, candidate=candidate, gate=gate, phase=phase)
    decision = _scheduled(run, decision, ready)
    if ready and not decision.waits_for:
        started = ready.noted(started=run.now.replace(microsecond=0))
        record = record.with_release(started)
        decision = replace(decision, record=record, target=started, as_asked=ready.number == wished.number)
        if ready.number == candidate.number:
            return replace(decision, candidate=None, phase=Phase.ROLLING_OUT)
    if not proved(candidate) and gate is None and gate_runs.may_start(run.app, candidate, run.observed, run.now):
        against = decision.record.active
        return replace(decision, create=(gate_job(run.app, candidate, against, run.settings),))
    return decision


def _asked(run: Run, record: Ledger, release: Release, base: Release | None) -> Release:
    """Return a candidate with the notes of how it became one; one that was rolled out before is one anew."""
    notes = release.notes
    # A start alone is none: the operator may have died before the Deployment heard of it.
    if notes.asked is None or (notes.released and notes.released >= notes.asked):
        notes = replace(
            notes,
            asked=run.now.replace(microsecond=0),
            waived=None,
            change=history.change(base, release),
            requested_by=requested_by(run.observed.app, run.asked.follows, _changed(release, base)),
        )
    if waived := orders.waived(record, run.due):
        notes = replace(notes, waived=waived)
    return replace(release, notes=notes)


def _changed(release: Release, base: Release | None) -> tuple[Part, ...]:
    """Return the parts that a release changes."""
    if base is None:
        return (Part.IMAGE, Part.MODEL, Part.CONFIG)
    new, old = release.inputs, base.inputs
    changes = {
        Part.IMAGE: new.image.digest != old.image.digest,
        Part.MODEL: holds.model_key(new.model) != holds.model_key(old.model),
        Part.CONFIG: new.config_hash != old.config_hash,
    }
    return tuple(part for part, changed in changes.items() if changed)


def _gated(run: Run, record: Ledger, wished: Release, gates: Mapping[int, Gate]) -> Release:
    """Return the release whose gate goes on: one that is being judged is let finish, though something newer came."""
    if wished.number in gates:
        return wished
    held = holds.in_force(record, run.asked.fingerprint)
    for release in reversed(record.releases):
        judged = release.number in gates and gates[release.number].started
        if judged and releases.is_asked_for(run.asked, release) and not _is_held(release, held):
            return release
    return wished


def _passed_before(
    run: Run, record: Ledger, wished: Release, base: Release | None, isolating: Sequence[Release]
) -> Release | None:
    """Return a release that passed its gate while the wished one has not: it need not wait for that."""
    if isolating or base is None:
        return None
    held = holds.in_force(record, run.asked.fingerprint)
    for release in reversed(record.releases):
        fresh = base.number < release.number and proved(release) and not release.notes.started
        if fresh and releases.is_asked_for(run.asked, release) and not _is_held(release, held):
            return release if resolution.leads_to(run.asked, release.inputs, wished, base) else None
    return None


def _is_held(release: Release, held: Iterable[Hold]) -> bool:
    return bool(holds.allowed(release.inputs, None, held).in_the_way)


def _scheduled(run: Run, decision: Decision, ready: Release | None) -> Decision:
    """Return the decision with what a release that passed waits for; nothing: it goes now."""
    candidate, record = decision.candidate, decision.record
    if ready and _goes_back(run, record, ready):
        return decision
    serves = record.active or run.deployment.get("status", {}).get("availableReplicas")
    if not serves or (ready and ready.notes.waived and ready.notes.asked):
        return _after(run, decision)
    opening = windows.opening(run.app.spec.release, run.now)
    if not opening.open and candidate:
        words = opening.message
        return replace(decision, next_release=opening.at, waits_for=opening.reason, waits_words=words)
    return _after(run, decision)


def _goes_back(run: Run, record: Ledger, ready: Release) -> bool:
    """Tell whether somebody took an edit back before its release was through: that waits for nothing."""
    current, good = record.current, rollout.last_good(record, record.current)
    if current is None or good is None or ready.number != good.number:
        return False
    return current.rolling or rollout.bake_end(run.app, current) is not None


def _after(run: Run, decision: Decision) -> Decision:
    """Return the decision with the wait for the release before: none supersedes one in its rollout or bake."""
    current = decision.record.current
    if current is None:
        return decision
    if current.notes.undone:  # what is good comes back first
        return decision if decision.stays else replace(decision, waits_for="Bake")
    if current.rolling or not alone(run, current):
        pods = pod_findings.of_revision(run.observed.pods, current.number)
        stuck = findings.failing_by_now(run.app, current, run.deployment, pods, run.now)
        return decision if stuck else replace(decision, waits_for="Bake")
    end = rollout.bake_end(run.app, current)
    return replace(decision, waits_for="Bake", next_release=end) if end else decision
