"""A sample of the clock changes; all of them: `make prove NAME=clock_changes`."""

from datetime import UTC, datetime, timedelta

import pytest

from proofs import running
from proofs.clock_changes import UNUSUAL, changes, chosen, once_a_day, prove, wrong_start

SAMPLE = 2 * len(UNUSUAL)


def test_the_unusual_zones_fire_every_night_once_at_every_change() -> None:
    outcome = prove(SAMPLE, running.SEED)
    assert outcome.failures == ()
    assert outcome.count == SAMPLE
    assert outcome.figures["agreed"] == outcome.figures["schedules"] > 1000
    assert outcome.figures["missed"] == {"windows": 30, "operators": SAMPLE, "releases": SAMPLE}


def test_changes_are_found_to_the_minute() -> None:
    first, second, *_ = changes("Europe/Berlin")
    assert (first.at, first.jump) == (datetime(2025, 3, 30, 1, tzinfo=UTC), timedelta(hours=1))
    assert (second.at, second.jump) == (datetime(2025, 10, 26, 1, tzinfo=UTC), timedelta(hours=-1))
    assert len(list(changes("Europe/Berlin"))) == 22
    assert list(changes("UTC")) == []


def test_a_sample_can_be_drawn_again() -> None:
    assert chosen(50, 1) == chosen(50, 1)
    assert len(set(chosen(50, 2))) == 50


def test_a_night_twice_or_left_out_is_seen() -> None:
    change = next(changes("Europe/Berlin"))
    night = datetime(2025, 3, 29, 1, 30, tzinfo=UTC)
    nights = [night, night + timedelta(hours=23, minutes=30), night + timedelta(hours=47)]
    assert once_a_day(nights, change)
    assert not once_a_day([nights[0], nights[0] + timedelta(minutes=1), nights[2]], change)
    assert not once_a_day(nights[:2], change)


@pytest.mark.parametrize("hours", [(), (1, 1), (3,)], ids=["none", "two", "by day"])
def test_releases_after_a_downtime_that_are_none_or_too_many_or_early_are_seen(hours: tuple[int, ...]) -> None:
    started = [datetime(2026, 12, 2, hour, 30, tzinfo=UTC) for hour in hours]
    assert wrong_start("Europe/Berlin", started)
