"""Every clock change of eleven years in every time zone, and the schedules that it could make fire twice or never.

What should fire is told by what the wall clock shows minute by minute: a time of the day is due at the first minute at
which the clock shows it or a later one, whatever it showed before. That reads UTC to local time alone and knows no gap,
no overlap and no cron. What does fire is asked of the operator's windows.
"""

import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiapp_operator.api.release import Release
from aiapp_operator.release.schedules import schedule, zone, zone_names
from aiapp_operator.release.windows import opening
from proofs import running

YEARS: Final = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC))
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AROUND: Final = 36 * HOUR
"""How long before and after a change every window is looked at: three nights."""
UNUSUAL: Final = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # by half an hour
    "Antarctica/Troll",  # by two hours
    "Africa/Casablanca",  # around Ramadan
    "Africa/Cairo",  # at midnight
    "America/Santiago",  # back from midnight into the day before
    "America/Nuuk",  # forward into the next day
)
NIGHTLY: Final = "30 2 * * *"
NIGHT: Final = 150
"""The same, in minutes since midnight."""
MISSED: Final = 30
NOVEMBER: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""Thirty days later no clock changes."""
COUNT: Final = len(zone_names())


@dataclass(frozen=True, slots=True)
class Change:
    """One clock change: the first instant with the new clock, and by how much the clock jumps."""

    zone: ZoneInfo
    at: datetime
    jump: timedelta

    def __str__(self) -> str:
        return f"{self.zone.key} at {self.at:%Y-%m-%dT%H:%MZ} by {self.jump.total_seconds() / 60:+.0f} min"


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a wall clock shows, minute by minute, and the latest that it has shown up to each."""

    minutes: list[datetime]
    shown: list[datetime]
    latest: list[datetime]

    @classmethod
    def around(cls, change: Change) -> "Timeline":
        start = change.at - AROUND - 2 * DAY
        minutes = [start + number * MINUTE for number in range((2 * AROUND + 4 * DAY) // MINUTE)]
        shown = [minute.astimezone(change.zone).replace(tzinfo=None) for minute in minutes]
        latest = [shown[0]]
        for local in shown:
            latest.append(max(latest[-1], local))
        return cls(minutes, shown, latest[1:])

    def due(self, change: Change, times: Iterable[int]) -> list[datetime]:
        """Return when times of the day, in minutes since midnight, are due around the change."""
        days = [self.shown[0].date() + number * DAY for number in range(1, 9)]
        wanted = [datetime(day.year, day.month, day.day) + time * MINUTE for time in times for day in days]  # noqa: DTZ001
        found = (bisect_left(self.latest, local) for local in wanted)
        return _around(change, {self.minutes[number] for number in found if number < len(self.minutes)})

    def passing(self, change: Change, minutes: frozenset[int]) -> list[datetime]:
        """Return when the clock shows one of these minutes of an hour around the change."""
        shows = (at for at, local in zip(self.minutes, self.shown, strict=True) if local.minute in minutes)
        return _around(change, shows)


def changes(name: str) -> Iterator[Change]:
    """Return all clock changes of a zone, by looking at its offset hour by hour."""
    where = zone(name)
    at, last = YEARS
    offset = _offset(where, at)
    while at < last:
        following = at + HOUR
        if (new := _offset(where, following)) != offset:
            first = next(at + number * MINUTE for number in range(1, 61) if _offset(where, at + number * MINUTE) == new)
            yield Change(where, first, new - offset)
        at, offset = following, new


def _offset(where: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(where).utcoffset() or timedelta()


def _around(change: Change, instants: Iterable[datetime]) -> list[datetime]:
    return sorted(at for at in instants if abs(at - change.at) < AROUND)


def expected(change: Change) -> dict[str, list[datetime]]:
    """Return schedules that the change may disturb, each with when it should fire around it."""
    timeline = Timeline.around(change)
    times = times_at(change)
    hour, minute = divmod(times[1], 60)
    quarters = range(0, 60, 15)
    return {
        **{f"{time % 60} {time // 60} * * *": timeline.due(change, [time]) for time in (NIGHT, *times)},
        f"*/15 {hour} * * *": timeline.due(change, (60 * hour + quarter for quarter in quarters)),
        f"{minute} * * * *": timeline.passing(change, frozenset({minute})),
        "*/15 * * * *": timeline.passing(change, frozenset(quarters)),
    }


def times_at(change: Change) -> list[int]:
    """Return times of the day, in minutes, at the ends of what is left out or comes twice, within it and after it."""
    before = (change.at - MINUTE).astimezone(change.zone).replace(tzinfo=None) + MINUTE
    start, size = min(before, before + change.jump), abs(change.jump)
    places = (start, start + size // 2, start + size - MINUTE, start + size)
    return [60 * place.hour + place.minute for place in places]


def fired(change: Change, cron: str) -> list[datetime]:
    """Return when the operator's windows of a minute open around the change."""
    windows = schedule(cron, change.zone.key, MINUTE).windows(change.at - AROUND - DAY, change.at + AROUND + DAY)
    return _around(change, (start for start, _ in windows))


def nightly(name: str, duration: str) -> Release:
    """Return the release settings of an app that is released at night."""
    return Release.model_validate({"schedule": [{"cron": NIGHTLY, "timeZone": name, "duration": duration}]})


def wrong_openings(change: Change, due: Iterable[datetime]) -> Iterator[str]:
    """Ask whether a release may go, just before each time, at it and at the end of its minute."""
    release = nightly(change.zone.key, "1m")
    for at in due:
        told = [opening(release, now) for now in (at - SECOND, at, at + MINUTE)]
        flips = [(one.open, one.at) for one in told[:2]]
        if flips != [(False, at), (True, at + MINUTE)] or told[2].open:
            yield f"{change}: {NIGHTLY} is due {at:%FT%TZ}, and is told as {flips}, then open: {told[2].open}"


def after_downtime(name: str, gone: datetime) -> list[datetime]:
    """Let an operator sleep through 30 windows with a release waiting; return when it starts one in the two days after.

    It asks whether it may go, and if not, again when it is told that this changes: nothing counts what was missed.
    """
    release, now, waiting, started = nightly(name, "1h"), gone + MISSED * DAY, True, list[datetime]()
    end = now + 2 * DAY
    while now < end:
        told = opening(release, now)
        if told.open and waiting:
            started.append(now)
            waiting = False
        if told.at is None or told.at <= now:
            break
        now = told.at
    return started


def wrong_start(name: str, started: list[datetime]) -> str:
    """Return in words what is wrong with the releases after a downtime: there is one, and it starts at night."""
    local = [at.astimezone(zone(name)) for at in started]
    at_night = [at for at in local if NIGHT <= 60 * at.hour + at.minute < NIGHT + 60]
    if len(started) == len(at_night) == 1:
        return ""
    return f"{name}: after {MISSED} missed windows releases started at {', '.join(f'{at:%FT%T}' for at in local)}"


def check(change: Change, tally: Counter[str]) -> list[str]:
    """Compare what is due with what fires around one change."""
    wrong = []
    for cron, due in expected(change).items():
        told = fired(change, cron)
        tally["schedules"] += 1
        tally["agreed"] += told == due
        if told != due:
            wrong.append(f"{change}: {cron} is due {_words(due, told)}, and fires {_words(told, due)}")
        if cron == NIGHTLY:
            tally["days"] += len(due)
            wrong += wrong_openings(change, due)
            wrong += [] if once_a_day(due, change) else [f"{change}: {cron} is not due once a day: {due}"]
    return wrong


def once_a_day(due: Iterable[datetime], change: Change) -> bool:
    """Tell whether each local day around the change has one of these instants."""
    days: list[date] = [at.astimezone(change.zone).date() for at in due]
    return days == [days[0] + number * DAY for number in range(3)]


def _words(of: list[datetime], other: list[datetime]) -> str:
    alone = [f"{at:%FT%TZ}" for at in of if at not in other]
    return ", ".join(alone[:3]) or "at no other time"


def chosen(count: int, seed: int) -> list[str]:
    """Return zones by name, those with unusual changes first."""
    others = sorted(zone_names() - set(UNUSUAL))
    Random(seed).shuffle(others)  # noqa: S311
    return [*UNUSUAL, *others][:count]


def prove(count: int, seed: int) -> running.Outcome:
    """Look at all changes of `count` zones."""
    names, tally, failures = chosen(count, seed), Counter[str](), list[str]()
    progress, random = running.Progress(len(names)), Random(seed)  # noqa: S311
    for name in names:
        started = after_downtime(name, NOVEMBER + random.randrange(24 * 60 * 60) * SECOND)
        tally["releases"] += len(started)
        failures += filter(None, [wrong_start(name, started)])
        for change in changes(name):
            tally["changes"] += 1
            tally["gaps" if change.jump > timedelta() else "overlaps"] += 1
            failures += check(change, tally)
        progress.step()
    kinds = ("changes", "gaps", "overlaps", "days", "schedules", "agreed")
    figures: dict[str, Any] = {
        "tzdata": version("tzdata"),
        "zones": len(names),
        **{kind: tally[kind] for kind in kinds},
    }
    figures["missed"] = {"windows": MISSED, "operators": len(names), "releases": tally["releases"]}
    return running.Outcome(len(names), figures, tuple(failures))


if __name__ == "__main__":
    sys.exit(running.main("clock_changes", prove, COUNT))
