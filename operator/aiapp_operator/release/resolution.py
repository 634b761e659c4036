"""What spec.image and the model version stand for: the sources' answers held against what is on record. Pure.

A fixed ask is resolved once per edit. A followed stream only moves forward: an answer that is not newer than what the
app is at changes nothing, be the listing empty, partial or of an older time. A version's time is when it was first
released with, and a name is used once: what was released under it is never replaced by other bytes by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from aiapp_operator import following
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.following import Policy, Version
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.reasons import Reason
from aiapp_operator.release.ledger import Inputs, Ledger, Release, digest_of
from aiapp_operator.release.notes import Hold
from aiapp_operator.state import Manifest, Part, Problem, ResolvedImage, ResolvedModel, Severity, Sources, Stream


@dataclass(frozen=True, slots=True)
class Demand:
    """What a spec asks for, read once in a run.

    config: see `releases.config`.
    image, model: how the stream is followed; None: it is not.
    """

    app: AIApp
    config: Manifest
    image: Policy | None
    model: Policy | None

    @property
    def follows(self) -> Mapping[Stream, Policy]:
        """Return the policies of the streams that are followed."""
        policies = {Stream.IMAGE: self.image, Stream.MODEL: self.model}
        return {stream: policy for stream, policy in policies.items() if policy}

    @property
    def fingerprint(self) -> str:
        """Return a hash of what somebody would have to edit to ask for something else; a push is no edit."""
        spec = self.app.spec
        policies = [
            each and {"type": each.type} | each.model_dump(mode="json", exclude={"interval"}, exclude_defaults=True)
            for each in (spec.image_policy, spec.model_policy)
        ]
        asked = {"image": spec.image, "version": spec.model_version, "policies": policies, "config": self.config}
        return f"sha256:{digest_of(asked)}"

    def has_image(self, release: Release) -> bool:
        """Tell whether a release is made of an image that spec.image and its policy stand for."""
        if self.image is None or self.image.type == following.TAG:
            return release.ref == self.app.spec.image
        same_repository = ImageReference.parse(release.ref).repository == self.app.spec.image
        return same_repository and following.matches(_image_version(release.ref), self.image)

    def has_model(self, release: Release) -> bool:
        """Tell whether a release is made of a model that the spec stands for, read in the same way."""
        if release.inputs.config.get("modelSource") != self.config.get("modelSource"):
            return False
        model = release.inputs.model
        if self.model:
            return model is not None and following.matches(_model_version(model), self.model)
        return self.app.spec.model_version == (model.version if model else None)

    def has_version(self, release: Release) -> bool:
        """Tell whether a release is made of a version that a followed model may go on from, however it was read."""
        model, policy = release.inputs.model, self.model
        if model is None or policy is None or not same_place(release.inputs.config, self.config):
            return False
        return following.matches(_model_version(model), policy)


def known_image(asked: Demand, record: Ledger, sources: Sources) -> ResolvedImage | None:
    """Return what spec.image stands for, from the registry's answer or from a release made of it."""
    if isinstance(sources.image, ResolvedImage):
        return sources.image
    release = image_on_record(asked, record)
    return release.present.image if release else None


def known_model(asked: Demand, record: Ledger, sources: Sources) -> ResolvedModel | None:
    """Return what the spec's model version stands for, from the store's answer or from a release made of it."""
    if isinstance(sources.model, ResolvedModel):
        return sources.model
    release = model_on_record(asked, record)
    return release.inputs.model if release else None


def image_on_record(asked: Demand, record: Ledger) -> Release | None:
    """Return the release made of what spec.image stands for: on the Deployment, else active, else a candidate."""
    return next((release for release in _at(record) if asked.has_image(release)), None)


def model_on_record(asked: Demand, record: Ledger) -> Release | None:
    """Return the release that was made of the model that the spec stands for."""
    return next((release for release in _at(record) if asked.has_model(release)), None)


def onward(asked: Demand, record: Ledger, base: Release | None, sources: Sources) -> Sources:
    """Return the answers as far as they lead forward from `base`; what it is made of in the place of an older one."""
    image, model = sources.image, sources.model
    if asked.image and asked.image.type != following.TAG and isinstance(image, ResolvedImage):
        image = _image_onward(asked, asked.image, record, base, image)
    if asked.model and isinstance(model, ResolvedModel):
        model = _model_onward(asked, asked.model, record, base, model)
    return Sources(image, model)


def leads_to(asked: Demand, inputs: Inputs, newest: Release, base: Release) -> bool:
    """Tell whether nothing in `inputs` came after `newest`, besides what `base` has: what came goes first."""
    if inputs.config_hash not in (newest.inputs.config_hash, base.inputs.config_hash):
        return False
    if inputs.image.digest not in (newest.inputs.image.digest, base.inputs.image.digest) and not (
        asked.image and asked.image.type != following.TAG and _reaches(newest.ref, inputs.image.ref, asked.image)
    ):
        return False
    own, its = newest.inputs.model, inputs.model
    if own is None or its is None or its.digest in (own.digest, base.inputs.model and base.inputs.model.digest):
        return True
    return asked.model is not None and following.newer(_model_version(own), _model_version(its), asked.model)


def is_ahead(asked: Demand, record: Ledger, hold: Hold, base: Release) -> bool:
    """Tell whether what a hold is on is newer than `base` by its policy; a model that left the record counts so."""
    for release in record.releases:
        model, own = release.inputs.model, base.inputs.model
        if hold.part is Part.IMAGE and asked.image and release.inputs.image.digest == hold.digest:
            return asked.image.type == following.TAG or not _reaches(base.ref, release.ref, asked.image)
        if hold.part is Part.MODEL and asked.model and own and model and model.digest == hold.digest:
            return following.newer(_model_version(model), _model_version(own), asked.model)
    if hold.part is Part.IMAGE and asked.image and asked.image.type != following.TAG:
        return following.newer(Version(hold.version), _image_version(base.ref), asked.image)
    return True


def same_place(config: Manifest, other: Manifest) -> bool:
    """Tell whether two configs have their models in one place, whoever it is read as."""
    one, two = ({**(each.get("modelSource") or {}), "credentials": None} for each in (config, other))
    return one == two


def _reaches(ref: str, other: str, policy: Policy) -> bool:
    return ref == other or following.newer(_image_version(ref), _image_version(other), policy)


def _image_onward(
    asked: Demand, policy: Policy, record: Ledger, base: Release | None, answer: ResolvedImage
) -> ResolvedImage | Problem:
    served = _served_last(release for release in record.releases if release.ref == answer.ref)
    if (
        base
        and asked.has_image(base)
        and not _is_next(_image_version(answer.ref), _image_version(base.ref), served, policy)
    ):
        return base.present.image
    if served and served.inputs.image.digest != answer.digest:
        fix = "push the build under a tag of its own, or name this one in spec.image to release it all the same"
        return _used_twice(f"image {answer.ref}", served.inputs.image.digest, answer.digest, fix)
    return answer


def _model_onward(
    asked: Demand, policy: Policy, record: Ledger, base: Release | None, answer: ResolvedModel
) -> ResolvedModel | Problem:
    served = _served_last(release for release in record.releases if _has_name(release, answer.version, asked.config))
    known = served.inputs.model if served else None
    if known:
        answer = replace(answer, published=known.published)
    own = base.inputs.model if base and asked.has_version(base) else None
    if own and not _is_next(_model_version(answer), _model_version(own), served, policy):
        return replace(own, identity=answer.identity)
    if known and known.digest != answer.digest:
        fix = "upload it under a name of its own, or name this one in spec.modelVersion to release it all the same"
        return _used_twice(f"model {answer.version}", known.digest, answer.digest, fix)
    return answer


def _is_next(version: Version, own: Version, served: Release | None, policy: Policy) -> bool:
    """Tell whether `version`, which `served` was the last to serve, leads on from `own`."""
    if version.name == own.name:
        return served is None  # what never served may be repaired under its name
    return following.newer(version, own, policy)


def _used_twice(what: str, digest: str, found: str, fix: str) -> Problem:
    words = f"{what} was released as {digest} and is {found} now: a name is used once, so it is not released; {fix}"
    return Problem(Severity.WAITING, Reason.CONTENT_CHANGED, words)


def _served_last(releases: Iterable[Release]) -> Release | None:
    served = [release for release in releases if release.released]
    return max(served, key=lambda release: release.last_used, default=None)


def _has_name(release: Release, version: str, config: Manifest) -> bool:
    model = release.inputs.model
    return model is not None and model.version == version and same_place(release.inputs.config, config)


def _at(record: Ledger) -> Iterable[Release]:
    candidates = [release for release in reversed(record.releases) if release.number > record.running]
    return (release for release in (record.current, record.active, *candidates) if release)


def _image_version(ref: str) -> Version:
    return Version(ImageReference.parse(ref).tag or "")


def _model_version(model: ResolvedModel) -> Version:
    return Version(model.version, model.published)
