"""Actions: annotations by which somebody asks for something now, `aiapp.dev/<action>: <argument>@<time>`. Pure.

One is obeyed once, when it is first seen; status.lastHandledActions says which were. One that is old by then, as after
a restore from a backup or in a copied manifest, asks for nothing any more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiapp_operator.reasons import Reason
from aiapp_operator.state import Event, Manifest

PREFIX: Final = "aiapp.dev/"
RECONCILE: Final = "reconcile"
"""Ask both sources now."""
RELEASE_NOW: Final = "release-now"
"""Release what waits for its window now."""
ROLLBACK_TO: Final = "rollback-to"
"""Go back to a release, by its revision or `previous`, and stay there."""
UNHOLD: Final = "unhold"
"""End a hold, by its version, digest or stream."""
ACTIONS: Final = (RECONCILE, RELEASE_NOW, ROLLBACK_TO, UNHOLD)
OLDEST: Final = timedelta(minutes=10)
ECHO_LENGTH: Final = 256
"""Characters of a value that status keeps; they tell one request from the next."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is asked for now."""

    name: str
    argument: str
    time: datetime


@dataclass(frozen=True, slots=True)
class _Seen:
    """An annotation that is not in lastHandledActions: what it asks for, or why that is ignored."""

    name: str
    value: str
    action: Action | None
    ignored: str = ""


def due(app: Manifest, now: datetime) -> tuple[Action, ...]:
    """Return what is to be obeyed now."""
    return tuple(seen.action for seen in _unhandled(app, now) if seen.action)


def ignored(app: Manifest, now: datetime, in_vain: Sequence[str] = ()) -> tuple[Event, ...]:
    """Return an Event for each annotation that comes too late, cannot be read, or asks for what cannot be done.

    in_vain: the last, as `action: why`.
    """
    unread = [f"{seen.name} is ignored: {seen.ignored}" for seen in _unhandled(app, now) if not seen.action]
    undone = [f"{name} is ignored: {why}" for name, _, why in (words.partition(": ") for words in in_vain)]
    return tuple(Event("Warning", Reason.ACTION_IGNORED, f"annotation {PREFIX}{words}") for words in (*unread, *undone))


def handled(app: Manifest, now: datetime) -> dict[str, str]:
    """Return status.lastHandledActions after this run: every annotation that was seen, obeyed or ignored."""
    return _echoed(app) | {seen.name: seen.value for seen in _unhandled(app, now)}


def _unhandled(app: Manifest, now: datetime) -> Iterator[_Seen]:
    annotations, echoed = app["metadata"].get("annotations") or {}, _echoed(app)
    for name in ACTIONS:
        value = annotations.get(PREFIX + name)
        if value is not None and echoed.get(name) != value[:ECHO_LENGTH]:
            yield _read(app, name, value, now)


def _read(app: Manifest, name: str, value: str, now: datetime) -> _Seen:
    argument, at, text = value.rpartition("@")
    time, kept = _time(text), value[:ECHO_LENGTH]
    if not at or time is None:
        form = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        return _Seen(name, kept, None, f"it does not end with a time: write it as now@{form}, with the time of now")
    created = _time(app["metadata"].get("creationTimestamp", ""))
    if created and time < created:
        return _Seen(
            name, kept, None, f"it is of {text}, before this AIApp was made: write it again with the time of now"
        )
    if now - time > OLDEST:
        words = f"it is of {text}, and was first seen at {now:%H:%M:%SZ}, more than 10 minutes later"
        return _Seen(name, kept, None, f"{words}: write it again with the time of now")
    return _Seen(name, kept, Action(name, argument, time))


def _echoed(app: Manifest) -> dict[str, str]:
    return dict((app.get("status") or {}).get("lastHandledActions") or {})


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
