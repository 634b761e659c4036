"""Events about releases: what is gated, goes out, waits, is held or undone, each told once. Pure."""

from collections.abc import Iterator
from typing import Final

from aiapp_operator.conditions import UP_TO_DATE, conditions_of
from aiapp_operator.reasons import Reason
from aiapp_operator.release import history
from aiapp_operator.release.history import Contents, difference
from aiapp_operator.release.ledger import short_image
from aiapp_operator.state import Event, Manifest, Part
from aiapp_operator.status import MOST_HOLDS

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
LENGTH: Final = 1024
"""Characters that the API server takes of an Event's message."""
WINDOWS: Final = frozenset({"Schedule", "Freeze"})
RECORDED: Final = ("active", "candidate", "history", "holds")
FIRST_STEPS: Final = frozenset({"", "Waiting"})
"""How the gate of a release stands when its status is written for the first time."""


def transitions(old: Manifest, new: Manifest) -> tuple[Event, ...]:
    """Return the Events that tell what happened to releases from one whole status to the next, in this order."""
    if _lost(old, new):
        return ()
    told = (
        *_ended(old, new),
        *_held(old, new),
        *_served(old, new),
        *_gate(old, new),
        *_released_now(old, new),
        *_waits(old, new),
        *_started(old, new),
        *_given_up(old, new),
    )
    return tuple(Event(event.type, event.reason, event.message[:LENGTH]) for event in told)


def _lost(old: Manifest, new: Manifest) -> bool:
    """Tell a status that was lost from that of a new app: the record behind it knows of more than a first step."""
    if any(old.get(field) for field in RECORDED):
        return False
    candidate = new.get("candidate") or {}
    begun = candidate.get("gate", "") not in FIRST_STEPS or "startedTime" in candidate
    return begun or any(new.get(field) for field in ("active", "history", "holds"))


def _gate(old: Manifest, new: Manifest) -> Iterator[Event]:
    """Yield what is new of gates; going back to a release that passed long ago brings no gate."""
    before, candidate = _gates(old), new.get("candidate") or {}
    for revision, gate in _gates(new).items():
        shown = candidate if _revision(candidate) == revision else {}
        if gate == "Passed" and before.get(revision, gate) != gate:
            words = f": {shown['gateMessage']}" if shown.get("gateMessage") else ""
            yield Event(NORMAL, Reason.GATE_PASSED, f"revision {revision} passed its gate{words}")
        if gate != "Passed" and revision not in before:
            change = _change(new.get("active") or {}, shown) if shown else "it is tried while another goes out"
            yield Event(NORMAL, Reason.GATE_STARTED, f"revision {revision}: {change}")


def _gates(status: Manifest) -> dict[int, str]:
    """Return how the gates of the releases on their way stand, by revision."""
    shown = [status.get(field) or {} for field in ("candidate", "nextRelease")]
    return {release["revision"]: release["gate"] for release in shown if release.get("gate")}


def _ended(old: Manifest, new: Manifest) -> Iterator[Event]:
    """Yield what the history has to tell of releases that were found bad."""
    for entry in _news(old, new):
        release = f"revision {entry['revision']} ({_names(entry)})"
        why = ": ".join(entry[field] for field in ("reason", "message") if field in entry)
        if entry["result"] == history.GATE_FAILED:
            yield Event(WARNING, Reason.GATE_FAILED, f"{release} failed its gate and gets no traffic: {why}")
        if entry["result"] == history.ROLLED_BACK:
            yield Event(WARNING, Reason.ROLLED_BACK, f"{release} was found bad and is undone: {why}")


def _held(old: Manifest, new: Manifest) -> Iterator[Event]:
    before, after = _holds(old), _holds(new)
    for key, hold in after.items():
        if key in before:
            continue
        name = hold.get("version") or hold["digest"][:19]
        argument = Part.ALL if hold["stream"] == Part.ALL else name
        why = ": ".join(hold[field] for field in ("reason", "message") if hold.get(field))
        words = f"{_called(hold)} is held: {why}; annotate aiapp.dev/unhold={argument}@<time> to let it go"
        # Somebody wanted to stay at an earlier release: nothing was found bad.
        yield Event(NORMAL if hold["stream"] == Part.ALL else WARNING, Reason.HELD, words)
    oldest = min((hold.get("since", "") for hold in after.values()), default="")
    for key, hold in before.items():
        pushed_out = len(after) >= MOST_HOLDS and hold.get("since", "") < oldest
        if key not in after and not pushed_out:
            yield Event(NORMAL, Reason.UNHELD, f"{_called(hold)} is not held any more")


def _released_now(old: Manifest, new: Manifest) -> Iterator[Event]:
    before, after = old.get("candidate") or {}, new.get("candidate") or {}
    asked = after.get("releaseNowTime")
    if asked and asked != before.get("releaseNowTime"):
        words = f"goes out whatever schedule and freezes say, as was asked for at {asked}"
        yield Event(NORMAL, Reason.RELEASED_NOW, f"revision {_revision(after)} {words}")


def _waits(old: Manifest, new: Manifest) -> Iterator[Event]:
    before, after = old.get("nextRelease") or {}, new.get("nextRelease") or {}
    if not _waits_for_window(after) or (_waits_for_window(before) and _revision(before) == _revision(after)):
        return
    until = "the end of a freeze" if after["reason"] == "Freeze" else "its window"
    at = f" at {after['time']}" if after.get("time") else ""
    yield Event(
        NORMAL, Reason.WAITING_FOR_WINDOW, f"revision {_revision(after)} passed its gate and waits for {until}{at}"
    )


def _started(old: Manifest, new: Manifest) -> Iterator[Event]:
    before, after = old.get("candidate") or {}, new.get("candidate") or {}
    started = after.get("startedTime")
    known = _revision(before) == _revision(after) and before.get("startedTime") == started
    if started and not known:
        change = _change(new.get("active") or {}, after)
        yield Event(NORMAL, Reason.RELEASE_STARTED, f"revision {_revision(after)}: {change}")


def _served(old: Manifest, new: Manifest) -> Iterator[Event]:
    before, after = old.get("active") or {}, new.get("active") or {}
    # Earlier than before: a record was deleted, and what is left on record is older.
    released = after.get("releasedTime", "") > before.get("releasedTime", "")
    if released:
        change = _change(before, after)
        yield Event(NORMAL, Reason.RELEASED, f"revision {_revision(after)} serves: {change}")
    same = _revision(before) == _revision(after) and not released
    if same and after.get("bakedTime") and not before.get("bakedTime"):
        yield Event(NORMAL, Reason.BAKED, f"revision {_revision(after)} is good: its bake ended well")


def _given_up(old: Manifest, new: Manifest) -> Iterator[Event]:
    """Yield that a release on its way is not asked for any more, and nothing comes in its place."""
    gone, active = old.get("candidate"), new.get("active")
    if not gone or not active or new.get("candidate") or _revision(old.get("active")) != active["revision"]:
        return
    suspended = conditions_of(new).get(UP_TO_DATE, {}).get("reason") == Reason.SUSPENDED
    ended = [entry for entry in _news(old, new) if entry["revision"] == gone["revision"]]
    if not suspended and all(entry["result"] == history.SUPERSEDED for entry in ended):
        yield Event(NORMAL, Reason.RECOVERED, f"revision {gone['revision']} is given up: {_change(gone, active)}")


def _news(old: Manifest, new: Manifest) -> list[Manifest]:
    """Return what became of releases since the status before, oldest first."""
    known = {(entry["revision"], entry["result"], entry["time"]) for entry in old.get("history", ())}
    shown = reversed(new.get("history", ()))
    return [entry for entry in shown if (entry["revision"], entry["result"], entry["time"]) not in known]


def _waits_for_window(waiting: Manifest) -> bool:
    return waiting.get("reason") in WINDOWS and waiting.get("gate") == "Passed"


def _holds(status: Manifest) -> dict[tuple[str, str, str], Manifest]:
    return {(hold["stream"], hold["digest"], hold.get("since", "")): hold for hold in status.get("holds", ())}


def _called(hold: Manifest) -> str:
    if hold["stream"] == Part.ALL:
        return f"everything but {hold.get('version', 'an earlier release')}"
    return f"{hold['stream'].lower()} {hold.get('version') or hold['digest'][:19]}"


def _revision(release: Manifest | None) -> int:
    return release["revision"] if release else 0


def _change(old: Manifest, new: Manifest) -> str:
    return difference(_contents(old), _contents(new))


def _names(release: Manifest) -> str:
    return difference(Contents(), _contents(release))


def _contents(release: Manifest) -> Contents:
    return Contents(
        image=short_image(release["image"]) if release.get("image") else "",
        image_digest=release.get("imageDigest", ""),
        model=release.get("modelVersion", ""),
        model_digest=release.get("modelDigest", ""),
    )
