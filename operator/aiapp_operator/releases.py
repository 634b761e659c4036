"""The release machine: which release the Deployment runs, what must be asked for it, and when it is done. Pure.

A release is (image digest, model, config). It is made once, kept as a ControllerRevision, and found again by its
identity: going back to what ran before brings back exactly that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from aiapp_models import contract
from aiapp_operator import findings, ledger, pod_findings
from aiapp_operator.api.serving import Serving
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.containers import Cargo, env_var
from aiapp_operator.children.controller_revision import controller_revision
from aiapp_operator.children.pod import pod_template, toleration
from aiapp_operator.children.quantity import canonical
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.ledger import Inputs, Ledger, Release, digest_of
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest, ObjectId, Problem, ResolvedImage, ResolvedModel, Sources


class Questions(NamedTuple):
    """Which sources must be asked in this run."""

    ask_image: bool
    ask_model: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Which release the Deployment is to run.

    target: None while nothing can run yet.
    image, model: what the spec's sources stand for, as far as it is known; resolved: wholly.
    problem: why a source is missing.
    as_asked: `target` was made of what the spec asks for; with a problem beside it, its sources are asked again.
    """

    target: Release | None
    image: ResolvedImage | None
    model: ResolvedModel | None
    problem: Problem | None = None
    as_asked: bool = False
    resolved: bool = False


def unresolved(
    app: Manifest, children: Mapping[ObjectId, Manifest], revisions: Sequence[Manifest], pods: Sequence[Manifest]
) -> Questions:
    """Return which sources must be asked, which is none for an app that serves what its spec asks for.

    A tag and a version are resolved once per edit; while the release made of them cannot start, they are resolved
    again, so that a pushed image or a repaired upload is found. A release that was rolled out once is never given up
    for other bytes under the same name.
    """
    parsed = findings.read_spec(app)
    if isinstance(parsed, Problem) or parsed.spec.suspend:
        return Questions(ask_image=False, ask_model=False)
    record = ledger.read(app, children, revisions)
    current, deployment = record.current, children.get(ObjectId("Deployment", parsed.metadata.name), {})
    again = current is not None and _is_asked_for(parsed, current) and _fails_to_start(current, deployment, pods)
    return Questions(
        ask_image=again or _image_source(parsed, record) is None,
        ask_model=parsed.spec.model_source is not None and (again or _model_source(parsed, record) is None),
    )


def decide(app: AIApp, record: Ledger, sources: Sources, settings: Settings) -> Decision:
    """Return what is to run: the release that the spec asks for, or the present one while that cannot be."""
    # A Deployment whose record is gone stays as it is: what is left on record is older.
    present = record.current if record.running else record.active
    image, model = known_image(app, record, sources), known_model(app, record, sources)
    problem = findings.unresolved_source(sources)
    if image is None or (app.spec.model_source and model is None) or app.spec.suspend:
        as_asked = present is not None and _is_asked_for(app, present)
        return Decision(present, image, model, problem, as_asked, resolved=as_asked and not problem)
    target = _find_or_make(app, record, Inputs(image, model, config(app)), settings)
    return Decision(target, image, model, as_asked=True, resolved=True)


def known_image(app: AIApp, record: Ledger, sources: Sources) -> ResolvedImage | None:
    """Return what spec.image stands for, from the registry's answer or from a release made of it."""
    if sources.image:
        return sources.image if isinstance(sources.image, ResolvedImage) else None
    release = _image_source(app, record)
    return replace(release.inputs.image, ref=release.ref) if release else None


def known_model(app: AIApp, record: Ledger, sources: Sources) -> ResolvedModel | None:
    """Return what spec.modelVersion stands for, from the store's answer or from a release made of it."""
    if sources.model:
        return sources.model if isinstance(sources.model, ResolvedModel) else None
    release = _model_source(app, record)
    return release.inputs.model if release else None


def completed(record: Ledger, deployment: Manifest, now: datetime) -> Ledger:
    """Return the record, with the current release noted as released once its rollout is seen complete."""
    current, active = record.current, record.active
    if current is None or current == active or not rolled_out(deployment, current):
        return record
    released = _completion(deployment) or now.replace(microsecond=0)
    if active and active.released:
        # Whole seconds are kept, so a release right after another must still come out as the later one.
        released = max(released, active.released + timedelta(seconds=1))
    return record.with_release(replace(current, released=released))


def rolled_out(deployment: Manifest, release: Release) -> bool:
    """Tell whether all wanted pods are of this release, and available, and no others are left."""
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels", {})
    wanted = spec.get("replicas", 1)
    counts = {status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")}
    return (
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and labels.get(contract.LABEL_REVISION) == str(release.number)
        and counts == {wanted}
    )


def _completion(deployment: Manifest) -> datetime | None:
    """Return when the Deployment says that it was done: the same in every run until it is on record."""
    progress = findings.deployment_conditions(deployment).get("Progressing", {})
    if progress.get("reason") != "NewReplicaSetAvailable" or "lastUpdateTime" not in progress:
        return None
    return datetime.fromisoformat(progress["lastUpdateTime"])


def replaced(deployment: Manifest, pods: Sequence[Manifest], release: Release) -> bool:
    """Tell whether no pods of other releases are left beside those of this one, which is on the Deployment."""
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment.get("metadata", {}).get("generation", 0):
        return not pod_findings.of_others(pods, release.number)  # its counts are of the spec before
    return int(status.get("replicas", 0)) == int(status.get("updatedReplicas", 0))


def expired(record: Ledger, target: Release | None, limit: int) -> tuple[Release, ...]:
    """Return the releases beyond the newest `limit` past ones; the active and the present one are none of them."""
    in_use = [release.number for release in (record.active, record.current, target) if release]
    past = [release for release in record.releases if release.number not in in_use]
    past.sort(key=lambda release: (release.last_used, release.number))
    return tuple(past[: max(0, len(past) - limit)])


def records(app: AIApp, record: Ledger, gone: Sequence[Release]) -> tuple[Manifest, ...]:
    """Return the ControllerRevisions that are to be made, or whose annotations or owner are to change."""
    kept = [release for release in record.releases if release not in gone]
    desired = [(release, _record(app, release)) for release in kept]
    return tuple(manifest for release, manifest in desired if not _stands(manifest, release.live))


def config(app: AIApp) -> Manifest:
    """Return the spec fields that shape the pod and differ from their defaults, each in its canonical form.

    A field equal to its default is left out: a default that a later schema adds must not release every app.
    """
    spec = app.spec.model_dump(
        mode="json",
        by_alias=True,
        exclude_defaults=True,
        include={"image_pull_secrets", "model_source", "service_account_name"},
    )
    serving = _serving_config(app.spec.serving)
    repository = {"imageRepository": ImageReference.parse(app.spec.image).repository}
    return spec | repository | ({"serving": serving} if serving else {})


def _serving_config(serving: Serving) -> Manifest:
    kept: Manifest = serving.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"replicas", "resources", "env", "tolerations"}
    )
    if serving.env:
        kept["env"] = [env_var(variable) for variable in serving.env]
    if serving.tolerations:
        kept["tolerations"] = [toleration(each) for each in serving.tolerations]
    amounts = serving.resources.model_dump(exclude_none=True) if serving.resources else {}
    kept["resources"] = {
        kind: {name: canonical(amount) for name, amount in named.items()} for kind, named in amounts.items() if named
    }
    return {name: value for name, value in kept.items() if value}


def _find_or_make(app: AIApp, record: Ledger, inputs: Inputs, settings: Settings) -> Release:
    if known := _known(app, record, inputs, settings):
        return replace(known, ref=inputs.image.ref)
    number, name = record.next_number, f"{app.metadata.name}-{inputs.identity}"
    if record.named(name):  # its data can never change
        name = f"{name}-{_render(app, inputs, settings)}"
    data = {"inputs": inputs.to_json(), "template": _template(app, inputs, number, settings)}
    return Release(number=number, name=name, inputs=inputs, ref=inputs.image.ref, data=data)


def _known(app: AIApp, record: Ledger, inputs: Inputs, settings: Settings) -> Release | None:
    """Return the release on record that is made of `inputs`.

    One that never served counts while this operator renders it as it stands there: an administrator's repair, such as
    another fetch image, reaches a release that cannot start.
    """
    same = [release for release in record.releases if release.inputs.identity == inputs.identity]
    served = [release for release in same if release.released]
    if served:
        return max(served, key=lambda release: release.last_used)
    return next((release for release in same if _rendered_alike(app, release, settings)), None)


def _rendered_alike(app: AIApp, release: Release, settings: Settings) -> bool:
    rendered = _template(app, release.inputs, release.number, settings)
    # By its name too: what the API server made of a template may never bring one release after another.
    return release.template == rendered or release.name.endswith(f"-{_render(app, release.inputs, settings)}")


def _render(app: AIApp, inputs: Inputs, settings: Settings) -> str:
    """Return ten hex digits that tell how the pods of any revision are rendered."""
    return digest_of(_template(app, inputs, 0, settings))[:10]


def _template(app: AIApp, inputs: Inputs, number: int, settings: Settings) -> Manifest:
    reference = ImageReference.parse(inputs.image.ref)
    cargo = Cargo(
        revision=number,
        image=reference.pinned(inputs.image.digest),
        image_ref=inputs.image.ref,
        image_digest=inputs.image.digest,
        model=inputs.model,
    )
    return pod_template(app, cargo, settings)


def _image_source(app: AIApp, record: Ledger) -> Release | None:
    """Return the release that was made of the same spec.image: the one on the Deployment, else the one that serves."""
    releases = [release for release in (record.current, record.active) if release]
    return next((release for release in releases if release.ref == app.spec.image), None)


def _model_source(app: AIApp, record: Ledger) -> Release | None:
    """Return the release that was made of the same spec.modelVersion and spec.modelSource."""
    releases = [release for release in (record.current, record.active) if release]
    return next((release for release in releases if _has_model(app, release)), None)


def _has_model(app: AIApp, release: Release) -> bool:
    version = release.inputs.model.version if release.inputs.model else None
    source = config(app).get("modelSource")
    return app.spec.model_version == version and release.inputs.config.get("modelSource") == source


def _is_asked_for(app: AIApp, release: Release) -> bool:
    return release.ref == app.spec.image and _has_model(app, release) and release.inputs.config == config(app)


def _fails_to_start(current: Release, deployment: Manifest, pods: Sequence[Manifest]) -> bool:
    if current.released or rolled_out(deployment, current):
        return False
    problem = findings.failing_release(deployment, pod_findings.of_revision(pods, current.number))
    return findings.asks_sources_again(problem)


def _record(app: AIApp, release: Release) -> Manifest:
    annotations = {contract.ANNOTATION_IMAGE: release.ref}
    if release.released:
        annotations[contract.ANNOTATION_RELEASED] = ledger.format_time(release.released)
    return controller_revision(app, release.name, release.number, release.data, annotations)


def _stands(desired: Manifest, live: Manifest | None) -> bool:
    if live is None:
        return False
    metadata = live["metadata"]
    return all(
        desired["metadata"][kind].items() <= metadata.get(kind, {}).items() for kind in ("labels", "annotations")
    ) and ledger.controller_uid(live) == ledger.controller_uid(desired)
