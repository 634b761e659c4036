"""What is asked of a registry or a model store, and as whom. Pure.

Equal questions have one answer. The namespace is a part of each, so that nothing that one namespace may read is shown
to another.
"""

import json
from dataclasses import dataclass
from typing import Final, NamedTuple

from aiapp_operator import following
from aiapp_operator.api.model_source import ModelSource
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.following import Policy
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.release.ledger import Release
from aiapp_operator.state import Key

AZURE_REGISTRIES: Final = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
"""The only registries that take a token of Microsoft Entra ID."""
SPARE_LOOKS: Final = 8


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount and what the spec says of the identity that trusts it; empty: its annotations say it."""

    namespace: str
    name: str
    client_id: str = ""
    tenant_id: str = ""


@dataclass(frozen=True, slots=True)
class ImageQuestion:
    """An image in a registry.

    reference: without tag and digest, all tags of the repository are meant.
    account: who asks a registry that takes identities, where no pull secret is named.
    """

    namespace: str
    reference: ImageReference
    pull_secrets: tuple[str, ...]
    account: Account | None


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """A folder of model versions in a store.

    source: JSON of `spec.modelSource` without its credentials.
    secret: name of the Secret that it is read with; empty: there is none.
    account: who reads it where that is a workload identity.
    """

    namespace: str
    source: str
    secret: str = ""
    account: Account | None = None


class Follow(NamedTuple):
    """What somebody wants of a listing.

    again: what is chosen is looked at in every poll, as it does not start and may be repaired under its name.
    held: digests that are passed by for the next older one; where all are held, the newest is the answer.
    """

    policy: Policy
    again: bool = False
    held: frozenset[str] = frozenset()

    @property
    def looks(self) -> int:
        """Return how many versions are looked at for one that is not held; held bytes may have several names."""
        return len(self.held) + SPARE_LOOKS


class Found(NamedTuple):
    """What a look at released bytes found; empty: they are as they were."""

    reason: str = ""
    message: str = ""


def image(app: AIApp) -> ImageQuestion:
    """Return what spec.image asks for: one image, or where the policy chooses a tag, all of a repository."""
    policy = following.image_policy(app)
    reference = ImageReference.parse(app.spec.image, bare=policy is not None and policy.type != following.TAG)
    secrets = tuple(secret.name for secret in app.spec.image_pull_secrets)
    source = app.spec.model_source
    return _image(_key(app), reference, secrets, _account(_key(app), app.spec.service_account_name, source))


def model(app: AIApp) -> ModelQuestion | None:
    """Return what spec.modelSource asks for; None: the image brings its model, or a volume has it."""
    return _model(_key(app), app.spec.service_account_name, app.spec.model_source)


def released(key: Key, release: Release) -> tuple[ImageQuestion, ModelQuestion | None] | None:
    """Return the questions for the bytes that a release runs; None: its record cannot be read that far."""
    config, image = release.inputs.config, release.inputs.image
    try:
        parsed = ImageReference.parse(image.ref)
        secrets = tuple(secret["name"] for secret in config.get("imagePullSecrets", ()))
        name, kept = config.get("serviceAccountName"), config.get("modelSource")
        source = ModelSource.model_validate(kept) if kept else None
    except (AttributeError, KeyError, TypeError, ValueError):  # pydantic's error is a ValueError
        return None
    reference = ImageReference(parsed.registry, parsed.path, None, image.digest)
    return _image(key, reference, secrets, _account(key, name, source)), _model(key, name, source)


def _key(app: AIApp) -> Key:
    return Key(app.metadata.namespace, app.metadata.name)


def _image(key: Key, reference: ImageReference, secrets: tuple[str, ...], account: Account) -> ImageQuestion:
    # By no account where none is needed: it would keep apps from sharing one question.
    asks = not secrets and reference.registry.lower().endswith(AZURE_REGISTRIES)
    return ImageQuestion(key.namespace, reference, secrets, account if asks else None)


def _model(key: Key, account: str | None, source: ModelSource | None) -> ModelQuestion | None:
    if source is None or source.persistent_volume_claim:
        return None
    given = source.credentials
    place = source.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"credentials"})
    return ModelQuestion(
        key.namespace,
        json.dumps(place, sort_keys=True),
        given.secret_ref.name if given and given.secret_ref else "",
        _account(key, account, source) if source.identity else None,
    )


def _account(key: Key, name: str | None, source: ModelSource | None) -> Account:
    spec = source.identity if source else None
    client, tenant = (spec.client_id, spec.tenant_id) if spec else ("", "")
    return Account(key.namespace, name or key.name, client, tenant)
