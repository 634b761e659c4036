"""Model stores: one file per kind, all read through ModelStore."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest
from aiapp_models.stores.azure_blob import AzureBlobStore


class ModelStore(Protocol):
    """Where versions of a model are; a context manager, for one thread at a time."""

    def __enter__(self) -> Self:
        """Connect on first use only."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""

    def locate(self, version: str, path: str = "") -> str:
        """Return where a version or a file of it is, as messages name it."""

    def manifest(self, version: str) -> ModelManifest:
        """Read what a complete version consists of, without reading model bytes.

        Raises:
            SourceError: always, when it is not there, not complete, not readable or the store not reachable.
        """

    def read(self, version: str, file: ModelFile) -> Iterator[bytes]:
        """Yield the bytes of one file, exactly those of the ETag that the manifest saw.

        Raises:
            SourceError: ModelChanged when they were replaced since; else as `manifest`.
        """


def open_store(
    source: Mapping[str, Any], credentials: Mapping[str, str] | None, trust_bundle: Path | None
) -> ModelStore:
    """Return the store that `spec.modelSource` names; nothing is sent yet.

    source: `{"azureBlob": {"account", "container", "path", "endpoint"}}`, further keys are ignored.
    credentials: the Secret's decoded values, or None for anonymous access.
    trust_bundle: PEM file of authorities trusted in addition to the system's.

    Raises:
        SourceError: SourceInvalid or SecretInvalid.
    """
    if isinstance(azure := source.get("azureBlob"), Mapping):
        return AzureBlobStore(azure, credentials, trust_bundle)
    raise SourceError(Reason.SOURCE_INVALID, "modelSource names no store; give azureBlob")
