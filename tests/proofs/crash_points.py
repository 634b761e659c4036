"""The operator's process killed at every one of its writes, in every workflow, at a real API server.

Each operator is `python -m aiapp_operator` with kopf and all, in front of it a proxy that counts its writes and kills
it (SIGKILL), once before the API server has the write and once after, its answer lost. The next operator must come to
the same end as the same workflow without a death, make no Job and no rollout twice, and then be quiet. Two writes that
come together are sometimes one: a workflow goes without a death several times, to one end, and the fewest writes of
these count. etcd, API server and controllers are Kubernetes' own; the pods' statuses are written by the proof, as there
is no node.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cluster.control_plane import control_plane
from proofs import running
from proofs.crash_outcome import End, Point, Run, differences, end_of, masked
from proofs.crash_plant import Plant, plant
from proofs.crash_site import Site
from proofs.crash_workflows import WORKFLOWS, Workflow
from proofs.release_truth import Fate
from proofs.write_proxy import Kill

AT_ONCE: Final = 20 * (os.cpu_count() or 1)
"""Sites: most of their time is waiting."""
STEP_SECONDS: Final = 150.0
"""How long a step may take, deaths and a minute until a window included."""
QUIET_SECONDS: Final = 5.0
LAST_WRITES_SECONDS: Final = 60.0
"""Within which the end is there once the last step is done, and the quiet begins after that."""
UNDISTURBED: Final = 3
"""How often each workflow goes without a death first."""
TRIES: Final = 5
"""How often a death is tried whose write does not come; after that there was no such death, and it is told apart."""
MOST_UNREACHED: Final = 0.01
"""The share of all deaths of which that may be so."""


async def run(plant: Plant, workflow: Workflow, kill: Kill | None = None, end: End | None = None) -> Run:
    """Run a workflow with one death or none, to `end` where that is known, and until it is quiet."""
    site = Site(plant, kill)
    for tag in workflow.tags:
        site.push(tag, workflow.fates.get(tag, Fate.GOOD))
    for version in ("v0", "v1"):
        site.upload(version, workflow.fates.get(version, Fate.GOOD))
    if workflow.pair:
        site.truth.bad_pairs.add((site.part(workflow.pair[0]), site.part(workflow.pair[1])))
    try:
        await site.carry_out()
        await site.begin(workflow.spec(site))
        wrong = await _go_through(site, workflow, end)
        return Run(_end_of(site), site.writes, site.deaths, wrong)
    finally:
        await site.end()


def _end_of(site: Site) -> End:
    return masked(end_of(site, site.rollouts, site.made), site.own_words)


async def _go_through(site: Site, workflow: Workflow, end: End | None) -> str:
    for number, step in enumerate(workflow.steps):
        step.act(site)
        await site.carry_out()
        if not await site.until(step.done, STEP_SECONDS):
            return f"step {number + 1} is not done: {site.status}"
    if end is not None:  # it may take longer than a quiet moment; whether it stays is asked after the quiet
        await site.until(lambda _: _end_of(site) == end, LAST_WRITES_SECONDS)
    return "" if await site.quiet_for(QUIET_SECONDS, LAST_WRITES_SECONDS) else "not quiet"


async def undisturbed(plant: Plant, names: Iterable[str]) -> Mapping[str, Run]:
    """Return how workflows go without a death: of several times, that with the fewest writes."""
    chosen = list(names)
    runs = await asyncio.gather(*(_fewest(plant, name) for name in chosen))
    return dict(zip(chosen, runs, strict=True))


async def _fewest(plant: Plant, name: str) -> Run:
    runs = await asyncio.gather(*(run(plant, WORKFLOWS[name]) for _ in range(UNDISTURBED)))
    fewest = min(runs, key=lambda each: each.writes)
    wrong = [each.wrong for each in runs if each.wrong]
    wrong += ["it came to another end another time" for each in runs if each.end != fewest.end]
    return fewest._replace(wrong="; ".join(wrong))


def points(without: Mapping[str, Run]) -> list[Point]:
    """Return all deaths that workflows are tried with."""
    writes = ((name, write) for name, run in without.items() for write in range(1, run.writes + 1))
    return [Point(name, Kill(write, after)) for name, write in writes for after in (False, True)]


async def try_all(plant: Plant, without: Mapping[str, Run], chosen: Sequence[Point]) -> dict[Point, str]:
    """Return in words what each death that there was did for good, or nothing."""
    progress, at_once = running.Progress(len(chosen)), asyncio.Semaphore(AT_ONCE)

    async def one(point: Point) -> str | None:
        async with at_once:
            for _ in range(TRIES):
                went = await run(plant, WORKFLOWS[point.workflow], point.kill, without[point.workflow].end)
                if went.deaths:
                    break
            progress.step()
            return differences(point, without[point.workflow], went) if went.deaths else None

    words = await asyncio.gather(*map(one, chosen))
    return {point: said for point, said in zip(chosen, words, strict=True) if said is not None}


async def prove() -> int:
    """Learn all deaths there are, then try as many as the command says."""
    loop = asyncio.get_running_loop()
    with control_plane() as plane:
        async with plant(plane) as shared:
            without = await undisturbed(shared, WORKFLOWS)
            every = points(without)

            def some(count: int, _seed: int) -> running.Outcome:
                return asyncio.run_coroutine_threadsafe(_some(shared, without, every, count), loop).result()

            return await asyncio.to_thread(lambda: running.main("crash_points", some, len(every)))


async def _some(plant: Plant, without: Mapping[str, Run], every: Sequence[Point], count: int) -> running.Outcome:
    """Try `count` of all deaths, spread evenly."""
    chosen = [every[number * len(every) // count] for number in range(min(count, len(every)))]
    outcome = await try_all(plant, without, chosen)
    failures = [words for words in outcome.values() if words]
    failures += [f"{name} without a death: {run.wrong}" for name, run in without.items() if run.wrong]
    unreached = [str(point) for point in chosen if point not in outcome]
    if len(unreached) > MOST_UNREACHED * len(chosen):
        failures.append(f"{len(unreached)} writes did not come: {'; '.join(unreached)}")
    return running.Outcome(len(chosen), {**_figures(outcome), "unreached": unreached}, tuple(failures))


def _figures(outcome: Mapping[Point, str]) -> dict[str, object]:
    return {
        "points": len(outcome),
        "converged": sum(not words for words in outcome.values()),
        "by_workflow": dict(Counter(point.workflow for point in outcome)),
        "operator": "its own process, kopf and all",
        "api_server": "kube-apiserver, etcd and kube-controller-manager; pods' statuses by the proof",
    }


if __name__ == "__main__":
    sys.exit(asyncio.run(prove()))
