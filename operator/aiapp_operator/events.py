"""Events: what changed between two statuses, told once. Pure."""

from typing import Final

from aiapp_operator.conditions import READY, SOURCE_DRIFTED, SOURCES_RESOLVED, UP_TO_DATE, conditions_of
from aiapp_operator.ledger import short_image
from aiapp_operator.reasons import Reason
from aiapp_operator.state import Event, Manifest

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
ON_THE_WAY: Final = frozenset(
    reason.value
    for reason in (
        Reason.ROLLING_OUT,
        Reason.RESOLVING,
        Reason.SUSPENDED,
        Reason.NO_RELEASE,
        Reason.NO_CAPACITY,
        Reason.PODS_UNAVAILABLE,
    )
)
"""Reasons of a condition that is False while nothing is wrong."""


def transitions(old: Manifest, new: Manifest) -> tuple[Event, ...]:
    """Return the Events that tell how `old` became `new`, both whole statuses; none when nothing happened."""
    told = (
        _release_started(old, new),
        _released(old, new),
        _given_up(old, new),
        _problem(old, new),
        _drifted(old, new),
        _recovered(old, new),
    )
    return tuple(event for event in told if event)


def _release_started(old: Manifest, new: Manifest) -> Event | None:
    candidate = new.get("candidate")
    if not candidate or _revision(old.get("candidate")) == candidate["revision"]:
        return None
    change = _change(new.get("active") or {}, candidate)
    return Event(NORMAL, Reason.RELEASE_STARTED, f"revision {candidate['revision']}: {change}")


def _released(old: Manifest, new: Manifest) -> Event | None:
    active = new.get("active")
    before = (old.get("active") or {}).get("releasedTime", "")
    # Earlier than before: a record was deleted, and what is left on record is older.
    if not active or active.get("releasedTime", "") <= before:
        return None
    if not old.get("conditions"):
        return None  # status was lost, nothing was released
    change = _change(old.get("active") or {}, active)
    return Event(NORMAL, Reason.RELEASED, f"revision {active['revision']} serves: {change}")


def _given_up(old: Manifest, new: Manifest) -> Event | None:
    """Return that a release on its way is not asked for any more, and nothing comes in its place."""
    gone, active = old.get("candidate"), new.get("active")
    if not gone or not active or new.get("candidate") or _revision(old.get("active")) != active["revision"]:
        return None
    return Event(NORMAL, Reason.RECOVERED, f"revision {gone['revision']} is given up: {_change(gone, active)}")


def _problem(old: Manifest, new: Manifest) -> Event | None:
    """Return what went wrong; the same reason again is no news."""
    before, after = conditions_of(old), conditions_of(new)
    for kind in (UP_TO_DATE, SOURCES_RESOLVED, READY):
        condition = after[kind]
        fails = condition["status"] == "False" and condition["reason"] not in ON_THE_WAY
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


def _revision(release: Manifest | None) -> int:
    return release["revision"] if release else 0


def _change(old: Manifest, new: Manifest) -> str:
    """Return `image 1.4.1 -> 1.4.2, model 41 -> 42`; what stayed is named once."""
    streams = [
        ("image", *_told_apart(_image(old), old.get("imageDigest"), _image(new), new.get("imageDigest"))),
        ("model", *_told_apart(*_model(old), *_model(new))),
    ]
    parts = [
        f"{stream} {before} -> {after or 'none'}" if before and before != after else f"{stream} {after or 'none'}"
        for stream, before, after in streams
        if before or after
    ]
    return ", ".join(parts)


def _told_apart(before: str, digest: str | None, after: str, new_digest: str | None) -> tuple[str, str]:
    """Return two names; with their digests where one name stands for other bytes now, as a tag that moved does."""
    if before and before == after and digest and new_digest and digest != new_digest:
        return f"{before} ({digest:.19})", f"{after} ({new_digest:.19})"
    return before, after


def _model(release: Manifest) -> tuple[str, str | None]:
    return release.get("modelVersion", ""), release.get("modelDigest")


def _image(release: Manifest) -> str:
    return short_image(release["image"]) if release.get("image") else ""
