"""When a cron schedule in a time zone fires: each time of the day once, also on a day on which the clock changes. Pure.

cronsim reads the five fields and knows which days they mean; which instant a time of the day is, is told here. Where
the clock skips that time, it is the first instant after the gap; where it shows it twice, the first of the two. A
schedule of every hour means the time that passes, not a time of the day: it fires whenever the clock shows its minute.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

Span = tuple[datetime, datetime]
"""From an instant to the first one that is not in it any more, in UTC."""

Moment = TypeVar("Moment", datetime, timedelta)

SECOND: Final = timedelta(seconds=1)
DAY: Final = timedelta(days=1)
FIELDS: Final = ("minute", "hour", "day of the month", "month", "day of the week")
FITS: Final = (
    "minute is 0-59, hour 0-23, day of the month 1-31 where a month has it, month 1-12 or JAN-DEC, day of the week 0-7 "
    "or SUN-SAT, and a range goes upwards, such as 5-7 for FRI to SUN"
)
CALENDAR: Final = (date(2000, 1, 1), date(2050, 1, 1))
"""Years in which every date there is comes on every day of the week, 29 February too."""


class ScheduleError(ValueError):
    """A cron or a time zone that cannot be used; the words tell the fix."""


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Return the names of all time zones, as the release of tzdata that comes with the operator has them."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return a time zone of tzdata's, whatever the machine has.

    Raises:
        ScheduleError: there is no such zone.
    """
    if name not in zone_names():
        raise ScheduleError(f"{name!r} is no time zone: write its IANA name, such as Europe/Berlin or UTC")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> CronSim:
    """Read the five fields of a cron expression.

    Raises:
        ScheduleError: it has not five fields, one of them cannot be read, or no date fits.
    """
    if len(text.split()) != len(FIELDS):
        raise ScheduleError(f"{text!r} must be five fields: {', '.join(FIELDS)}, such as 0 2 * * * for 02:00 every day")
    try:
        cron = CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        field = str(error).removeprefix("Bad ").replace("-of-", " of the ")
        raise ScheduleError(f"the {field} of {text!r} cannot be: {FITS}") from error
    first, last = CALENDAR
    if not any(_matches(cron, first + number * DAY) for number in range((last - first).days)):
        raise ScheduleError(f"{text!r} never fires: no date has that day, month and day of the week")
    return cron


def _matches(cron: CronSim, day: date) -> bool:
    return day.month in cron.months and cron.match_day(day)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Windows of one length that open by a cron expression in a time zone.

    minutes: the times of the day, in minutes since midnight, ascending. hourly: they are of every hour.
    spans: the windows of a day without a clock change, joined where they meet, counted from its midnight.
    """

    cron: CronSim
    zone: ZoneInfo
    duration: timedelta
    minutes: tuple[int, ...]
    hourly: bool
    spans: tuple[tuple[timedelta, timedelta], ...]

    def windows(self, since: datetime, until: datetime) -> Iterator[Span]:
        """Return the windows that end after `since` and start before `until`, ascending; those of a day are joined."""
        # A day more at both ends: a clock change moves what is fired by it.
        day = (since - self.duration).astimezone(self.zone).date() - DAY
        last = until.astimezone(self.zone).date() + DAY
        while day <= last:
            if _matches(self.cron, day):
                for start, end in self._of_day(day):
                    if end > since and start < until:
                        yield start, end
            day += DAY

    def fires(self, day: date) -> list[datetime]:
        """Return the instants, in UTC and ascending, at which the schedule fires for this day of its own calendar."""
        if not _matches(self.cron, day):
            return []
        return sorted({instant for minute in self.minutes for instant in self._instants(day, minute)})

    def _of_day(self, day: date) -> Iterable[Span]:
        midnight = _midnight(self.zone, day)
        if midnight is None:
            return _of_changed_day(self, day)
        return ((midnight + start, midnight + end) for start, end in self.spans)

    def _instants(self, day: date, minute: int) -> Iterable[datetime]:
        local = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=self.zone)
        first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
        if first <= second:
            return (first, second) if self.hourly else (first,)
        # In a gap the two are the wrong way round, with the change between them.
        return () if self.hourly else (_change(self.zone, second, first),)


@lru_cache(maxsize=1024)
def _of_changed_day(schedule: Schedule, day: date) -> tuple[Span, ...]:
    return tuple(joined((instant, instant + schedule.duration) for instant in schedule.fires(day)))


@lru_cache(maxsize=1024)
def schedule(cron: str, time_zone: str, duration: timedelta) -> Schedule:
    """Read a schedule.

    Raises:
        ScheduleError: its cron or time zone cannot be used.
    """
    parsed = parse_cron(cron)
    minutes = tuple(sorted(60 * hour + minute for hour in parsed.hours for minute in parsed.minutes))
    starts = (timedelta(minutes=minute) for minute in minutes)
    spans = tuple(joined((start, start + duration) for start in starts))
    return Schedule(parsed, zone(time_zone), duration, minutes, len(parsed.hours) == 24, spans)


def joined(spans: Iterable[tuple[Moment, Moment]]) -> Iterator[tuple[Moment, Moment]]:
    """Join those of ascending spans that overlap or meet."""
    ascending = iter(spans)
    if (last := next(ascending, None)) is None:
        return
    for start, end in ascending:
        if start > last[1]:
            yield last
            last = (start, end)
        last = (last[0], max(last[1], end))
    yield last


def _midnight(zone: ZoneInfo, day: date) -> datetime | None:
    """Return the instant at which the day starts; None where the clock changes between its two midnights."""
    ends = [datetime.combine(day, time(), zone), datetime.combine(day + DAY, time(), zone)]
    offsets = {end.replace(fold=fold).utcoffset() for end in ends for fold in (0, 1)}
    return ends[0].astimezone(UTC) if len(offsets) == 1 else None


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first instant, to the second, that has the clock of `after`: `before` has another."""
    new = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        changed = (before + middle * SECOND).astimezone(zone).utcoffset() == new
        low, high = (low, middle) if changed else (middle, high)
    return before + high * SECOND
