"""When a release may go out: schedules, time zones, clock changes and freezes, case by case."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from time import process_time
from typing import Any

import pytest

from aiapp_operator import findings
from aiapp_operator.api.release import Release
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.release.windows import Opening, opening, problem
from aiapp_operator.state import Problem, Severity
from inputs.release import CRONS, ZONES
from stand_ins.app_cluster import NOON, an_app

BERLIN = "Europe/Berlin"
NIGHTLY = {"cron": "0 2 * * *", "timeZone": BERLIN, "duration": "2h"}
HOLIDAYS = {"from": "2026-12-20T00:00:00Z", "to": "2027-01-04T00:00:00Z", "reason": "holidays"}


def releases(*schedule: Mapping[str, Any], freezes: tuple[Mapping[str, Any], ...] = ()) -> Release:
    return Release.model_validate({"schedule": schedule, "freezes": freezes})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def window(cron: str, duration: str = "1h", zone: str = "UTC") -> dict[str, str]:
    return {"cron": cron, "timeZone": zone, "duration": duration}


class TestWithoutASchedule:
    def test_it_is_open_for_ever(self) -> None:
        assert opening(releases(), NOON) == Opening(True, None)

    def test_it_closes_when_the_next_freeze_starts(self) -> None:
        later = HOLIDAYS | {"from": "2027-12-20T00:00:00Z", "to": "2028-01-04T00:00:00Z"}
        assert opening(releases(freezes=(later, HOLIDAYS)), NOON) == Opening(True, at("2026-12-20T00:00Z"))

    def test_a_freeze_closes_it_until_it_ends(self) -> None:
        told = opening(releases(freezes=(HOLIDAYS,)), at("2026-12-20T00:00Z"))
        words = "the freeze from 2026-12-20T00:00:00Z to 2027-01-04T00:00:00Z (holidays)"
        assert told == Opening(False, at("2027-01-04T00:00Z"), "Freeze", words)
        assert opening(releases(freezes=(HOLIDAYS,)), at("2027-01-04T00:00Z")) == Opening(True, None)

    def test_freezes_that_meet_are_one(self) -> None:
        more = {"from": "2027-01-03T00:00:00Z", "to": "2027-01-10T00:00:00Z"}
        told = opening(releases(freezes=(more, HOLIDAYS)), at("2026-12-24T00:00Z"))
        assert told.at == at("2027-01-10T00:00Z")
        assert told.message.endswith("(holidays), from 2027-01-03T00:00:00Z to 2027-01-10T00:00:00Z")

    def test_one_that_never_ends_is_no_error(self) -> None:
        ever = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-14:00"}
        told = opening(releases(freezes=(ever,)), NOON)
        assert (told.open, told.reason) == (False, "Freeze")


class TestWindows:
    @pytest.mark.parametrize(
        ("now", "is_open", "changes"),
        [
            ("2026-11-24T00:59:59Z", False, "2026-11-24T01:00Z"),
            ("2026-11-24T01:00:00Z", True, "2026-11-24T03:00Z"),
            ("2026-11-24T02:59:59Z", True, "2026-11-24T03:00Z"),
            ("2026-11-24T03:00:00Z", False, "2026-11-25T01:00Z"),
            ("2026-11-24T04:00:00+02:00", True, "2026-11-24T03:00Z"),
        ],
    )
    def test_one_is_open_from_when_it_fires_for_its_duration(self, now: str, is_open: bool, changes: str) -> None:
        told = opening(releases(NIGHTLY), at(now))
        assert (told.open, told.at) == (is_open, at(changes))

    def test_what_it_waits_for_is_told_by_both_clocks(self) -> None:
        told = opening(releases(NIGHTLY), NOON)
        assert told.reason == "Schedule"
        assert told.message == "the next window opens at 2026-11-24T01:00:00Z (02:00 in Europe/Berlin)"

    @pytest.mark.parametrize(
        ("windows", "now", "is_open", "changes"),
        [
            pytest.param(
                [window("0 2 * * *"), window("0 3 * * *")], "2026-11-24T02:30Z", True, "2026-11-24T04:00Z", id="meet"
            ),
            pytest.param(
                [window("0 1 * * *", "4h"), window("0 2 * * *")],
                "2026-11-24T01:00Z",
                True,
                "2026-11-24T05:00Z",
                id="one within the other",
            ),
            pytest.param(
                [window("0 22 * * FRI"), window("0 2 * * MON")],
                "2026-11-24T00:00Z",
                False,
                "2026-11-27T22:00Z",
                id="the nearest",
            ),
            pytest.param(
                [window("0 23 * * *", "3h")], "2026-11-24T01:00Z", True, "2026-11-24T02:00Z", id="since yesterday"
            ),
            pytest.param(
                [window("0 20 * * FRI", "168h")], "2026-11-27T19:59Z", True, None, id="from one week to the next"
            ),
            pytest.param([window("* * * * *", "1m")], "2026-11-24T01:00Z", True, None, id="at every minute"),
            pytest.param(
                [window("*/2 * * * *", "1m")],
                "2026-11-24T01:00:30Z",
                True,
                "2026-11-24T01:01Z",
                id="every other minute",
            ),
            pytest.param(
                [window("0 0 * 11 *", "24h")], "2026-11-24T01:00Z", True, "2026-12-01T00:00Z", id="to the month's end"
            ),
            pytest.param([window("0 2 29 2 *")], "2026-11-24T01:00Z", False, "2028-02-29T02:00Z", id="in a leap year"),
            pytest.param(
                [window("0 0 1 * MON")], "2026-11-24T00:00Z", False, "2026-11-30T00:00Z", id="day of month or week"
            ),
            pytest.param([window("0 0 * 2 MON#5")], "2026-11-24T00:00Z", False, None, id="not for years"),
        ],
    )
    def test_several(self, windows: list[dict[str, str]], now: str, is_open: bool, changes: str | None) -> None:
        told = opening(releases(*windows), at(now))
        assert (told.open, told.at) == (is_open, changes and at(changes))

    def test_without_any_the_words_name_the_schedule(self) -> None:
        told = opening(releases(window("0 0 * 2 MON#5")), NOON)
        assert told.reason == "Schedule"
        assert told.message == "no window of spec.release.schedule opens within five years: change its cron"

    def test_a_schedule_that_cannot_be_read_opens_nothing(self) -> None:
        assert opening(releases(window("0 25 * * *"), window("0 0 30 2 *")), NOON).open is False
        assert opening(releases(window("0 25 * * *"), NIGHTLY), NOON).at == at("2026-11-24T01:00Z")


class TestFreezesAndWindows:
    def test_windows_in_a_freeze_are_passed_over(self) -> None:
        told = opening(releases(NIGHTLY, freezes=(HOLIDAYS,)), at("2026-12-19T12:00Z"))
        assert (told.open, told.at, told.reason) == (
            False,
            at("2026-12-20T00:00Z") + timedelta(days=15, hours=1),
            "Freeze",
        )
        assert told.message == (
            "the next window opens at 2027-01-04T01:00:00Z (02:00 in Europe/Berlin), "
            "after the freeze from 2026-12-20T00:00:00Z to 2027-01-04T00:00:00Z (holidays)"
        )

    def test_a_freeze_that_keeps_no_window_closed_is_not_the_reason(self) -> None:
        day = {"from": "2026-11-23T08:00:00Z", "to": "2026-11-23T16:00:00Z"}
        told = opening(releases(NIGHTLY, freezes=(day,)), NOON)
        assert (told.at, told.reason) == (at("2026-11-24T01:00Z"), "Schedule")

    def test_one_that_ends_in_a_window_opens_it_then(self) -> None:
        freeze = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T01:30:00Z"}
        told = opening(releases(NIGHTLY, freezes=(freeze,)), at("2026-11-24T01:00Z"))
        assert (told.open, told.at, told.reason) == (False, at("2026-11-24T01:30Z"), "Freeze")
        assert opening(releases(NIGHTLY, freezes=(freeze,)), at("2026-11-24T01:30Z")).at == at("2026-11-24T03:00Z")

    def test_one_that_starts_in_a_window_closes_it_then(self) -> None:
        freeze = {"from": "2026-11-24T01:30:00Z", "to": "2026-11-26T00:00:00Z"}
        told = opening(releases(NIGHTLY, freezes=(freeze,)), at("2026-11-24T01:00Z"))
        assert told == Opening(True, at("2026-11-24T01:30Z"))

    def test_one_of_more_than_five_years_leaves_none(self) -> None:
        ever = {"from": "2026-01-01T00:00:00Z", "to": "2036-01-01T00:00:00Z", "reason": "retired"}
        told = opening(releases(NIGHTLY, freezes=(ever,)), NOON)
        assert (told.open, told.at, told.reason) == (False, None, "Freeze")
        assert told.message.startswith("the freeze from 2026-01-01T00:00:00Z to 2036-01-01T00:00:00Z (retired) leaves")

    def test_of_many_the_first_two_are_named(self) -> None:
        many = [{"from": f"2026-11-{day}T00:00:00Z", "to": f"2026-11-{day}T12:00:00Z"} for day in range(24, 28)]
        told = opening(releases(NIGHTLY, freezes=tuple(many)), NOON)
        assert told.at == at("2026-11-28T01:00Z")
        assert told.message.count("2026-11-") == 5
        assert told.message.endswith("2026-11-25T12:00:00Z and 2 more")

    def test_a_freeze_beyond_the_end_of_a_window_does_not_close_it(self) -> None:
        always = window("* * * * *", "1m")
        assert opening(releases(always, freezes=(HOLIDAYS,)), NOON).at == at("2026-12-20T00:00Z")
        assert opening(releases(NIGHTLY, freezes=(HOLIDAYS,)), at("2026-11-24T01:00Z")).at == at("2026-11-24T03:00Z")


class TestAfterADowntime:
    @pytest.mark.parametrize("hours", range(24))
    def test_thirty_missed_windows_make_one_release_in_the_next_one(self, hours: int) -> None:
        """Nothing counts what was missed: an operator that is back asks whether now is in a window."""
        now, started = at("2026-12-23T00:30Z") + timedelta(hours=hours), list[datetime]()
        waiting = True
        for _ in range(6):
            told = opening(releases(NIGHTLY), now)
            if told.open and waiting:
                started.append(now)
                waiting = False
            assert told.at is not None
            now = told.at
        assert len(started) == 1
        assert 1 <= started[0].hour < 3


class TestProblems:
    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            (window("0 0 2 * * *"), "[0].cron: '0 0 2 * * *' must be five fields"),
            (window("@midnight"), "[0].cron: '@midnight' must be five fields"),
            (window("0 24 * * *"), "[0].cron: the hour of '0 24 * * *' cannot be"),
            (window("0 2 * * FRI-SUN"), "[0].cron: the day of the week of '0 2 * * FRI-SUN' cannot be"),
            (window("0 2 30 2 *"), "[0].cron: the day of the month of '0 2 30 2 *' cannot be"),
            (window("0 2 */31 2 MON#5"), "[0].cron: '0 2 */31 2 MON#5' never fires"),
            (window("0 2 * * *", zone="Local"), "[0].timeZone: 'Local' is no time zone"),
            (window("0 2 * * *", zone="+02:00"), "[0].timeZone: '+02:00' is no time zone"),
            (window("0 2 * * *", zone="../Europe/Berlin"), "[0].timeZone: '../Europe/Berlin' is no time zone"),
            (window("0 2 * * *", zone="America"), "[0].timeZone: 'America' is no time zone"),
            (window("0 2 * * *", zone="zone.tab"), "[0].timeZone: 'zone.tab' is no time zone"),
            (window("0 2 * * *", "0s"), "[0].duration: 0s is not from 1m to 168h"),
            (window("0 2 * * *", "169h"), "[0].duration: 169h is not from 1m to 168h"),
            (window("0 2 * * *", "1d"), "[0].duration: '1d' is no duration"),
        ],
    )
    def test_each_is_named_with_its_field(self, schedule: dict[str, str], words: str) -> None:
        assert problem(releases(schedule)).startswith(f"spec.release.schedule{words}")
        found = findings.unusable_window(AIApp.parse(an_app(release={"schedule": [schedule]})))
        assert found is not None
        assert (found.severity, found.reason) == (Severity.STALLED, "InvalidSpec")

    def test_all_are_told(self) -> None:
        words = problem(releases(NIGHTLY, window("0 25 * * *", "0s", "Mars/Olympus"))).split("; ")
        assert [sentence.partition(":")[0].rpartition(".")[2] for sentence in words] == ["cron", "timeZone", "duration"]
        assert all(sentence.startswith("spec.release.schedule[1].") for sentence in words)

    def test_a_freeze_that_ends_before_it_starts_is_named(self) -> None:
        backwards = HOLIDAYS | {"to": "2026-12-19T00:00:00Z"}
        found = findings.read_spec(an_app(release={"freezes": [backwards]}))
        assert isinstance(found, Problem)
        assert "release.freezes.0" in found.message
        assert "later than from" in found.message

    @pytest.mark.parametrize("cron", CRONS)
    def test_what_the_api_server_takes_is_taken(self, cron: str) -> None:
        assert problem(releases(window(cron))) == ""

    @pytest.mark.parametrize("name", ZONES)
    def test_zones_too(self, name: str) -> None:
        assert problem(releases(window("0 2 * * *", zone=name))) == ""

    def test_nothing_is_wrong_with_nothing(self) -> None:
        assert problem(releases()) == ""
        assert problem(releases(NIGHTLY, freezes=(HOLIDAYS,))) == ""


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param([window("* * * * *", "24h", BERLIN)], id="every minute for a day"),
        pytest.param([window("* * * * *", "1m", BERLIN)], id="every minute"),
        pytest.param([window("0 0 30 2 *")], id="never"),
        pytest.param([window("0 0 * 2 MON#5")], id="not for years"),
        pytest.param([window("*/7 3 * * *", "168h", zone) for zone in ZONES * 2], id="many"),
    ],
)
def test_an_answer_takes_a_moment(windows: list[dict[str, str]]) -> None:
    release = releases(*windows)
    seconds = []
    for number in range(5):
        started = process_time()
        opening(release, NOON + timedelta(days=number))
        seconds.append(process_time() - started)
    assert min(seconds) < 0.01
