"""A sample of the operator's deaths at a real API server; all of them: `make prove NAME=crash_points`."""

import asyncio
from collections.abc import Mapping

import pytest

from cluster.control_plane import control_plane
from cluster.protocol import Cluster
from proofs.crash_outcome import Point, Run
from proofs.crash_plant import plant
from proofs.crash_points import points, try_all, undisturbed

pytestmark = pytest.mark.needs("service-control")  # the backend whose programs are here

WORKFLOWS = ("first release gated", "both changed, the bad half found", "rollback-to")
SAMPLE = 4
"""Deaths of each workflow, which take turns with before and after."""


async def _sample() -> tuple[Mapping[str, Run], Mapping[Point, str]]:
    with control_plane() as plane:
        async with plant(plane) as shared:
            without = await undisturbed(shared, WORKFLOWS)
            chosen = []
            for name, run in without.items():
                every = points({name: run})
                chosen += [every[number * len(every) // SAMPLE // 2 * 2 + number % 2] for number in range(SAMPLE)]
            return without, await try_all(shared, without, chosen)


def test_an_operator_that_is_killed_is_carried_on_by_the_next(kind_cluster: Cluster) -> None:
    assert kind_cluster
    without, outcome = asyncio.run(_sample())
    assert {name: run.wrong for name, run in without.items()} == dict.fromkeys(WORKFLOWS, "")
    assert all(run.writes > 15 for run in without.values())
    assert len(outcome) == SAMPLE * len(WORKFLOWS)
    assert [words for words in outcome.values() if words] == []
