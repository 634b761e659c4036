"""Laws of windows and freezes, over drawn schedules, zones and times, many of them near a clock change."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.release import CRON, Release
from aiapp_operator.release.windows import HORIZON, OPEN_HORIZON, opening, problem

TINY = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "America/Nuuk", "Asia/Kolkata")
CHANGES = (
    datetime(2027, 3, 28, 1, tzinfo=UTC),  # Berlin and Nuuk
    datetime(2027, 10, 31, 1, tzinfo=UTC),
    datetime(2027, 4, 3, 15, tzinfo=UTC),  # Lord Howe
    datetime(2027, 10, 2, 15, 30, tzinfo=UTC),
    datetime(2027, 4, 4, 3, tzinfo=UTC),  # Santiago
    datetime(2027, 9, 5, 4, tzinfo=UTC),
)

NEAR = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-5 * 86_400, 5 * 86_400),
)
MINUTES = st.sampled_from(["0", "30", "59", "*", "*/15", "5,50"])
HOURS = st.sampled_from(["*", "*/6", "0", "2", "1-3", "9-17", "23"])
DAYS = st.sampled_from(["* * *", "* * *", "1 * *", "L * *", "15 4 *", "* * MON-FRI", "* * SUN", "* * 1#2", "29 2 *"])
WINDOWS = st.builds(
    lambda minutes, hours, days, zone, duration: {
        "cron": f"{minutes} {hours} {days}",
        "timeZone": zone,
        "duration": duration,
    },
    *(MINUTES, HOURS, DAYS, st.sampled_from(ZONES), st.sampled_from(["1m", "15m", "1h", "5h", "24h", "49h", "168h"])),
)


@st.composite
def freezes(draw: st.DrawFn) -> dict[str, str]:
    start = draw(NEAR)
    end = start + timedelta(seconds=draw(st.integers(1, 5 * 86_400)))
    return {"from": start.isoformat(), "to": end.isoformat()}


SCHEDULES = st.lists(WINDOWS, max_size=3)
FREEZES = st.lists(freezes(), max_size=3)


def release(schedule: list[dict[str, str]], frozen: list[dict[str, str]]) -> Release:
    return Release.model_validate({"schedule": schedule, "freezes": frozen})


@settings(deadline=None)
@given(SCHEDULES, FREEZES, NEAR, st.floats(0, 1))
def test_the_time_that_is_told_is_when_it_changes(
    schedule: list[dict[str, str]], frozen: list[dict[str, str]], now: datetime, share: float
) -> None:
    asked = release(schedule, frozen)
    told = opening(asked, now)
    assume(told.at is not None)
    assert told.at is not None
    assert told.at > now
    assert opening(asked, told.at).open is not told.open
    for before in (told.at - TINY, now + share * (told.at - now - TINY)):
        again = opening(asked, max(now, before))
        assert (again.open, again.at) == (told.open, told.at)


@settings(deadline=None)
@given(SCHEDULES, FREEZES, NEAR, st.floats(0, 1))
def test_without_a_time_it_does_not_change_for_long(
    schedule: list[dict[str, str]], frozen: list[dict[str, str]], now: datetime, share: float
) -> None:
    asked = release(schedule, frozen)
    told = opening(asked, now)
    assume(told.at is None)
    later = now + share * (OPEN_HORIZON if told.open else HORIZON)
    assert opening(asked, later).open is told.open


@settings(deadline=None)
@given(SCHEDULES, SCHEDULES, FREEZES, NEAR)
def test_it_is_open_when_any_schedule_is(
    one: list[dict[str, str]], other: list[dict[str, str]], frozen: list[dict[str, str]], now: datetime
) -> None:
    assume(one)
    assume(other)
    each = [opening(release(schedule, frozen), now) for schedule in (one, other)]
    both = opening(release(one + other, frozen), now)
    assert both.open is any(told.open for told in each)
    if not both.open:
        assert both.at == min((told.at for told in each if told.at), default=None)


@settings(deadline=None)
@given(SCHEDULES, FREEZES, NEAR)
def test_a_freeze_closes_all_and_opens_none(
    schedule: list[dict[str, str]], frozen: list[dict[str, str]], now: datetime
) -> None:
    asked = release(schedule, frozen)
    cold = any(freeze.start <= now < freeze.to for freeze in asked.freezes)
    assert opening(asked, now).open is (opening(release(schedule, []), now).open and not cold)


@settings(deadline=None)
@given(SCHEDULES, FREEZES, NEAR, st.sampled_from(ZONES))
def test_the_answer_is_whole_and_depends_on_the_instant_alone(
    schedule: list[dict[str, str]], frozen: list[dict[str, str]], now: datetime, zone: str
) -> None:
    asked = release(schedule, frozen)
    told = opening(asked, now)
    assert problem(asked) == ""
    assert bool(told.reason) is bool(told.message) is not told.open
    assert opening(release(schedule[::-1], frozen[::-1]), now.astimezone(ZoneInfo(zone))).at == told.at


def numbers(field: str, first: int, last: int) -> set[int]:
    """Read the simple fields that are drawn above."""
    found = set[int]()
    for item in field.split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        ends = (first, last) if span == "*" else (int(low), int(high or low))
        found |= set(range(ends[0], ends[1] + 1, int(step or 1)))
    return found


@settings(deadline=None)
@given(MINUTES, HOURS, st.sampled_from(["1m", "15m", "1h", "5h", "24h"]), NEAR)
def test_in_utc_every_minute_of_the_past_tells_whether_it_is_open(
    minutes: str, hours: str, duration: str, now: datetime
) -> None:
    length = parse_duration(duration)
    minute = now.replace(second=0, microsecond=0)
    past = (minute - number * MINUTE for number in range(24 * 60 + 1))
    fired = (at for at in past if at.minute in numbers(minutes, 0, 59) and at.hour in numbers(hours, 0, 23))
    is_open = any(at <= now < at + length for at in fired)
    window: dict[str, Any] = {"cron": f"{minutes} {hours} * * *", "timeZone": "UTC", "duration": duration}
    assert opening(release([window], []), now).open is is_open


def terms(first: int, last: int, names: str = "", more: str = "") -> st.SearchStrategy[str]:
    """Return one field of a cron: numbers, names, ranges and steps, of which some make no sense together."""
    value = st.one_of(st.integers(first, last).map(str), st.sampled_from(names.split() or [str(first)]))
    span = st.one_of(st.just("*"), value, st.builds("{}-{}".format, value, value))
    stepped = st.one_of(span, st.builds("{}/{}".format, span, st.integers(1, 99)))
    term = st.one_of(stepped, st.sampled_from(more.split())) if more else stepped
    return st.lists(term, min_size=1, max_size=3).map(",".join)


CRONS = st.tuples(
    terms(0, 59),
    terms(0, 23),
    terms(1, 31, more="L LW"),
    terms(1, 12, "JAN feb DEC"),
    terms(0, 7, "SUN mon SAT", "5#5 TUE#1 7L"),
).map(" ".join)


@settings(deadline=None)
@given(CRONS)
def test_of_what_the_api_server_takes_the_rest_is_named(cron: str) -> None:
    """Its pattern knows no dates, and not that a range goes upwards."""
    assume(len(cron) <= 128)
    assert re.search(CRON, cron)
    words = problem(release([{"cron": cron}], []))
    assert words == "" or "cannot be" in words or "never fires" in words
    told = opening(release([{"cron": cron}], []), CHANGES[0])
    assert not (words and told.open)
