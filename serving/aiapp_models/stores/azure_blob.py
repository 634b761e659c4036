"""Models in Azure Blob Storage; the only importer of its SDK."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import AzureError, DecodeError, DeserializationError, HttpResponseError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.transport import HttpResponse, RequestsTransport
from azure.storage.blob import BlobProperties, ContainerClient, ExponentialRetry, StandardBlobTier

from aiapp_models.contract import SHA256SUMS
from aiapp_models.credentials import Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import (
    MAX_FILES,
    MAX_SUMS_BYTES,
    SUMS_COMMAND,
    ModelFile,
    ModelManifest,
    check_path,
    content_digest,
    parse_sums,
)
from aiapp_models.stores.azure_access import BlobAccess, blob_access, sas_problem
from aiapp_models.stores.azure_refusals import refusal
from aiapp_models.stores.connection import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Network,
    https_session,
    network_problem,
    tls_context,
)

MANIFEST_SECONDS: Final = 45
"""All of one manifest: retries, every page of the listing, SHA256SUMS."""
SLOWEST_BYTES_PER_SECOND: Final = 256 * 1024
"""A store slower than this counts as unreachable: 1 GiB would take over an hour."""
CHUNK_BYTES: Final = 4 * 1024 * 1024
MAX_ENTRIES: Final = 2 * MAX_FILES
"""Blobs in a version's folder, those that SHA256SUMS does not list included."""

# urllib3 logs every URL at DEBUG, with the SAS in it, however the process set its own level.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class AzureBlobStore:
    """Reads versions as the folders `PATH/VERSION/` of one container."""

    def __init__(self, source: Mapping[str, Any], credentials: Credentials, network: Network) -> None:
        account, container = str(source.get("account", "")), str(source.get("container", ""))
        if not account or not container:
            raise SourceError(Reason.SOURCE_INVALID, "modelSource.azureBlob needs account and container")
        self._path = str(source.get("path", "")).strip("/")
        self._where = "/".join(filter(None, (account, container, self._path)))
        if self._path:
            check_path(self._path, "modelSource.azureBlob.path")
        self._access = blob_access(
            account,
            str(source.get("endpoint") or ""),
            credentials.values if isinstance(credentials, SecretValues) else None,
        )
        self._tls = tls_context(network.trust_bundle)
        self._container = ContainerClient(
            self._access.url,
            container,
            credential=_credential(self._access),
            transport=RequestsTransport(
                session=https_session(self._tls), connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
            ),
            retry_policy=ExponentialRetry(initial_backoff=1, increment_base=1, retry_total=2, random_jitter_range=1),
            permit_redirects=False,  # a redirect would carry the request to an address nobody allowed
            raw_response_hook=self._refuse_strangers,
            max_single_get_size=CHUNK_BYTES,
            max_chunk_get_size=CHUNK_BYTES,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def locate(self, version: str, path: str = "") -> str:
        """Return `account/container/path/version/file`."""
        return "/".join(filter(None, (self._where, version, path)))

    def manifest(self, version: str) -> ModelManifest:
        """Read SHA256SUMS and the listing of one version.

        Raises:
            SourceError: see ModelStore.
        """
        if "/" in check_path(version, "modelVersion"):
            raise SourceError(Reason.UNSAFE_PATH, "modelVersion is a folder's name and has no slash")
        where = self.locate(version)
        self._tls.deadline = time.monotonic() + MANIFEST_SECONDS
        with self._refusals_in_words(where):
            blobs = self._list(version, where)
        if not blobs:
            raise SourceError(Reason.MODEL_MISSING, f"{where}: there is no file in this folder; upload the version")
        marker = blobs.pop(SHA256SUMS, None)
        if marker is None:
            fix = f"make it in the model's folder and upload it last: {SUMS_COMMAND}"
            raise SourceError(Reason.MODEL_INCOMPLETE, f"{where} has no {SHA256SUMS} yet; {fix}")
        sums = parse_sums(self._read_marker(version, marker), where)
        files = tuple(_listed_file(blobs, line.path, line.sha256, where) for line in sums)
        return ModelManifest(
            version=version,
            digest=content_digest(sums),
            size_bytes=sum(file.size for file in files),
            published=marker.last_modified.astimezone(UTC),
            files=tuple(sorted(files, key=lambda file: file.path)),
            unlisted=tuple(sorted(blobs.keys() - {file.path for file in files})),
        )

    def read(self, version: str, file: ModelFile) -> Iterator[bytes]:
        """Yield one file in pieces of at most 4 MiB.

        Raises:
            SourceError: see ModelStore.
        """
        self._tls.deadline = time.monotonic() + MANIFEST_SECONDS + file.size / SLOWEST_BYTES_PER_SECOND
        yield from self._stream(version, file)

    def names(self) -> Iterator[str]:
        """See ModelStore."""
        raise NotImplementedError

    def published(self, version: str) -> datetime | None:
        """See ModelStore."""
        raise NotImplementedError

    def open_range(self, version: str, file: ModelFile, offset: int, length: int) -> Any:
        """See ModelStore."""
        raise NotImplementedError

    def _stream(self, version: str, file: ModelFile) -> Iterator[bytes]:
        with self._refusals_in_words(self.locate(version, file.path)):
            yield from self._container.download_blob(
                self._folder(version) + file.path, etag=file.etag, match_condition=MatchConditions.IfNotModified
            ).chunks()

    def _folder(self, version: str) -> str:
        """Return the prefix of a version's blobs; its last slash keeps version 1 from matching those of 10."""
        return "/".join(filter(None, (self._path, version))) + "/"

    def _list(self, version: str, where: str) -> dict[str, BlobProperties]:
        folder = self._folder(version)
        blobs: dict[str, BlobProperties] = {}
        for blob in self._container.list_blobs(name_starts_with=folder, include=["metadata"]):
            if len(blobs) >= MAX_ENTRIES:
                problem = f"{where} has too many files to be a model (at most {MAX_FILES})"
                raise SourceError(Reason.MODEL_TOO_LARGE, f"{problem}; give the model a folder of its own")
            if not _is_folder(blob):
                blobs[blob.name.removeprefix(folder)] = blob
        return blobs

    def _read_marker(self, version: str, marker: BlobProperties) -> bytes:
        size = int(marker.size)
        if size > MAX_SUMS_BYTES:
            problem = f"{self.locate(version, SHA256SUMS)} is larger than {MAX_SUMS_BYTES} bytes"
            raise SourceError(Reason.MODEL_TOO_LARGE, problem)
        return b"".join(self._stream(version, ModelFile(SHA256SUMS, size, str(marker.etag), sha256="")))

    @contextmanager
    def _refusals_in_words(self, where: str) -> Iterator[None]:
        """Turn each of the SDK's errors into a SourceError; `from None`, since their text quotes URLs with a SAS."""
        try:
            yield
        except (DecodeError, DeserializationError, UnicodeError, AttributeError, TypeError):  # over XML unlike Azure's
            raise self._stranger() from None
        except HttpResponseError as error:
            if error.status_code is None:
                raise self._unreachable(where, error) from None
            hint = sas_problem(self._access.sas_token or "", datetime.now(UTC)) if error.status_code == 403 else ""
            if hint and self._access.sas_token:
                raise SourceError(Reason.STORE_FORBIDDEN, f"{where}: {hint}") from None
            raise refusal(where, error.status_code, str(getattr(error, "error_code", "") or "")) from None
        except (AzureError, OSError) as error:  # those of requests are OSErrors
            raise self._unreachable(where, error) from None

    def _refuse_strangers(self, response: PipelineResponse[Any, HttpResponse]) -> None:
        """Refuse a success that is not Azure's: a portal's page would be read as an empty listing."""
        answer = response.http_response
        if answer.status_code < 300 and "x-ms-request-id" not in answer.headers:
            raise self._stranger()

    def _stranger(self) -> SourceError:
        problem = f"{self._where}: {urlsplit(self._access.url).hostname} does not answer as Azure Blob Storage does"
        return SourceError(Reason.STORE_REFUSED, f"{problem}; check the endpoint in modelSource, then proxies")

    def _unreachable(self, where: str, error: Exception) -> SourceError:
        problem = network_problem(error, urlsplit(self._access.url).hostname or "")
        return SourceError(Reason.STORE_UNREACHABLE, f"{where}: {problem}", transient=True)


def _credential(access: BlobAccess) -> AzureNamedKeyCredential | AzureSasCredential | None:
    if access.account_key:
        return AzureNamedKeyCredential(access.account, access.account_key)
    if access.sas_token:
        return AzureSasCredential(access.sas_token)
    return None


def _is_folder(blob: BlobProperties) -> bool:
    """Accounts with a hierarchical namespace list folders as empty blobs, some tools make `name/` ones."""
    return blob.name.endswith("/") or (blob.metadata or {}).get("hdi_isfolder") == "true"


def _listed_file(blobs: Mapping[str, BlobProperties], path: str, sha256: str, where: str) -> ModelFile:
    blob = blobs.get(path)
    if blob is None:
        problem = f"{where}: {SHA256SUMS} lists {path!a}, which is not there"
        raise SourceError(Reason.MODEL_INCOMPLETE, f"{problem}; upload it, or the version again under a new name")
    if blob.blob_tier == StandardBlobTier.ARCHIVE:
        raise refusal(f"{where}/{path}", 409, "BlobArchived")
    return ModelFile(path, int(blob.size), str(blob.etag), sha256)
