"""Releases: made of an image, a model and a config, kept as ControllerRevisions, and found again. Pure.

A release is (image digest, model, config). It is made once, kept as a ControllerRevision, and found again by its
identity: going back to what ran before brings back exactly that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from aiapp_models import contract
from aiapp_operator import findings, following, pod_findings
from aiapp_operator.api.serving import Serving
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.containers import Cargo, env_var
from aiapp_operator.children.controller_revision import controller_revision
from aiapp_operator.children.pod import pod_template, toleration
from aiapp_operator.children.quantity import canonical
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.release import ledger, notes, resolution
from aiapp_operator.release.ledger import Inputs, Ledger, Release, digest_of
from aiapp_operator.release.resolution import Demand
from aiapp_operator.settings import Settings
from aiapp_operator.state import GateResult, Manifest, ObjectId, Part, Problem

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class Questions(NamedTuple):
    """Which sources must be asked in this run."""

    ask_image: bool
    ask_model: bool


def unresolved(app: Manifest, children: Mapping[ObjectId, Manifest], revisions: Sequence[Manifest]) -> Questions:
    """Return which sources must be asked, which is none for an app that follows nothing and serves what it asks for.

    A followed stream is asked in every run. A tag and a version that are named are resolved once per edit; while the
    release made of them is held or its gate comes to nothing, they are resolved again, so that a pushed image or a
    repaired upload is found. A release that was rolled out is never given up for other bytes under the same name.
    """
    parsed = findings.read_spec(app)
    if isinstance(parsed, Problem) or parsed.spec.suspend:
        return Questions(ask_image=False, ask_model=False)
    record, asked = ledger.read(app, children, revisions), demand(parsed)
    again = comes_to_nothing(asked, record)
    image_known, model_known = resolution.image_on_record(asked, record), resolution.model_on_record(asked, record)
    return Questions(
        ask_image=again or bool(asked.image) or image_known is None,
        ask_model=parsed.spec.model_source is not None and (again or bool(asked.model) or model_known is None),
    )


def comes_to_nothing(asked: Demand, record: Ledger) -> bool:
    """Tell whether a release of what is asked for is held or cannot be judged: other bytes under its names may help.

    A followed stream passes by what is held of it, and looks at that again by itself.
    """
    followed = {Part(stream.value) for stream in asked.follows}
    for release in record.releases:
        life = release.notes
        untold = life.gate is None and life.attempts > 0 and release.number > record.running
        held = {hold.part for hold in life.holds} - {Part.ALL, *followed}
        if (untold or held - {Part.IMAGE, Part.MODEL}) and is_asked_for(asked, release):
            return True
        if (Part.IMAGE in held and asked.has_image(release)) or (Part.MODEL in held and asked.has_model(release)):
            return True
    return False


def demand(app: AIApp) -> Demand:
    """Return what a spec asks for."""
    return Demand(app, config(app), following.image_policy(app), following.model_policy(app))


def base(record: Ledger) -> Release | None:
    """Return the release that others are judged by and streams go on from: on the Deployment, unless found bad."""
    current = record.current
    if current is None or current.notes.undone:
        active = record.active
        return None if active is None or active.notes.undone else active
    return current


def to_verify(record: Ledger) -> tuple[Release, ...]:
    """Return the releases whose bytes must stay where they are: the active one and the one that served before it."""
    served = [release for release in record.releases if release.released]
    return tuple(sorted(served, key=lambda release: release.last_used, reverse=True)[:2])


def completed(record: Ledger, deployment: Manifest, now: datetime) -> Ledger:
    """Return the record, with the current release noted as released once its rollout is seen complete."""
    current, active = record.current, record.active
    if current is None or (current == active and not current.rolling) or not rolled_out(deployment, current):
        return record
    # One that comes back may find its pods still there: the Deployment was complete before this rollout began.
    released = max(_completion(deployment) or now.replace(microsecond=0), current.notes.started or EARLIEST)
    if active and active.released and active != current:
        # Whole seconds are kept, so a release right after another must still come out as the later one.
        released = max(released, active.released + timedelta(seconds=1))
    return record.with_release(current.noted(released=released))


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


def expired(record: Ledger, used: Sequence[Release | None], good: Release | None, limit: int) -> tuple[Release, ...]:
    """Return the releases beyond the newest `limit` past ones; the active, the present and `used` are none of them.

    good: the one to go back to, which counts as a past one and stays all the same.
    """
    in_use = [release.number for release in (record.active, record.current, *used) if release]
    past = [release for release in record.releases if release.number not in in_use]
    past.sort(key=lambda release: (release.last_used, release.number))
    leaving = [release for release in past if good is None or release.number != good.number]
    return tuple(leaving[: max(0, len(past) - limit)])


def records(app: AIApp, record: Ledger, gone: Sequence[Release]) -> tuple[Manifest, ...]:
    """Return the ControllerRevisions that are to be made, or whose annotations or owner are to change."""
    kept = [release for release in record.releases if release not in gone]
    desired = [(release, _record(app, release)) for release in kept]
    return tuple(manifest for release, manifest in desired if not _stands(manifest, release.live))


def config(app: AIApp) -> Manifest:
    """Return the spec fields that shape the pod and differ from their defaults, each in its canonical form.

    A field equal to its default is left out: a default that a later schema adds must not release every app.
    """
    spec: Manifest = app.spec.model_dump(
        mode="json",
        by_alias=True,
        exclude_defaults=True,
        include={"image_pull_secrets", "model_source", "service_account_name"},
    )
    serving = _serving_config(app.spec.serving)
    repository = {"imageRepository": following.repository(app)}
    source = spec.get("modelSource", {})
    if source.get("credentials") == {"workloadIdentity": {}}:
        spec["modelSource"] = {name: value for name, value in source.items() if name != "credentials"}
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


def find_or_make(app: AIApp, record: Ledger, inputs: Inputs, settings: Settings) -> Release:
    """Return the release on record that is made of `inputs`, else a new one."""
    if known := _known(app, record, inputs, settings):
        return replace(known, ref=inputs.image.ref)
    number, name = record.next_number, f"{app.metadata.name}-{inputs.identity}"
    if record.named(name):  # its data can never change
        name = f"{name}-{_render(app, inputs, settings)}"
    data = {"inputs": inputs.to_json(), "template": _template(app, inputs, number, settings)}
    return Release(number=number, name=name, inputs=inputs, ref=inputs.image.ref, data=data)


def _known(app: AIApp, record: Ledger, inputs: Inputs, settings: Settings) -> Release | None:
    """Return the release on record that is made of `inputs`.

    One that never passed its gate counts while this operator renders it as it stands there: an administrator's repair,
    such as another fetch image, reaches a release that cannot start.
    """
    same = [release for release in record.releases if release.inputs.identity == inputs.identity]
    proved = [release for release in same if release.released or release.notes.gate is GateResult.PASSED]
    if proved:
        return max(proved, key=lambda release: release.last_used)
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
    return pod_template(_configured(app, inputs), cargo, settings)


def _configured(app: AIApp, inputs: Inputs) -> AIApp:
    """Return the app as the release's config has it, which is the spec's unless a hold keeps that back."""
    if inputs.config == config(app):
        return app
    kept = {name: value for name, value in inputs.config.items() if name not in ("imageRepository", "serving")}
    image = ImageReference.parse(inputs.image.ref).pinned(inputs.image.digest)
    serving = {**inputs.config.get("serving", {}), "replicas": app.spec.serving.replicas}
    spec = {**kept, "image": image, "serving": serving}
    if inputs.model:
        spec["modelVersion"] = inputs.model.version
    return AIApp.parse({"metadata": app.metadata.model_dump(by_alias=True), "spec": spec})


def is_asked_for(asked: Demand, release: Release) -> bool:
    """Tell whether a release is made of what the spec stands for, be it the newest or not."""
    return asked.has_image(release) and asked.has_model(release) and release.inputs.config == asked.config


def _record(app: AIApp, release: Release) -> Manifest:
    annotations = {contract.ANNOTATION_IMAGE: release.ref, **release.notes.annotations()}
    return controller_revision(app, release.name, release.number, release.data, annotations)


def _stands(desired: Manifest, live: Manifest | None) -> bool:
    if live is None:
        return False
    metadata, wanted = live["metadata"], desired["metadata"]
    annotations = metadata.get("annotations") or {}
    noted = {name: text for name, text in annotations.items() if name in notes.NAMES or name in wanted["annotations"]}
    labelled = wanted["labels"].items() <= (metadata.get("labels") or {}).items()
    return labelled and noted == wanted["annotations"] and ledger.controller_uid(live) == ledger.controller_uid(desired)
