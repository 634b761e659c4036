"""Events: what changed between two statuses, told once. Pure.

Everything is derived from the status before and the status after. A status that was lost and is computed again tells
nothing of what is long past.
"""

from typing import Final

from aiapp_operator import release_events
from aiapp_operator.conditions import READY, SOURCE_DRIFTED, SOURCES_RESOLVED, UP_TO_DATE, conditions_of
from aiapp_operator.reasons import Reason
from aiapp_operator.state import Event, Manifest

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
ON_THE_WAY: Final = frozenset(
    reason.value
    for reason in (
        Reason.GATING,
        Reason.ROLLING_OUT,
        Reason.ROLLING_BACK,
        Reason.WAITING_FOR_WINDOW,
        Reason.WAITING_FOR_BAKE,
        Reason.RESOLVING,
        Reason.SUSPENDED,
        Reason.NO_RELEASE,
        Reason.NO_CAPACITY,
        Reason.PODS_UNAVAILABLE,
        Reason.HELD,
    )
)
"""Reasons of a condition that is False while nothing is wrong, or that has Events of its own."""


def transitions(old: Manifest, new: Manifest) -> tuple[Event, ...]:
    """Return the Events that tell how `old` became `new`, both whole statuses; none when nothing happened."""
    told = (_problem(old, new), _drifted(old, new), _recovered(old, new))
    return (*release_events.transitions(old, new), *(event for event in told if event))


def _problem(old: Manifest, new: Manifest) -> Event | None:
    """Return what went wrong; the same reason again is no news, nor is one that undid a release in this run."""
    before, after = conditions_of(old), conditions_of(new)
    told = {entry.get("reason") for entry in new.get("history", ()) if entry not in old.get("history", ())}
    for kind in (UP_TO_DATE, SOURCES_RESOLVED, READY):
        condition = after[kind]
        fails = condition["status"] == "False" and condition["reason"] not in ON_THE_WAY | told
        if fails and not any(condition["reason"] == known["reason"] for known in before.values()):
            return Event(WARNING, condition["reason"], condition["message"])
    return None


def _drifted(old: Manifest, new: Manifest) -> Event | None:
    """Return that bytes behind a released digest changed or went, or that they are back."""
    was, now = conditions_of(old).get(SOURCE_DRIFTED), conditions_of(new).get(SOURCE_DRIFTED)
    if now and (was is None or was["reason"] != now["reason"]):
        kind = NORMAL if now["reason"] == Reason.METADATA_CHANGED else WARNING
        return Event(kind, now["reason"], now["message"])
    if was and now is None:
        return Event(NORMAL, Reason.RECOVERED, f"{was['reason']} is over: no release in use has it any more")
    return None


def _recovered(old: Manifest, new: Manifest) -> Event | None:
    before, after = conditions_of(old), conditions_of(new)
    for kind in (SOURCES_RESOLVED, READY):
        was = before.get(kind, {})
        failed = was.get("status") == "False" and was["reason"] not in ON_THE_WAY
        if failed and after[kind]["status"] == "True" and old.get("active"):
            return Event(NORMAL, Reason.RECOVERED, f"{was['reason']} is over: {after[kind]['message']}")
    return None
