"""Which instant a time of the day is on the days on which the clock changes."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from aiapp_operator.api.fields import VALIDATIONS
from aiapp_operator.api.release import Release, ScheduleWindow
from aiapp_operator.release.schedules import schedule, zone, zone_names
from aiapp_operator.release.windows import Opening, opening
from stand_ins.app_cluster import NOON

BERLIN = "Europe/Berlin"
MINUTE = timedelta(minutes=1)
SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)
"""On which Berlin's clock goes from 02:00 to 03:00, and from 03:00 back to 02:00, at 01:00 UTC."""


def nightly(cron: str, duration: str) -> Release:
    return Release.model_validate({"schedule": [{"cron": cron, "timeZone": BERLIN, "duration": duration}]})


class TestClockChanges:
    @pytest.mark.parametrize(
        ("cron", "zone", "day", "expected"),
        [
            pytest.param("30 2 * * *", BERLIN, SPRING, ["01:00"], id="in the gap: at the first instant after it"),
            pytest.param("59 1 * * *", BERLIN, SPRING, ["00:59"], id="before the gap"),
            pytest.param("0 3 * * *", BERLIN, SPRING, ["01:00"], id="at the end of the gap"),
            pytest.param("*/15 2 * * *", BERLIN, SPRING, ["01:00"], id="all in the gap: one instant"),
            pytest.param("30 2,3 * * *", BERLIN, SPRING, ["01:00", "01:30"], id="in the gap and after it"),
            pytest.param("30 2 * * *", BERLIN, AUTUMN, ["00:30"], id="comes twice: once"),
            pytest.param("0 2 * * *", BERLIN, AUTUMN, ["00:00"], id="at the start of what comes twice"),
            pytest.param("0 3 * * *", BERLIN, AUTUMN, ["02:00"], id="at the end of what comes twice"),
            pytest.param("*/30 2 * * *", BERLIN, AUTUMN, ["00:00", "00:30"], id="half hours come once"),
            pytest.param("*/30 1-3 * * *", BERLIN, SPRING, ["00:00", "00:30", "01:00", "01:30"], id="a range of hours"),
            pytest.param("0 2 * * *", "Australia/Lord_Howe", date(2027, 10, 3), ["15:30"], id="half an hour of gap"),
            pytest.param("45 1 * * *", "Australia/Lord_Howe", date(2027, 4, 4), ["14:45"], id="half an hour twice"),
            pytest.param(
                "0 2 * * *", "Australia/Lord_Howe", date(2027, 4, 4), ["15:30"], id="after half an hour twice"
            ),
            pytest.param(
                "*/15 3 * * *", "Australia/Lord_Howe", date(2027, 10, 3), ["16:00", "16:15", "16:30", "16:45"]
            ),
            pytest.param("0 0 * * *", "America/Santiago", date(2027, 9, 5), ["04:00"], id="midnight in the gap"),
            pytest.param("30 23 * * *", "America/Santiago", date(2027, 4, 3), ["02:30"], id="the evening comes twice"),
            pytest.param("30 23 * * *", "America/Nuuk", date(2027, 3, 27), ["01:00"], id="a gap to the next day"),
            pytest.param("0 2 * * SUN", BERLIN, SPRING + timedelta(days=1), [], id="not on this day"),
        ],
    )
    def test_a_time_of_the_day_fires_once(self, cron: str, zone: str, day: date, expected: list[str]) -> None:
        assert [f"{fire:%H:%M}" for fire in schedule(cron, zone, MINUTE).fires(day)] == expected

    @pytest.mark.parametrize("cron", ["30 * * * *", "30 */1 * * *", "30 0-23 * * *"])
    def test_every_hour_means_the_time_that_passes(self, cron: str) -> None:
        hourly = schedule(cron, BERLIN, MINUTE)
        assert [len(hourly.fires(day)) for day in (SPRING, AUTUMN, AUTUMN + timedelta(days=1))] == [23, 25, 24]
        for day in (SPRING, AUTUMN):
            first, *_ = fires = hourly.fires(day)
            assert fires == [first + number * timedelta(hours=1) for number in range(len(fires))]

    def test_a_window_is_as_long_as_ever_while_the_clock_changes(self) -> None:
        night = nightly("0 1 * * *", "3h")
        for day in (SPRING, AUTUMN):
            start = datetime(day.year, day.month, day.day, 1, tzinfo=zone(BERLIN)).astimezone(UTC)
            assert opening(night, start) == Opening(True, start + timedelta(hours=3))

    def test_24_hours_leave_one_out_of_a_day_of_25(self) -> None:
        told = opening(nightly("0 0 * * *", "24h"), datetime(2027, 10, 31, 12, tzinfo=UTC))
        assert told == Opening(True, datetime(2027, 10, 31, 22, tzinfo=UTC))


def test_every_zone_of_tzdata_can_be_read() -> None:
    assert len(zone_names()) > 500
    for name in zone_names():
        assert zone(name).key == name
        assert NOON.astimezone(zone(name)) == NOON


def test_every_zone_of_tzdata_may_be_written() -> None:
    (rule,) = ScheduleWindow.model_json_schema(by_alias=True)["properties"]["timeZone"][VALIDATIONS]
    (pattern,) = re.findall(r"self\.matches\('([^']+)'\)", rule["rule"])
    assert [name for name in zone_names() if not re.search(pattern, name)] == []
    assert not re.search(pattern, "+02:00")
