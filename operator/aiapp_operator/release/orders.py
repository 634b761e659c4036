"""What the annotations of an AIApp ask for about its releases: going back, ending a hold, breaking the glass. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiapp_operator import actions
from aiapp_operator.actions import Action
from aiapp_operator.release import holds, rollout
from aiapp_operator.release.culprit import proved
from aiapp_operator.release.ledger import Ledger, Release
from aiapp_operator.state import Drift, Part


@dataclass(frozen=True, slots=True)
class Obeyed:
    """The record after some actions; ignored: what was asked in vain, and what to ask instead."""

    record: Ledger
    ignored: tuple[str, ...] = ()


def obeyed(record: Ledger, fingerprint: str, due: Iterable[Action], drifts: Sequence[Drift] | None) -> Obeyed:
    """Return the record after `rollback-to` and `unhold`; fingerprint: of what the spec asks for."""
    done = Obeyed(holds.unpinned(record, fingerprint))
    for action in due:
        if action.name == actions.UNHOLD:
            step = _unhold(done.record, fingerprint, action)
        elif action.name == actions.ROLLBACK_TO:
            step = _roll_back(done.record, fingerprint, action, drifts)
        else:
            continue
        done = Obeyed(step.record, (*done.ignored, *step.ignored))
    return done


def waived(record: Ledger, due: Iterable[Action]) -> datetime | None:
    """Return when somebody asked to release a candidate now; None: nobody did, or it is on record that it was obeyed.

    An operator may die before it says so, and status may be lost: what comes after is no matter of that wish.
    """
    asked = [action.time.replace(microsecond=0) for action in due if action.name == actions.RELEASE_NOW]
    return asked[-1] if asked and all(release.notes.waived != asked[-1] for release in record.releases) else None


def unwaived(record: Ledger, on_their_way: Iterable[Release | None]) -> Ledger:
    """Return the record with the wishes to release now used up of what is not on its way: they were for that time.

    When they were made stays on record, so that one is not taken for a new one where status was lost.
    """
    numbers = {release.number for release in on_their_way if release}
    for release in record.releases:
        waived, released = release.notes.waived, release.notes.released
        if waived and not (released and released >= waived) and release.number not in numbers:
            record = record.with_release(release.noted(asked=None))
    return record


def in_vain(candidate: Release | None, due: Iterable[Action]) -> tuple[str, ...]:
    """Return what is said of `release-now` when no release waits."""
    if candidate or all(action.name != actions.RELEASE_NOW for action in due):
        return ()
    return (f"{actions.RELEASE_NOW}: no release is gated or waits, so there is nothing to release now",)


def _unhold(record: Ledger, fingerprint: str, action: Action) -> Obeyed:
    ended = holds.ended(record, action.argument, fingerprint, action.time.replace(microsecond=0))
    if ended:
        return Obeyed(ended)
    held = sorted({hold.version or hold.part.value for hold in holds.in_force(record, fingerprint)})
    names = f"what is held: {', '.join(held)}" if held else "nothing is held"
    words = f"{actions.UNHOLD}: {action.argument[:80]!r} is no version, digest or stream of a hold; {names}"
    return Obeyed(record, (words,))


def _roll_back(record: Ledger, fingerprint: str, action: Action, drifts: Sequence[Drift] | None) -> Obeyed:
    asked = action.time.replace(microsecond=0)
    if any(hold.part is Part.ALL and hold.since == asked for each in record.releases for hold in each.notes.holds):
        return Obeyed(record)  # by an operator that died before it said so: `previous` is another one by now
    release = _named(record, action.argument)
    if release is None:
        past = [str(each.number) for each in record.releases if _served(each) and each is not record.current]
        words = f"revisions to go back to: {', '.join(past)}" if past else "no other release served and was good"
        return Obeyed(record, (f"{actions.ROLLBACK_TO}: {action.argument[:80]!r} names none; {words}",))
    if held := holds.allowed(release.inputs, None, holds.in_force(record, "")).in_the_way:
        words = f"{held[0].part.value.lower()} {held[0].version} of {release} is held: unhold that first"
        return Obeyed(record, (f"{actions.ROLLBACK_TO}: {words}",))
    if gone := rollout.gone(release, drifts):
        words = f"{release} cannot be gone back to: {gone.message}"
        return Obeyed(record, (f"{actions.ROLLBACK_TO}: {words}",))
    words = f"rollback-to {action.argument} was asked for at {action.time:%Y-%m-%dT%H:%M:%SZ}"
    hold = holds.of_everything(release, fingerprint, words, asked)
    others = (each for each in release.notes.holds if each.part is not Part.ALL)
    notes = replace(release.notes, holds=(*others, hold))
    return Obeyed(record.with_release(replace(release, notes=notes)))


def _named(record: Ledger, argument: str) -> Release | None:
    """Return the release of that number, or the good one before; one that is bad or never served is none of them."""
    if argument == "previous":
        return rollout.last_good(record, record.current)
    found = [release for release in record.releases if str(release.number) == argument and _served(release)]
    return found[0] if found else None


def _served(release: Release) -> bool:
    return proved(release) and release.released is not None
