"""The operator killed at every one of its writes, in every workflow: the next one comes to the same end, then is quiet.

The whole operator runs on an API server in memory, in virtual time, through a connection that counts its writes and
breaks at one of them, once before the API server has it and once after. What is checked against is the same workflow
without a death.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any, Final, NamedTuple

from aiapp_operator.state import Manifest
from proofs import running
from proofs.crash_site import Kill, Site
from proofs.crash_workflows import STEP_SECONDS, WORKFLOWS
from proofs.release_truth import contents_of
from unit.operator_shell import virtual_time

AT_ONCE: Final = 2
QUIET_SECONDS: Final = 900.0


class Run(NamedTuple):
    """How a workflow went: what it came to, how many writes that took, and what never came."""

    end: Mapping[str, Any]
    writes: int
    deaths: int
    wrong: str = ""


class Point(NamedTuple):
    """One death."""

    workflow: str
    kill: Kill

    def __str__(self) -> str:
        return f"{self.workflow}, {'after' if self.kill.after else 'before'} write {self.kill.write}"


def run(workflow: str, kill: Kill | None = None) -> Run:
    """Run a workflow to its end, with one death or none."""
    return virtual_time.run(_run(workflow, kill))


async def _run(name: str, kill: Kill | None) -> Run:
    workflow = WORKFLOWS[name]
    site = Site(workflow.spec, kill)
    for tag in ("1.0.0", "1.1.0"):
        site.push(tag, workflow.fates.get(tag, site.truth.of_part("")))
    for version in ("v0", "v1"):
        site.upload(version, workflow.fates.get(version, site.truth.of_part("")))
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
    return Run(_end(site), site.total_writes, site.deaths, wrong)


def _end(site: Site) -> Mapping[str, Any]:
    """Return what a workflow came to, without the times."""
    conditions = {each["type"]: (each["status"], each["reason"]) for each in site.status.get("conditions", ())}
    return {
        "rollouts": site.api.rollouts,
        "jobs": dict(site.api.made),
        "records": sorted(_record(each) for each in site.api.all_of("ControllerRevision")),
        "holds": sorted((each["stream"], each["digest"]) for each in site.status.get("holds", ())),
        "active": {name: value for name, value in (site.status.get("active") or {}).items() if "Time" not in name},
        "conditions": conditions,
        "objects": sorted(path for path, each in site.api.objects.items() if each["kind"] not in ("Event", "Pod")),
    }


def _record(record: Manifest) -> tuple[Any, ...]:
    notes = {name.removeprefix("aiapp.dev/"): value for name, value in record["metadata"]["annotations"].items()}
    happened = sorted(name for name in notes if name not in ("applied-hash",))
    return (record["revision"], contents_of(record["data"]["template"]), notes.get("gate"), tuple(happened))


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
    without, went = undisturbed(point.workflow), run(point.workflow, point.kill)
    if went.deaths != 1:
        return f"{point}: {went.deaths} deaths"
    if went.wrong:
        return f"{point}: {went.wrong}"
    again = {name: count for name, count in went.end["jobs"].items() if count > 1}
    if again:
        return f"{point}: made again: {again}"
    different = [
        f"{name}: {went.end[name]} and not {right}" for name, right in without.end.items() if went.end[name] != right
    ]
    return f"{point}: {'; '.join(different)}" if different else ""


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
    sys.exit(running.main("crash_points", prove, len(every_point())))
