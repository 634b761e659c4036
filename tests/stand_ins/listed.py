"""What a registry and a store answer that have everything but what is said to be missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.following import TAG, Policy, Version, image_policy, model_policy, nothing_matches, ranked
from aiapp_operator.state import Identity, Manifest, Problem, ResolvedImage, ResolvedModel, Stream

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
IDENTITY = Identity("01234567-89ab-cdef-0123-456789abcdef", "fedcba98-7654-3210-fedc-ba9876543210")
"""Whom Microsoft Entra knows the app's ServiceAccount as."""


def digest(of: str) -> str:
    """Return a digest that is the same for the same text."""
    return f"sha256:{sha256(of.encode()).hexdigest()}"


@dataclass(frozen=True)
class Listed:
    """The sources of one app; see AppCluster. held: digests that each stream passes by."""

    tags: Sequence[str]
    versions: Mapping[str, datetime]
    contents: Mapping[str, str]
    missing: Mapping[str, Problem]
    held: Mapping[Stream, frozenset[str]]

    def image(self, app: Manifest) -> ResolvedImage | Problem:
        """Return what spec.image stands for."""
        repository = app["spec"]["image"]
        policy = image_policy(AIApp.parse(app))
        if policy is None or policy.type == TAG:
            return self.missing.get("image") or self._pulled(repository)
        images = [self._pulled(f"{repository}:{name}") for name in _newest_first(map(Version, self.tags), policy)]
        if not images:
            return self.missing.get("image") or nothing_matches(repository, self.tags, policy)
        good = [image for image in images if image.digest not in self.held[Stream.IMAGE]]
        chosen = good[0] if good else images[0]
        passed = tuple(image.digest for image in images[: images.index(chosen)])
        return self.missing.get("image") or replace(chosen, passed_by=passed)

    def model(self, app: Manifest) -> ResolvedModel | Problem:
        """Return what the model version of the spec stands for."""
        source = app["spec"]["modelSource"]
        policy = model_policy(AIApp.parse(app))
        if policy is None:
            answer = self._read(app["spec"]["modelVersion"], NOON - timedelta(days=1))
        else:
            listed = [Version(name, time) for name, time in self.versions.items()]
            models = [self._read(name, self.versions[name]) for name in _newest_first(listed, policy)]
            if not models:
                return self.missing.get("model") or nothing_matches("contosomodels/models", self.versions, policy)
            good = [model for model in models if model.digest not in self.held[Stream.MODEL]]
            answer = good[0] if good else models[0]
            answer = replace(answer, passed_by=tuple(each.digest for each in models[: models.index(answer)]))
        if "persistentVolumeClaim" in source:  # nobody but a pod can look into a volume
            answer = ResolvedModel(answer.version, "", 0, datetime.fromtimestamp(0, UTC))
        elif "workloadIdentity" in source.get("credentials", {"workloadIdentity": {}}):
            answer = replace(answer, identity=IDENTITY)
        return self.missing.get("model") or answer

    def _pulled(self, ref: str) -> ResolvedImage:
        return ResolvedImage(ref, digest(self.contents.get(ref, ref)))

    def _read(self, version: str, published: datetime) -> ResolvedModel:
        return ResolvedModel(version, digest(self.contents.get(version, f"model {version}")), 18_764, published)


def _newest_first(versions: Iterable[Version], policy: Policy) -> list[str]:
    return [version.name for version in ranked(versions, policy)]
