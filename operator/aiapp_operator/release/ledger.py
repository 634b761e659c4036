"""The record of releases: what the app's ControllerRevisions and its Deployment say. Pure.

Nothing else remembers a release, so all of status can be lost and computed again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from aiapp_models import contract
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.release.notes import Notes, format_time
from aiapp_operator.state import Identity, Manifest, ObjectId, ResolvedImage, ResolvedModel


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a release is made of.

    config: the spec fields that shape the pod and differ from their defaults, and the image's repository.
    """

    image: ResolvedImage
    model: ResolvedModel | None
    config: Manifest

    @property
    def config_hash(self) -> str:
        """Return the SHA-256 of the config, in hex."""
        return digest_of(self.config)

    @property
    def identity(self) -> str:
        """Return ten hex digits that tell this release from any other of the app.

        A model's version is part of it beside its digest: it names the folder that new pods fetch from.
        """
        model = (self.model.digest, self.model.version) if self.model else ("", "")
        text = "\n".join((self.image.digest, *model, self.config_hash))
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def to_json(self) -> Manifest:
        """Return the form that a ControllerRevision keeps."""
        kept: Manifest = {
            "image": {"ref": self.image.ref, "digest": self.image.digest},
            "config": self.config,
            "configHash": self.config_hash,
        }
        if self.model:
            kept["model"] = _model_to_json(self.model)
        return kept

    @classmethod
    def from_json(cls, kept: Manifest) -> Self:
        """Read what `to_json` wrote."""
        model = kept.get("model")
        return cls(
            image=ResolvedImage(kept["image"]["ref"], kept["image"]["digest"]),
            model=_model_from_json(model) if model else None,
            config=kept["config"],
        )


@dataclass(frozen=True, slots=True)
class Release:
    """One release: a number, what it is made of, and the pods that it makes.

    ref: the image reference that was last resolved to its digest; another tag of the same image is no release.
    data: the ControllerRevision's data: inputs and pod template.
    notes: what happened to it.
    live: the ControllerRevision as it stands in the cluster; None: not made yet.
    """

    number: int
    name: str
    inputs: Inputs
    ref: str
    data: Manifest
    notes: Notes = field(default_factory=Notes)
    live: Manifest | None = None

    @property
    def released(self) -> datetime | None:
        """Return when its rollout was last complete; None: never."""
        return self.notes.released

    @property
    def rolling(self) -> bool:
        """Tell whether its rollout has yet to be complete since it was begun last."""
        notes = self.notes
        return notes.released is None or (notes.started is not None and notes.started > notes.released)

    @property
    def present(self) -> Inputs:
        """Return what it is made of, the image by the reference that was last resolved to its digest."""
        return replace(self.inputs, image=ResolvedImage(self.ref, self.inputs.image.digest))

    def noted(self, **changes: Any) -> Self:
        """Return the release with notes changed; changes: fields of Notes."""
        return replace(self, notes=replace(self.notes, **changes))

    @property
    def template(self) -> Manifest:
        """Return the pod template, as it was rendered when this release was first made."""
        template: Manifest = self.data["template"]
        return template

    @property
    def last_used(self) -> str:
        """Return when it was rolled out last, else made, as sortable text; empty: not made yet."""
        if self.released:
            return format_time(self.released)
        created: str = self.live["metadata"].get("creationTimestamp", "") if self.live else ""
        return created

    @property
    def image_name(self) -> str:
        """Return how people call the image: its tag, else the start of its digest."""
        return short_image(self.ref)

    @property
    def contents(self) -> str:
        """Return `image 1.4.2, model 42`."""
        model = self.inputs.model
        return f"image {self.image_name}" + (f", model {model.version}" if model else "")

    def __str__(self) -> str:
        return f"revision {self.number} ({self.contents})"

    @classmethod
    def read(cls, revision: Manifest) -> Self | None:
        """Read a ControllerRevision of ours; None for one that no operator made. What cannot be read is not there."""
        metadata, data = revision["metadata"], revision.get("data") or {}
        annotations = metadata.get("annotations") or {}
        try:
            inputs = Inputs.from_json(data["inputs"])
            short_image(inputs.image.ref)
            template = data["template"]
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        if not isinstance(inputs.config, dict) or not isinstance(template, dict):
            return None
        return cls(
            number=revision["revision"],
            name=metadata["name"],
            inputs=inputs,
            ref=_image(annotations.get(contract.ANNOTATION_IMAGE)) or inputs.image.ref,
            data=data,
            notes=Notes.read(annotations),
            live=revision,
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """All releases of an app, oldest first.

    running: number of the release that the Deployment was last applied from; 0: there is no Deployment.
    """

    releases: tuple[Release, ...]
    running: int

    @property
    def current(self) -> Release | None:
        """Return the release on the Deployment, whether or not its pods serve."""
        return next((release for release in self.releases if release.number == self.running), None)

    @property
    def active(self) -> Release | None:
        """Return the release that was rolled out last, the one that serves."""
        times = {release.released: release for release in self.releases if release.released}
        return times[max(times)] if times else None

    @property
    def next_number(self) -> int:
        """Return the number for a release to be made."""
        return max([self.running, *(release.number for release in self.releases)]) + 1

    def named(self, name: str) -> Release | None:
        """Return the release whose ControllerRevision has this name."""
        return next((release for release in self.releases if release.name == name), None)

    def with_release(self, changed: Release) -> Self:
        """Return the ledger with a release added, or put in the place of the one of its number."""
        others = [release for release in self.releases if release.number != changed.number]
        releases = sorted([*others, changed], key=lambda release: release.number)
        return replace(self, releases=tuple(releases))


def read(app: Manifest, children: Mapping[ObjectId, Manifest], revisions: Sequence[Manifest]) -> Ledger:
    """Return the record of `app`; what another AIApp controls is no part of it."""
    # Without a controller it comes from a restored backup and is ours again.
    mine = [revision for revision in revisions if controller_uid(revision) in (app["metadata"]["uid"], None)]
    releases = [release for revision in mine if (release := Release.read(revision))]
    deployment = children.get(ObjectId("Deployment", app["metadata"]["name"]), {})
    number = deployment.get("metadata", {}).get("annotations", {}).get(contract.ANNOTATION_REVISION, "0")
    return Ledger(
        releases=tuple(sorted(releases, key=lambda release: release.number)),
        running=int(number) if number.isdecimal() else 0,
    )


def digest_of(json_value: Manifest) -> str:
    """Return the SHA-256 of a JSON object, whatever the order of its fields, in hex."""
    text = json.dumps(json_value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def controller(manifest: Manifest) -> Manifest:
    """Return the owner reference to the object that controls this one; empty when nobody does."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def controller_uid(manifest: Manifest) -> str | None:
    """Return the uid of the object that controls this one, or None."""
    return controller(manifest).get("uid")


def short_image(ref: str) -> str:
    """Return the tag of an image reference, else the first digits of its digest."""
    image = ImageReference.parse(ref)
    return image.tag or f"{image.digest:.19}"


def _model_to_json(model: ResolvedModel) -> Manifest:
    kept: Manifest = {
        "version": model.version,
        "digest": model.digest,
        "sizeBytes": model.size_bytes,
        "publishedTime": format_time(model.published),
    }
    if model.manifest_digest:
        kept["manifestDigest"] = model.manifest_digest
    if model.identity:
        kept["identity"] = {"clientID": model.identity.client_id, "tenantID": model.identity.tenant_id}
    return kept


def _model_from_json(kept: Manifest) -> ResolvedModel:
    identity = kept.get("identity")
    return ResolvedModel(
        version=kept["version"],
        digest=kept["digest"],
        size_bytes=kept["sizeBytes"],
        published=datetime.fromisoformat(kept["publishedTime"]),
        manifest_digest=kept.get("manifestDigest", ""),
        identity=Identity(identity["clientID"], identity["tenantID"]) if identity else None,
    )


def _image(ref: str | None) -> str | None:
    try:
        short_image(ref or "")
    except ValueError:
        return None
    return ref
