"""What happened to the release on the Deployment: rolled out, baked, or found bad. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aiapp_operator import pod_findings
from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.reasons import Reason
from aiapp_operator.release import baking, holds, releases
from aiapp_operator.release.ledger import Ledger, Release
from aiapp_operator.state import Drift, Manifest, Problem, Severity


def advanced(app: AIApp, record: Ledger, deployment: Manifest, pods: Sequence[Manifest], now: datetime) -> Ledger:
    """Return the record with what the cluster shows of the release on the Deployment by now."""
    record = releases.completed(record, deployment, now)
    current = record.current
    if current is None or current.notes.undone:
        return record
    own = pod_findings.of_revision(pods, current.number)
    if current.rolling:
        fault = pod_findings.faults(own) or pod_findings.never_ready(own, now, _deadline(app))
        return _undone(record, current, fault, now) if fault else record
    end = bake_end(app, current)
    return _watched(record, current, own, end, now) if end else record


def _watched(record: Ledger, current: Release, own: Sequence[Manifest], end: datetime, now: datetime) -> Ledger:
    """Return the record with what a bake that ends at `end` shows by now."""
    if current.notes.started is None and current.notes.gate is None:
        # Released by an operator that knew no bakes: what its pods did then is nobody's business now.
        return record.with_release(current.noted(baked=current.released))
    problem = baking.bake_problem(own, current.released or end, min(now, end))
    if problem:
        return _undone(record, current, problem, now)
    baked = end if now >= end else None
    return record.with_release(current.noted(baked=baked))


def bake_end(app: AIApp, release: Release) -> datetime | None:
    """Return when the bake of a release that serves ends; None: it is over, or has not begun."""
    if release.released is None or release.rolling or release.notes.baked or release.notes.undone:
        return None
    return release.released + parse_duration(app.spec.release.bake.duration)


def last_good(record: Ledger, besides: Release | None) -> Release | None:
    """Return the newest release whose bake ended well."""
    good = [r for r in record.releases if r.notes.baked and not r.notes.undone and r is not besides]
    return max(good, key=lambda release: release.last_used, default=None)


def way_back(record: Ledger, drifts: Sequence[Drift] | None) -> tuple[Release | None, Problem | None]:
    """Return the release to go back to from one that was found bad, or why there is none."""
    bad = record.current
    good = last_good(record, bad)
    if bad is None or good is None:
        words = "no earlier release has been through its bake, so there is nothing to go back to: it stays"
        return None, Problem(Severity.WAITING, Reason.NO_WAY_BACK, words)
    if lost := gone(good, drifts):
        words = f"{good} was the last good one, and {lost.message}: nothing can be gone back to, {bad} stays"
        return None, Problem(Severity.WAITING, Reason.NO_WAY_BACK, words)
    return good, None


def due(app: AIApp, release: Release, pods: Sequence[Manifest], now: datetime) -> datetime | None:
    """Return when the release on the Deployment must be looked at again without any event."""
    end = bake_end(app, release)
    if end is None or end <= now:
        return None
    own = pod_findings.of_revision(pods, release.number)
    lost = baking.bake_due(own, release.released or end, now)
    return min(end, lost) if lost else end


def gone(release: Release, drifts: Sequence[Drift] | None) -> Drift | None:
    """Return why pods of a release could not start, as its bytes are not where they were; None: they are."""
    mine = (drift for drift in drifts or () if drift.revision == release.number)
    return next((drift for drift in mine if drift.reason != Reason.METADATA_CHANGED), None)


def _deadline(app: AIApp) -> timedelta:
    return parse_duration(app.spec.release.progress_deadline)


def _undone(record: Ledger, bad: Release, problem: Problem, now: datetime) -> Ledger:
    now = now.replace(microsecond=0)
    good = last_good(record, bad)
    hold = holds.of_failure(bad, good, problem, now) or holds.of_pair(bad, problem, now)
    notes = replace(bad.notes, undone=now, undone_problem=problem, holds=(*bad.notes.holds, hold))
    return record.with_release(replace(bad, notes=notes))
