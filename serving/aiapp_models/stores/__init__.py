"""Model stores: one file per kind, all read through ModelStore."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from aiapp_models.credentials import Credentials
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest
from aiapp_models.stores.azure_blob import AzureBlobStore
from aiapp_models.stores.claim import ClaimStore
from aiapp_models.stores.connection import Network


class RangeReader(Protocol):
    """The bytes of one range of one file; for one thread at a time."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer's beginning and return the number of bytes, 0 at the end.

        Raises:
            SourceError: StoreUnreachable (transient), the connection broke.
        """

    def close(self) -> None:
        """Give the connection back; may be called before the end and more than once."""


class ModelStore(Protocol):
    """Where versions of a model are; a context manager, for one thread at a time except where said."""

    def __enter__(self) -> Self:
        """Connect on first use only."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""

    def locate(self, version: str, path: str = "") -> str:
        """Return where a version or a file of it is, as messages name it."""

    def names(self) -> Iterator[str]:
        """Yield the names of the folders right below the source's path, without a look into them.

        Raises:
            SourceError: as `manifest`, where the folder itself cannot be listed; an empty folder yields nothing.
        """

    def published(self, version: str) -> datetime | None:
        """Return when a version's SHA256SUMS was written (UTC), or None while it has none.

        Raises:
            SourceError: as `manifest`, where that cannot be told.
        """

    def manifest(self, version: str) -> ModelManifest:
        """Read what a complete version consists of, without reading model bytes.

        Raises:
            SourceError: always, when it is not there, not complete, not readable or the store not reachable.
        """

    def open_range(self, version: str, file: ModelFile, offset: int, length: int) -> RangeReader:
        """Open `length` bytes of a file from `offset` on, of exactly the ETag that the manifest saw.

        May be called by several threads at once.

        Raises:
            SourceError: ModelChanged when the file was replaced since; else as `manifest`.
        """


def open_store(source: Mapping[str, Any], credentials: Credentials, network: Network) -> ModelStore:
    """Return the store that `spec.modelSource` names; nothing is sent yet.

    source: `{"azureBlob": {"account", "container", "path", "endpoint"}}`, `{"s3": {"bucket", "path", "region",
        "endpoint"}}` or, in pods that mount it, `{"persistentVolumeClaim": {"claimName", "path"}}`; other keys are
        ignored.
    network: how and where to connect.

    Raises:
        SourceError: SourceInvalid, SecretInvalid or EndpointRefused.
    """
    if isinstance(azure := source.get("azureBlob"), Mapping):
        return AzureBlobStore(azure, credentials, network)
    if isinstance(s3 := source.get("s3"), Mapping):
        # Its SDK takes a tenth of a second and 11 MiB of every pod that starts, and most have no use for it.
        from aiapp_models.stores.s3 import S3Store  # noqa: PLC0415

        return S3Store(s3, credentials, network)
    if isinstance(claim := source.get("persistentVolumeClaim"), Mapping):
        return ClaimStore(claim)
    raise SourceError(Reason.SOURCE_INVALID, "modelSource names no store; give azureBlob, s3 or persistentVolumeClaim")
