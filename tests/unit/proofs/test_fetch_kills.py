"""A sample of the killed fetches; all of them: `make prove NAME=fetch_kills`."""

import pytest

from proofs import running
from proofs.fetch_kills import Point, points, prove

SAMPLE = 6


def test_a_killed_fetch_leaves_no_half_model_and_the_next_one_makes_it_whole() -> None:
    outcome = prove(SAMPLE, running.SEED)
    assert outcome.failures == ()
    assert outcome.count == SAMPLE
    assert outcome.figures["touches_of_a_whole_fetch"] >= 30


@pytest.mark.parametrize(("count", "touches"), [(200, 400), (200, 37), (6, 100)])
def test_the_points_are_spread_over_all_of_a_fetch(count: int, touches: int) -> None:
    chosen = points(count, touches, 1_000_000)
    assert len(set(chosen)) == count
    assert chosen[0] == Point("touch", 1)
    by_touch = [point.at for point in chosen if point.by == "touch"]
    assert touches - max(by_touch) < touches / len(by_touch)
    by_byte = [point.at for point in chosen if point.by == "byte"]
    assert (min(by_byte), 1_000_000 - max(by_byte)) < (1, 1_000_000 / len(by_byte) + 1)
