"""What fetch is told by its environment and by the mounted Secret."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiapp_models import contract
from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.azure_identity import WorkloadIdentity
from aiapp_models.stores.connection import DEFAULT_AUTHORITY, Network

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the pod is in Microsoft Entra ID; the file with its ServiceAccount's token is renewed by the kubelet."""

    client_id: str
    tenant_id: str
    token_file: Path

    def assertion(self) -> str:
        """Read the token as it is now.

        Raises:
            SourceError: IdentityMissing.
        """
        try:
            return self.token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            problem = f"the ServiceAccount's token {self.token_file} cannot be read ({type(error).__name__})"
            raise SourceError(Reason.IDENTITY_MISSING, f"{problem}; the operator mounts it into fetch") from None


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """One model version to fetch.

    source: `spec.modelSource` as JSON.
    digest: the content digest that the release was made of; other bytes are refused. Empty: of a claim, not known.
    model_dir: where the model is put; its parent is the volume.
    credentials_dir: one file per key of the Secret, or None.
    trust_bundle: PEM file of further authorities, or None.
    rules: which endpoints and addresses may be asked.
    authority: the cloud's Microsoft Entra endpoint.
    identity: whom the store is read as where no Secret is; None: anonymous.
    """

    source: Mapping[str, Any]
    version: str
    digest: str
    model_dir: Path
    credentials_dir: Path | None
    trust_bundle: Path | None
    rules: NetworkRules = field(default_factory=NetworkRules)
    authority: str = DEFAULT_AUTHORITY
    identity: Identity | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "FetchSettings":
        """Read the AIAPP_* variables of the pod contract.

        Raises:
            SourceError: SourceInvalid, a variable is missing or unreadable.
        """
        credentials, trust = env.get(contract.ENV_CREDENTIALS_DIR), env.get(contract.ENV_TRUST_BUNDLE)
        source = _source(_required(env, contract.ENV_MODEL_SOURCE))
        return cls(
            source=source,
            version=_required(env, contract.ENV_MODEL_VERSION),
            digest=_digest(env, of_a_claim="persistentVolumeClaim" in source),
            model_dir=Path(env.get(contract.ENV_MODEL_DIR) or contract.MODEL_DIR).absolute(),
            credentials_dir=Path(credentials) if credentials else None,
            trust_bundle=Path(trust) if trust else None,
            rules=_rules(env),
            authority=env.get(contract.ENV_AZURE_AUTHORITY) or DEFAULT_AUTHORITY,
            identity=_identity(env),
        )

    def network(self) -> Network:
        """Return how and where to connect."""
        return Network(self.trust_bundle, self.rules, self.authority)

    def credentials(self) -> Credentials:
        """Return who reads: the mounted Secret, read again at each call, the pod's identity, or nobody.

        Raises:
            SourceError: SecretInvalid or IdentityMissing.
        """
        if self.credentials_dir is not None:
            return SecretValues(_read_secret(self.credentials_dir))
        if self.identity is not None:
            identity = self.identity
            return WorkloadIdentity(identity.client_id, identity.tenant_id, identity.assertion, self.network())
        return Anonymous()


def _read_secret(folder: Path) -> dict[str, str]:
    """Read the Secret as it is mounted now: it may have been rotated since the pod was made."""
    try:
        files = [path for path in folder.iterdir() if not path.name.startswith("..")]
        return {path.name: path.read_bytes().decode(errors="replace") for path in files if path.is_file()}
    except OSError as error:
        problem = f"the Secret mounted at {folder} cannot be read ({error.strerror})"
        raise SourceError(Reason.SECRET_INVALID, f"{problem}; name an existing one in secretRef") from None


def _identity(env: Mapping[str, str]) -> Identity | None:
    client_id = env.get(contract.ENV_AZURE_CLIENT_ID)
    if not client_id:
        return None
    token_file = env.get(contract.ENV_IDENTITY_TOKEN_FILE) or f"{contract.IDENTITY_DIR}/{contract.IDENTITY_TOKEN}"
    return Identity(client_id, _required(env, contract.ENV_AZURE_TENANT_ID), Path(token_file))


def _rules(env: Mapping[str, str]) -> NetworkRules:
    listed, networks = env.get(contract.ENV_LISTED_ENDPOINTS, ""), env.get(contract.ENV_CLUSTER_NETWORKS, "")
    try:
        return NetworkRules.parse(listed, networks)
    except ValueError as error:
        raise SourceError(Reason.SOURCE_INVALID, f"{error}; the chart's values set it") from None


def _digest(env: Mapping[str, str], *, of_a_claim: bool) -> str:
    if of_a_claim and not env.get(contract.ENV_MODEL_DIGEST):
        return ""
    digest = _required(env, contract.ENV_MODEL_DIGEST)
    if not _DIGEST.fullmatch(digest):
        raise SourceError(Reason.SOURCE_INVALID, f"{contract.ENV_MODEL_DIGEST} must be sha256:<64 hex digits>")
    return digest


def _required(env: Mapping[str, str], name: str) -> str:
    if value := env.get(name):
        return value
    raise SourceError(Reason.SOURCE_INVALID, f"{name} is not set; the operator sets it on the fetch container")


def _source(text: str) -> dict[str, Any]:
    try:
        source = json.loads(text)
    except ValueError:
        source = None
    if not isinstance(source, dict):
        raise SourceError(Reason.SOURCE_INVALID, f"{contract.ENV_MODEL_SOURCE} is no JSON object")
    return source
