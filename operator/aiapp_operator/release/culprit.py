"""Which half of a release is at fault when its gate failed and both changed: each is tried with the old one. Pure."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from aiapp_operator.release import holds
from aiapp_operator.release.ledger import Inputs, Ledger, Release
from aiapp_operator.release.notes import Hold
from aiapp_operator.state import GateResult

Find: TypeAlias = Callable[[Ledger, Inputs], Release]
"""Returns the release of these inputs, on record or to be made."""


def proved(release: Release) -> bool:
    """Tell whether a release may be rolled out: it passed its gate, or served before there were gates."""
    notes = release.notes
    return notes.undone is None and (
        notes.gate is GateResult.PASSED or (notes.gate is None and notes.released is not None)
    )


def halves(bad: Inputs, base: Release) -> tuple[Inputs, Inputs]:
    """Return the new image and config with the old model, and the old ones with the new model."""
    return replace(bad, model=base.inputs.model), replace(base.present, model=bad.model)


def isolated(
    record: Ledger, bad: Release, base: Release | None, find: Find, now: datetime
) -> tuple[Ledger, Release | None]:
    """Return the record with the culprit of a failed gate held, or the half that has to be tried to find it."""
    problem = bad.notes.gate_problem or holds.UNNAMED
    hold = holds.of_failure(bad, base, problem, now)
    if hold or base is None:
        return _held(record, bad, hold), None
    if bad.inputs.config.get("modelSource") != base.inputs.config.get("modelSource"):
        return _held(record, bad, holds.of_pair(bad, problem, now)), None  # neither half fits with the other's old one
    tried = []
    for half in halves(bad.inputs, base):
        release = find(record, half)
        if release.notes.gate is None and not proved(release):
            return record, release
        record = record.with_release(release)
        tried.append(release)
    if all(proved(release) for release in tried):
        return _held(record, bad, holds.of_pair(bad, problem, now)), None
    for release in tried:
        if not proved(release) and not release.notes.holds:
            words = release.notes.gate_problem or release.notes.undone_problem or holds.UNNAMED
            record = _held(record, release, holds.of_failure(release, base, words, now))
    return record, None


def better_half(record: Ledger, pair: Inputs, base: Release, find: Find) -> Release | None:
    """Return the half of a held pair to release, the one whose new part was published first; None: neither passed."""
    with_image, with_model = (find(record, half) for half in halves(pair, base))
    if not (proved(with_image) and proved(with_model)) or pair.model is None:
        return None
    seen = [
        release.notes.asked
        for release in record.releases
        if release.inputs.image.digest == pair.image.digest and release.notes.asked
    ]
    return with_model if not seen or pair.model.published < min(seen) else with_image


def _held(record: Ledger, release: Release, hold: Hold | None) -> Ledger:
    if hold is None or hold in release.notes.holds:
        return record
    return record.with_release(release.noted(holds=(*release.notes.holds, hold)))
