"""What a workflow came to, without its times, and what a death made of it for good."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiapp_operator.state import Manifest
from proofs.crash_workflows import Site
from proofs.release_truth import Contents, contents_of
from proofs.write_proxy import Kill

KEPT: Final = ("Deployment", "Job", "PodDisruptionBudget", "Service", "ServiceAccount")


End = Mapping[str, Any]
"""What a workflow came to, in words of JSON."""


class Run(NamedTuple):
    """How a workflow went: what it came to, how many writes that took, and what never came."""

    end: End
    writes: int
    deaths: int
    wrong: str = ""


class Point(NamedTuple):
    """One death."""

    workflow: str
    kill: Kill

    def __str__(self) -> str:
        return f"{self.workflow}, {'after' if self.kill.after else 'before'} write {self.kill.write}"


def end_of(site: Site, rollouts: Sequence[tuple[int, Contents]], made: Counter[str]) -> End:
    """Return what a workflow came to. rollouts: what the Deployment ran. made: how often each Job was created."""
    status = site.status
    return {
        "rollouts": list(rollouts),
        "jobs": dict(made),
        "records": sorted(map(_record, site.all_of("ControllerRevision"))),
        "holds": sorted((each["stream"], each["version"]) for each in status.get("holds", ())),
        "active": {name: value for name, value in (status.get("active") or {}).items() if "Time" not in name},
        "conditions": {each["type"]: (each["status"], each["reason"]) for each in status.get("conditions", ())},
        "objects": sorted(
            f"{kind}/{each['metadata']['name']}" for kind in KEPT for each in site.all_of(kind) if not _is_over(each)
        ),
    }


def differences(point: Point, without: Run, went: Run) -> str:
    """Return what a death did for good, in words; empty: nothing."""
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


def masked(end: End, names: Mapping[str, str]) -> End:
    """Return it with other words for what is each site's own, such as its namespace."""
    text = json.dumps(end)
    for own, name in names.items():
        text = text.replace(own, name)
    whole: End = json.loads(text)
    return whole


def _is_over(child: Manifest) -> bool:
    # A Job that is done is left for its logs until the next gate runs, if an operator lives while that does.
    return child["kind"] == "Job" and bool(child.get("status", {}).get("conditions"))


def _record(record: Manifest) -> tuple[Any, ...]:
    notes = {name.removeprefix("aiapp.dev/"): value for name, value in record["metadata"]["annotations"].items()}
    happened = sorted(name for name in notes if name not in ("applied-hash",))
    return (record["revision"], contents_of(record["data"]["template"]), notes.get("gate"), tuple(happened))
