"""A sample of the simulated lives; all of them: `make prove NAME=simulated_life`."""

from datetime import timedelta

from proofs.release_world import World, following
from proofs.simulated_life import lived

SAMPLE = range(4)
NIGHTS = 30


def test_at_quiet_points_the_newest_good_release_serves_or_a_condition_says_why_not() -> None:
    for seed in SAMPLE:
        quiet, happened, wrong = lived(seed, days=4)
        assert wrong == []
        assert quiet.total() > 5
        assert happened["rollouts"] > 1


def test_thirty_missed_windows_make_one_release() -> None:
    world = World(following(nightly=True))
    world.push("1.0.0")
    world.upload("v0")
    world.advance(hours=16)
    world.present = False
    for night in range(NIGHTS):
        world.push(f"1.{night + 1}.0")
        world.upload(f"v{night + 1}")
        world.advance(days=1)
    before, world.present, world.due = len(world.rules.rollouts), True, world.now
    assert world.now.hour == 4
    world.advance(hours=21)
    assert len(world.rules.rollouts) == before
    assert world.status["nextRelease"]["time"].endswith("T02:00:00Z")
    world.advance(hours=22)
    (released,) = world.rules.rollouts[before:]
    assert released[1][:2] == (world.pushed[-1], world.uploaded[-1])
    assert released[0] < world.now - timedelta(hours=18)
    assert world.rules.broken == []
