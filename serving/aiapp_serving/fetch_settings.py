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
from aiapp_models.stores.connection import Network

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """One model version to fetch.

    source: `spec.modelSource` as JSON.
    digest: the content digest that the release was made of; other bytes are refused.
    model_dir: where the model is put; its parent is the volume.
    credentials_dir: one file per key of the Secret; None: anonymous.
    trust_bundle: PEM file of further authorities, or None.
    """

    source: Mapping[str, Any]
    version: str
    digest: str
    model_dir: Path
    credentials_dir: Path | None
    trust_bundle: Path | None
    rules: NetworkRules = field(default_factory=NetworkRules)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "FetchSettings":
        """Read the AIAPP_* variables of the pod contract.

        Raises:
            SourceError: SourceInvalid, a variable is missing or unreadable.
        """
        digest = _required(env, contract.ENV_MODEL_DIGEST)
        if not _DIGEST.fullmatch(digest):
            raise SourceError(Reason.SOURCE_INVALID, f"{contract.ENV_MODEL_DIGEST} must be sha256:<64 hex digits>")
        credentials, trust = env.get(contract.ENV_CREDENTIALS_DIR), env.get(contract.ENV_TRUST_BUNDLE)
        return cls(
            source=_source(_required(env, contract.ENV_MODEL_SOURCE)),
            version=_required(env, contract.ENV_MODEL_VERSION),
            digest=digest,
            model_dir=Path(env.get(contract.ENV_MODEL_DIR) or contract.MODEL_DIR).absolute(),
            credentials_dir=Path(credentials) if credentials else None,
            trust_bundle=Path(trust) if trust else None,
        )

    def network(self) -> Network:
        """Return how and where to connect."""
        return Network(self.trust_bundle, self.rules)

    def credentials(self) -> Credentials:
        """Return who reads: the mounted Secret, read again at each call, or nobody.

        Raises:
            SourceError: SecretInvalid.
        """
        values = self.read_credentials()
        return Anonymous() if values is None else SecretValues(values)

    def read_credentials(self) -> dict[str, str] | None:
        """Read the Secret as it is mounted now: it may have been rotated since the pod was made.

        Raises:
            SourceError: SecretInvalid, the folder cannot be read.
        """
        if self.credentials_dir is None:
            return None
        try:
            files = [path for path in self.credentials_dir.iterdir() if not path.name.startswith("..")]
            return {path.name: path.read_bytes().decode(errors="replace") for path in files if path.is_file()}
        except OSError as error:
            problem = f"the Secret mounted at {self.credentials_dir} cannot be read ({error.strerror})"
            raise SourceError(Reason.SECRET_INVALID, f"{problem}; name an existing one in secretRef") from None


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
