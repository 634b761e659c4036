"""Observed values and plans as YAML that a person can read in a review.

A pod template is written once, in its ControllerRevision; where it stands again the file says so. What a plan applies
and the cluster holds already is named and no more.
"""

from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import yaml

from aiapp_operator.drift import stands
from aiapp_operator.release.notes import RELEASED_TIME, format_time
from aiapp_operator.settings import Settings
from aiapp_operator.state import (
    Drift,
    Identity,
    Manifest,
    ObjectId,
    Observed,
    Plan,
    Problem,
    ResolvedImage,
    ResolvedModel,
    Severity,
    Sources,
)

FOLDER: Final = Path(__file__).parent
SAME_TEMPLATE: Final = "as in ControllerRevision "


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True


def read(case: str) -> tuple[Observed, Settings, datetime]:
    """Return what was observed in a case, the operator's settings, and when."""
    kept = yaml.safe_load((FOLDER / case / "observed.yaml").read_text())
    templates = {revision["metadata"]["name"]: revision["data"]["template"] for revision in kept["revisions"]}
    observed = Observed(
        app=kept["app"],
        children={_id(child): _with_template(child, templates) for child in kept["children"]},
        pods=tuple(kept["pods"]),
        revisions=tuple(kept["revisions"]),
        occupied=frozenset(ObjectId(*child) for child in kept["occupied"]),
        sources=Sources(
            image=_answer(ResolvedImage, kept["sources"].get("image")),
            model=_answer(ResolvedModel, kept["sources"].get("model")),
        ),
        drifts=tuple(Drift(**drift) for drift in kept.get("drifts", ())),
    )
    return observed, Settings(**kept["settings"]), datetime.fromisoformat(kept["now"])


def write(case: str, name: str, content: Manifest) -> None:
    """Write one file of a case."""
    (FOLDER / case).mkdir(exist_ok=True)
    (FOLDER / case / f"{name}.yaml").write_text(text(content))


def text(content: Manifest) -> str:
    """Return the YAML of a file."""
    dumped: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120)
    return dumped


def observed_content(observed: Observed, settings: Settings, now: datetime) -> Manifest:
    """Return what observed.yaml holds."""
    revisions = tuple(_with_old_template(revision) for revision in observed.revisions)
    sources = {"image": observed.sources.image, "model": observed.sources.model}
    return {
        "now": format_time(now),
        "settings": {name: getattr(settings, name) for name in ("fetch_image", "trust_config_map", "listed_endpoints")},
        "app": observed.app,
        "sources": {stream: _plain(answer) for stream, answer in sources.items() if answer},
        **({"drifts": [asdict(drift) for drift in observed.drifts]} if observed.drifts else {}),
        "occupied": [list(child) for child in sorted(observed.occupied)],
        "revisions": list(revisions),
        "children": [_short(child, _templates(observed.revisions)) for child in observed.children.values()],
        "pods": list(observed.pods),
    }


def plan_content(plan: Plan, observed: Observed) -> Manifest:
    """Return what plan.yaml holds."""
    revisions = [manifest for manifest in plan.apply if manifest["kind"] == "ControllerRevision"]
    known = {revision["metadata"]["name"] for revision in observed.revisions}
    templates = _templates((*observed.revisions, *revisions))
    standing = [child for child in plan.apply if stands(child, observed.children.get(_id(child), {}))]
    changed = [child for child in plan.apply if child not in standing]
    return {
        "apply": [_annotated(child) if _id(child).name in known else _short(child, templates) for child in changed],
        "stands": [" ".join(_id(child)) for child in standing],
        "create": list(plan.create),
        "delete": [" ".join(child) for child in plan.delete],
        "status": plan.status,
        "events": [f"{event.type} {event.reason}: {event.message}" for event in plan.events],
        "requeue_after": plan.requeue_after,
    }


def _annotated(revision: Manifest) -> Manifest:
    """Return a record that exists: only its metadata can change."""
    return {field: value for field, value in revision.items() if field != "data"}


def _with_old_template(revision: Manifest) -> Manifest:
    """Return a release that served as an operator long ago might have made it, with the least that a pod needs."""
    if RELEASED_TIME not in revision["metadata"]["annotations"]:
        return revision
    template = revision["data"]["template"]
    containers = [{name: container[name] for name in ("name", "image")} for container in template["spec"]["containers"]]
    old = {"metadata": template["metadata"], "spec": {"containers": containers}}
    return {**revision, "data": {**revision["data"], "template": old}}


def _templates(revisions: tuple[Manifest, ...]) -> dict[str, Manifest]:
    return {revision["metadata"]["name"]: revision["data"]["template"] for revision in revisions}


def _short(child: Manifest, templates: dict[str, Manifest]) -> Manifest:
    if child["kind"] != "Deployment":
        return child
    template = child["spec"]["template"]
    (name,) = [name for name, stored in templates.items() if stored == template]
    return {**child, "spec": {**child["spec"], "template": f"{SAME_TEMPLATE}{name}"}}


def _with_template(child: Manifest, templates: dict[str, Manifest]) -> Manifest:
    if child["kind"] != "Deployment":
        return child
    name = child["spec"]["template"].removeprefix(SAME_TEMPLATE)
    return {**child, "spec": {**child["spec"], "template": templates[name]}}


def _id(manifest: Manifest) -> ObjectId:
    return ObjectId(manifest["kind"], manifest["metadata"]["name"])


def _plain(answer: ResolvedImage | ResolvedModel | Problem) -> Manifest:
    fields = {name: getattr(answer, name) for name in type(answer).__slots__}
    return {name: _word(value) for name, value in fields.items()}


def _word(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Identity):
        return asdict(value)
    return str(value) if isinstance(value, StrEnum) else value


def _answer(kind: type[ResolvedImage] | type[ResolvedModel], kept: Manifest | None) -> Any:
    if kept is None:
        return None
    if "severity" in kept:
        return Problem(Severity(kept["severity"]), kept["reason"], kept["message"])
    values: dict[str, Any] = {name: datetime.fromisoformat(kept[name]) for name in kept if name == "published"}
    if kept.get("identity"):
        values["identity"] = Identity(**kept["identity"])
    return kind(**{**kept, **values})
