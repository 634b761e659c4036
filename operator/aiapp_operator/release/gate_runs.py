"""The gates of an app's releases: what became of their Jobs, which are to be made, and which are not needed. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiapp_models import contract
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.gate_job import gate_job_name
from aiapp_operator.release import gating, holds
from aiapp_operator.release.gating import Gate
from aiapp_operator.release.ledger import Ledger, Release
from aiapp_operator.release.notes import Hold
from aiapp_operator.state import WAITING_SECONDS, GateResult, Manifest, ObjectId, Observed


@dataclass(frozen=True, slots=True)
class GateRuns:
    """The record with the verdicts of this run; gates: of releases without one, by their numbers."""

    record: Ledger
    gates: Mapping[int, Gate]


def judged(app: AIApp, record: Ledger, base: Release | None, observed: Observed, now: datetime) -> GateRuns:
    """Return what the Jobs say; what failed is held as what it changed against `base`."""
    gates = {}
    for release in record.releases:
        job = observed.children.get(_job(app, release))
        if release.notes.gate or job is None or not _tries(job, release):
            continue
        gate = gating.judge(app, release, job, observed.pods, now)
        if gate.result is None:
            gates[release.number] = gate
        else:
            record = record.with_release(_noted(release, base, gate, now.replace(microsecond=0)))
    return GateRuns(record, gates)


def due(release: Release, gate: Gate | None) -> datetime | None:
    """Return when the gate of a candidate must be looked at again without any event."""
    return gate.due if gate else release.notes.retry


def may_start(app: AIApp, release: Release, observed: Observed, now: datetime) -> bool:
    """Tell whether a try of the release's gate is to begin: it has no verdict, none is under way, and it is time."""
    notes = release.notes
    return notes.gate is None and _job(app, release) not in observed.children and (notes.retry or now) <= now


def unwanted(app: AIApp, record: Ledger, candidate: Release | None, observed: Observed) -> tuple[ObjectId, ...]:
    """Return the Jobs that are of no use: given up, or done.

    One that is done is left until the next gate, so that its logs can be read; one whose app always ends again is not.
    """
    jobs = {child for child in observed.children if child.kind == "Job"}
    wanted = _job(app, candidate) if candidate and candidate.notes.gate is None else None
    if candidate and wanted in jobs and not _tries(observed.children[wanted], candidate):
        wanted = None
    left: set[ObjectId] = set()
    if wanted is None:
        done = [r for r in record.releases if r.notes.gate and r.notes.report and r.notes.gated]
        newest = max(done, key=lambda release: str(release.notes.gated), default=None)
        left = {_job(app, newest)} if newest else set()
    return tuple(sorted(jobs - left - {wanted}))


def given_up(app: AIApp, record: Ledger, deleted: Collection[ObjectId]) -> Ledger:
    """Return the record with the tries counted that are deleted without a verdict: no Job's name is used twice."""
    for release in record.releases:
        if release.notes.gate is None and _job(app, release) in deleted:
            record = record.with_release(release.noted(attempts=release.notes.attempts + 1))
    return record


def _job(app: AIApp, release: Release) -> ObjectId:
    return ObjectId("Job", gate_job_name(app.metadata.name, release.number, release.notes.attempts))


def _tries(job: Manifest, release: Release) -> bool:
    """Tell whether a Job of a release's name is that release's, and not one of a record that is gone."""
    annotations = job["metadata"].get("annotations") or {}
    return bool(annotations.get(contract.ANNOTATION_RELEASE) == release.name)


def _noted(release: Release, base: Release | None, gate: Gate, now: datetime) -> Release:
    notes = replace(release.notes, gate_problem=gate.problem, report=gate.report, retry=None)
    if gate.result is GateResult.PASSED:
        notes = replace(notes, gate=GateResult.PASSED, gated=now, gate_problem=None)
    elif gate.result is GateResult.FAILED and gate.problem:
        hold = holds.of_failure(release, base, gate.problem, now)
        notes = replace(notes, gate=GateResult.FAILED, gated=now, holds=_added(notes.holds, hold))
    else:
        delay = WAITING_SECONDS[min(notes.attempts, len(WAITING_SECONDS) - 1)]
        notes = replace(notes, attempts=notes.attempts + 1, retry=now + timedelta(seconds=delay))
    return replace(release, notes=notes)


def _added(before: Sequence[Hold], hold: Hold | None) -> tuple[Hold, ...]:
    return (*before, hold) if hold else tuple(before)
