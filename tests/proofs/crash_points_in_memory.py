"""The operator killed at every one of its writes, in every workflow, on an API server in memory: the fast first look.

`crash_points` kills the process, kopf and all, at a real API server. This is all of the operator but kopf, in virtual
time, through a connection that counts its writes and breaks at one of them, once before the API server has it and once
after. What is checked against is the same workflow without a death.
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Final

from proofs import running
from proofs.crash_memory import Site
from proofs.crash_outcome import Point, Run, differences, end_of
from proofs.crash_workflows import WORKFLOWS
from proofs.write_proxy import Kill
from unit.operator_shell import virtual_time

AT_ONCE: Final = 2
STEP_SECONDS: Final = 1200.0
"""How long a step may take, deaths included."""
QUIET_SECONDS: Final = 900.0


def run(workflow: str, kill: Kill | None = None) -> Run:
    """Run a workflow to its end, with one death or none."""
    return virtual_time.run(_run(workflow, kill))


async def _run(name: str, kill: Kill | None) -> Run:
    workflow = WORKFLOWS[name]
    site = Site(workflow.spec, kill)
    for tag in workflow.tags:
        site.push(tag, workflow.fates.get(tag, site.truth.of_part("")))
    for version in ("v0", "v1"):
        site.upload(version, workflow.fates.get(version, site.truth.of_part("")))
    if workflow.pair:
        site.truth.bad_pairs.add((site.part(workflow.pair[0]), site.part(workflow.pair[1])))
    wrong = ""
    for number, step in enumerate(workflow.steps):
        step.act(site)
        if not await site.until(step.done, STEP_SECONDS):
            wrong = f"step {number + 1} is not done: {site.status}"
            break
    await site.quiet_for(QUIET_SECONDS)  # what is still to be written, such as an Event
    late = await site.quiet_for(QUIET_SECONDS)
    await site.end()
    wrong = wrong or (f"not quiet: {late} writes" if late else "")
    return Run(end_of(site, site.api.rollouts, site.api.made), site.total_writes, site.deaths, wrong)


@cache
def undisturbed(workflow: str) -> Run:
    """Return how a workflow goes without a death."""
    return run(workflow)


def points(workflow: str) -> list[Point]:
    """Return all deaths that a workflow is tried with."""
    writes = range(1, undisturbed(workflow).writes + 1)
    return [Point(workflow, Kill(write, after)) for write in writes for after in (False, True)]


def broken(point: Point) -> str:
    """Return what a death did for good, in words; empty: nothing."""
    return differences(point, undisturbed(point.workflow), run(point.workflow, point.kill))


def every_point() -> list[Point]:
    """Return all deaths of all workflows."""
    return [point for workflow in WORKFLOWS for point in points(workflow)]


def prove(count: int, _seed: int, at_once: int = AT_ONCE) -> running.Outcome:
    """Try `count` of all deaths, spread evenly."""
    every = every_point()
    chosen = [every[number * len(every) // count] for number in range(min(count, len(every)))]
    progress, failures = running.Progress(len(chosen)), list[str]()
    with ProcessPoolExecutor(at_once) as pool:
        for words in pool.map(broken, chosen, chunksize=4):
            failures += [words] if words else []
            progress.step()
    failures += [f"{name} without a death: {undisturbed(name).wrong}" for name in WORKFLOWS if undisturbed(name).wrong]
    figures = {
        "points": len(chosen),
        "converged": len(chosen) - len(failures),
        "by_workflow": dict(Counter(point.workflow for point in chosen)),
        "api_server": "in memory",
    }
    return running.Outcome(len(chosen), figures, tuple(failures))


if __name__ == "__main__":
    sys.exit(running.main("crash_points_in_memory", prove, len(every_point())))
