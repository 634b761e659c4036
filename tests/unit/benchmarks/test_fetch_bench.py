"""The benchmark of fetch measures what it says; the figures themselves are for `make bench NAME=fetch`."""

from pathlib import Path

import pytest

from fetch import programs
from fetch.arms import ARMS
from fetch.objects import Model, make
from fetch.report import CEILING, CEILING_HASHED, KSERVE, OURS, Figures, Goal, Sample, goals, table, verdicts
from fetch.rounds import GO_ARMS, Scenario, run

HERE = (OURS, "azure-storage-blob", "azure-storage-blob x 16", *GO_ARMS)
"""The arms that need no package of the benchmark's own."""


def test_every_arm_brings_the_right_bytes_over_http_and_tls(tmp_path: Path) -> None:
    built = programs.build()
    model = make(tmp_path / "store", "tiny", 3, 40_000)
    authority, pair = programs.authority(tmp_path / "authority")
    (tmp_path / "work").mkdir()
    with (
        programs.server(built, tmp_path / "store", "B") as plain,
        programs.server(built, tmp_path / "store", "A", pair) as secure,
    ):
        for address, certificate in ((plain, ""), (secure, str(authority))):
            scenario = Scenario("tiny", model, address, certificate, HERE)
            figures = run(scenario, 1, tmp_path / "work", built)
            assert set(figures) == set(HERE)
            assert all(arm.seconds > 0 and arm.cpu_seconds_per_gib > 0 for arm in figures.values())


def test_an_arm_that_brings_other_bytes_is_no_measurement(tmp_path: Path) -> None:
    built = programs.build()
    model = make(tmp_path / "store", "tiny", 1, 1000)
    told = Model(model.title, model.path, {name: (size, "0" * 64) for name, (size, _) in model.files.items()})
    (tmp_path / "work").mkdir()
    with programs.server(built, tmp_path / "store", "A") as address:
        scenario = Scenario("tiny", told, address, "", (CEILING,))
        with pytest.raises(RuntimeError, match="differs from what the store holds"):
            run(scenario, 1, tmp_path / "work", built)


def figures(seconds: float, cpu: float = 1.0) -> Figures:
    return Figures.of([Sample(seconds, cpu, 10.0)], 1.0)


def test_goals_are_judged_against_arms_of_the_same_scenario() -> None:
    big = {OURS: figures(4.0, 1.7), KSERVE: figures(48.0), CEILING: figures(3.0), CEILING_HASHED: figures(3.9)}
    many = {OURS: figures(1.0), KSERVE: figures(3.9), CEILING: figures(1.0)}
    judged = goals({"big": big, "many": many}, "big", "many")
    assert [(round(goal.measured, 2), goal.met) for goal in judged] == [
        (12.0, True),
        (3.9, False),
        (1.33, False),
        (1.7, True),
        (10.0, True),
    ]
    assert [line[:6] for line in verdicts(judged)] == ["met   ", "MISSED", "MISSED", "met   ", "met   "]
    assert Goal("w", 1.0, True, 1.0).record() == {"goal": "w", "at_least": 1.0, "measured": 1.0, "met": True}


def test_the_median_counts_and_the_largest_memory() -> None:
    one = Figures.of([Sample(3.0, 2.0, 9.0), Sample(1.0, 6.0, 5.0), Sample(2.0, 4.0, 20.0)], 2.0)
    assert one.record() == {
        "seconds": 2.0,
        "cpu_seconds_per_gib": 2.0,
        "rss_over_idle_mib": 20.0,
        "samples": [3.0, 1.0, 2.0],
    }


def test_arms_are_compared_within_a_round() -> None:
    slow_machine = [Sample(4.0, 1.0, 1.0), Sample(40.0, 1.0, 1.0), Sample(5.0, 1.0, 1.0)]
    once = [None, Sample(80.0, 1.0, 1.0), None]
    assert Figures.of(once, 1.0).times(Figures.of(slow_machine, 1.0)) == 2.0
    assert Figures.of(once, 1.0).record()["samples"] == [None, 80.0, None]


def test_the_table_fits_a_terminal() -> None:
    arms = {arm: figures(12_345.678, 99_999.0) for arm in (*ARMS, *GO_ARMS)}
    assert max(map(len, table({"200 x 1 MiB, profile B, TLS": arms}))) <= 100
