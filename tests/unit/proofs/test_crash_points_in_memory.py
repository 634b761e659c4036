"""A sample of the operator's deaths; all of them: `make prove NAME=crash_points_in_memory`."""

import pytest

from proofs.crash_points_in_memory import broken, points, run, undisturbed
from proofs.crash_workflows import WORKFLOWS
from proofs.write_proxy import Kill

SAMPLE = 4
"""Deaths of each workflow."""


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_an_operator_that_was_killed_is_carried_on_by_the_next(workflow: str) -> None:
    assert undisturbed(workflow).wrong == ""
    every = points(workflow)
    sample = [every[number * len(every) // SAMPLE + number % 2] for number in range(SAMPLE)]
    assert [words for point in sample if (words := broken(point))] == []


def test_deaths_are_before_and_after_each_write() -> None:
    every = points("first release gated")
    assert len(set(every)) == 2 * undisturbed("first release gated").writes > 30
    assert {point.kill.after for point in every} == {False, True}


def test_an_operator_that_dies_at_its_first_write_did_nothing_or_one_thing() -> None:
    before, after = (run("first release gated", Kill(1, late)) for late in (False, True))
    assert (before.deaths, after.deaths) == (1, 1)
    assert before.writes == undisturbed("first release gated").writes + 1
    assert after.writes <= before.writes
