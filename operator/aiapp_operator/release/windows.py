"""When a release may go out: schedules in time zones, and freezes. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Final

from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.release import Release, ScheduleWindow
from aiapp_operator.release import schedules
from aiapp_operator.release.notes import format_time
from aiapp_operator.release.schedules import Schedule, ScheduleError, Span

SCHEDULE: Final = "Schedule"
FREEZE: Final = "Freeze"
HORIZON: Final = timedelta(days=5 * 366)
"""How far the next window is looked for: a 29 February comes within it, but around the years 2100 and 2200."""
OPEN_HORIZON: Final = timedelta(days=31)
"""How far the end of windows that follow one another without a gap is looked for."""
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=168)
SHOWN: Final = 2
"""Freezes that a message names."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a rollout over a serving release may start now.

    at: when that changes; None: never, as far as anybody knows.
    reason: what keeps it closed: Schedule or Freeze; empty while it is open.
    message: the same in words, with the time and the freeze's own reason.
    """

    open: bool
    at: datetime | None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, order=True)
class _Freeze:
    start: datetime
    to: datetime
    reason: str

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"from {format_time(self.start)} to {format_time(self.to)}{reason}"


def opening(release: Release, now: datetime) -> Opening:
    """Return whether spec.release lets a rollout start at `now`.

    A window is open from the instant its schedule fires, for its duration in real time; of several, any one is enough.
    A freeze closes them all. Without a schedule it is open. A schedule that `problem` refuses opens nothing.
    """
    now = now.astimezone(UTC)
    windows = _Windows(release.schedule)
    freezes = sorted(_Freeze(_utc(freeze.start), _utc(freeze.to), freeze.reason) for freeze in release.freezes)
    at, passed = _opens(windows, freezes, now)
    if at == now:
        return Opening(True, _closes(windows, freezes, now))
    return Opening(False, at, FREEZE if passed else SCHEDULE, _words(windows, at, passed))


def problem(release: Release) -> str:
    """Return what is wrong with the schedules, in words that name the field and the fix; empty: nothing.

    A freeze that could not be used is none that `Release` takes.
    """
    return "; ".join(
        f"spec.release.schedule[{number}].{words}"
        for number, window in enumerate(release.schedule)
        for words in _window_problems(window)
    )


class _Windows:
    """The windows of all schedules of a release."""

    def __init__(self, windows: Sequence[ScheduleWindow]) -> None:
        self.always = not windows
        self._schedules = tuple(schedule for window in windows if (schedule := _usable(window)))

    def since(self, instant: datetime, until: datetime) -> Iterator[Span]:
        """Return those that end after an instant and start before another, by their start; they may overlap."""
        return merge(*(schedule.windows(instant, until) for schedule in self._schedules))

    def next(self, instant: datetime) -> datetime | None:
        """Return the first instant from this one on at which a window is open; None: there is none for years."""
        if self.always:
            return instant
        first = next(self.since(instant, instant + HORIZON), None)
        return first and max(instant, first[0])

    def local(self, instant: datetime) -> str:
        """Return what the clock of the first schedule that is open at an instant shows."""
        for schedule in self._schedules:
            if next(schedule.windows(instant, instant + schedules.SECOND), None):
                return f"{instant.astimezone(schedule.zone):%H:%M} in {schedule.zone.key}"
        return "no schedule"


def _usable(window: ScheduleWindow) -> Schedule | None:
    try:
        return schedules.schedule(window.cron, window.time_zone, parse_duration(window.duration))
    except ValueError:
        return None  # what is wrong with it is for problem() to say


def _opens(windows: _Windows, freezes: Sequence[_Freeze], now: datetime) -> tuple[datetime | None, list[_Freeze]]:
    """Return the first instant from now on at which it is open, and the freezes that put it off."""
    passed: list[_Freeze] = []
    at = windows.next(now)
    while at is not None and (freeze := _freeze_at(freezes, at)):
        passed.append(freeze)
        known = windows.always or freeze.to - now < HORIZON
        at = windows.next(freeze.to) if known else None
    return at, passed


def _closes(windows: _Windows, freezes: Sequence[_Freeze], now: datetime) -> datetime | None:
    """Return the first instant at which it is closed again, being open now; None: none is known."""
    frozen = min((freeze.start for freeze in freezes if now < freeze.start < freeze.to), default=None)
    if windows.always:
        return frozen
    end, until = now, now + OPEN_HORIZON
    for first, last in windows.since(now, until):
        if first > end:
            break
        end = max(end, last)
    if frozen and frozen <= end:
        return frozen
    return end if end < until else None


def _freeze_at(freezes: Sequence[_Freeze], instant: datetime) -> _Freeze | None:
    return next((freeze for freeze in freezes if freeze.start <= instant < freeze.to), None)


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # a freeze since the first day there is, or to the last one
        return FIRST if instant.year == 1 else LAST


def _words(windows: _Windows, at: datetime | None, passed: Sequence[_Freeze]) -> str:
    more = f" and {len(passed) - SHOWN} more" if len(passed) > SHOWN else ""
    freezes = f"the freeze {', '.join(map(str, passed[:SHOWN]))}{more}" if passed else ""
    if at is None and not passed:
        return "no window of spec.release.schedule opens within five years: change its cron"
    if at is None:
        return f"{freezes} leaves no window of spec.release.schedule within five years: end it earlier"
    if windows.always:
        return freezes
    after = f", after {freezes}" if passed else ""
    return f"the next window opens at {format_time(at)} ({windows.local(at)}){after}"


def _window_problems(window: ScheduleWindow) -> Iterator[str]:
    try:
        schedules.parse_cron(window.cron)
    except ScheduleError as error:
        yield f"cron: {error}"
    try:
        schedules.zone(window.time_zone)
    except ScheduleError as error:
        yield f"timeZone: {error}"
    try:
        bounded = SHORTEST <= parse_duration(window.duration) <= LONGEST
    except ValueError as error:
        yield f"duration: {error}"
    else:
        if not bounded:
            yield f"duration: {window.duration} is not from 1m to 168h"
