"""Models in Azure Blob Storage; the only importer of its SDK."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    DecodeError,
    DeserializationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceNotFoundError,
)
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.transport import HttpResponse, RequestsTransport
from azure.storage.blob import (
    BlobPrefix,
    BlobProperties,
    ContainerClient,
    ExponentialRetry,
    StandardBlobTier,
    StorageErrorCode,
)

from aiapp_models.contract import SHA256SUMS
from aiapp_models.credentials import Credentials
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import MAX_SUMS_BYTES, ModelFile, ModelManifest, check_path
from aiapp_models.stores.answers import Answer
from aiapp_models.stores.azure_access import blob_access, sas_problem
from aiapp_models.stores.azure_credentials import STORAGE_SCOPE, ReadingSas, sdk_credential
from aiapp_models.stores.azure_identity import ClientSecretIdentity
from aiapp_models.stores.azure_refusals import refusal
from aiapp_models.stores.connection import CONNECT_SECONDS, READ_SECONDS, Network, network_problem, tls_context
from aiapp_models.stores.guarded import guarded_session
from aiapp_models.stores.http_ranges import HttpRangeReader, HttpRefusal, RangeClient
from aiapp_models.stores.listing import (
    MAX_ENTRIES,
    MAX_NAMES,
    StoredFile,
    check_version,
    complete,
    is_version,
    marker,
    too_many_files,
    too_many_names,
)

MANIFEST_SECONDS: Final = 45
"""All of one question: retries and every page of a listing."""
PAGE: Final = 1_000
"""Files in one answer: with their metadata it stays far below what is read of an answer."""
API_VERSION: Final = "2023-11-03"
"""Of ranges that are asked for without the SDK; bearer tokens need one of 2017 or later."""

# urllib3 logs every URL at DEBUG, with the SAS in it, however the process set its own level.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
# It warns of an answer whose headers cannot be read, with the URL too.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class AzureBlobStore:
    """Reads versions as the folders `PATH/VERSION/` of one container."""

    def __init__(self, source: Mapping[str, Any], credentials: Credentials, network: Network) -> None:
        account, container = str(source.get("account", "")), str(source.get("container", ""))
        if not account or not container:
            raise SourceError(Reason.SOURCE_INVALID, "modelSource.azureBlob needs account and container")
        self._path = str(source.get("path", "")).strip("/")
        self._where = "/".join(filter(None, (account, container, self._path)))
        for value, name in ((container, "container"), (self._path, "path")):
            check_path(value or "-", f"modelSource.azureBlob.{name}")
        endpoint = str(source.get("endpoint") or "")
        self._access = blob_access(account, endpoint, credentials, network.rules, network.authority)
        secret = self._access.client_secret
        self._application = ClientSecretIdentity(secret, network) if secret else None
        self._identity = self._access.identity or self._application
        self._name = container
        self._tls = tls_context(network.trust_bundle)
        self._ranges = RangeClient(network)
        self._reading = ReadingSas(self._access, container)
        session = guarded_session(network.rules, self._tls)
        self._container = ContainerClient(
            self._access.url,
            container,
            credential=sdk_credential(self._access, self._identity),
            transport=RequestsTransport(session=session, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS),
            retry_policy=ExponentialRetry(initial_backoff=1, increment_base=1, retry_total=2, random_jitter_range=1),
            permit_redirects=False,  # a redirect would carry the request to an address nobody allowed
            raw_response_hook=self._refuse_strangers,
            max_single_get_size=MAX_SUMS_BYTES,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()
        self._ranges.close()
        if self._application:
            self._application.close()

    def locate(self, version: str, path: str = "") -> str:
        """Return `account/container/path/version/file`."""
        return "/".join(filter(None, (self._where, version, path)))

    def manifest(self, version: str) -> ModelManifest:
        """Read SHA256SUMS and the listing of one version.

        Raises:
            SourceError: see ModelStore.
        """
        where = self.locate(check_version(version))
        self._tls.deadline = time.monotonic() + MANIFEST_SECONDS
        with self._refusals_in_words(where):
            stored = self._list(version, where)
        sums = marker(stored, where)
        with self._refusals_in_words(self.locate(version, SHA256SUMS)):
            content = self._container.download_blob(
                self._folder(version) + SHA256SUMS, etag=sums.etag, match_condition=MatchConditions.IfNotModified
            ).readall()
        return complete(version, where, stored, content)

    def names(self) -> Iterator[str]:
        """List by delimiter: one request for some thousands of folders, however many files are in them.

        Names that cannot be those of a version are passed over.

        Raises:
            SourceError: see ModelStore.
        """
        self._tls.deadline = time.monotonic() + MANIFEST_SECONDS
        folder = self._folder("")
        found: list[str] = []
        with self._refusals_in_words(self._where):
            for entry in self._container.walk_blobs(name_starts_with=folder, delimiter="/"):
                if isinstance(entry, BlobPrefix):
                    found.append(entry.name.removeprefix(folder).removesuffix("/"))
                if len(found) > MAX_NAMES:
                    raise too_many_names(self._where)
        return filter(is_version, found)

    def published(self, version: str) -> datetime | None:
        """Ask for the properties of one SHA256SUMS.

        Raises:
            SourceError: see ModelStore.
        """
        sums = self._container.get_blob_client(self._folder(check_version(version)) + SHA256SUMS)
        self._tls.deadline = time.monotonic() + MANIFEST_SECONDS
        with self._refusals_in_words(self.locate(version, SHA256SUMS)):
            try:
                return sums.get_blob_properties().last_modified.astimezone(UTC)
            except ResourceNotFoundError as error:
                if _code(error) == StorageErrorCode.BLOB_NOT_FOUND:
                    return None
                raise

    def open_range(self, version: str, file: ModelFile, offset: int, length: int) -> HttpRangeReader:
        """Ask for the range with If-Match.

        Raises:
            SourceError: see ModelStore.
        """
        where = self.locate(version, file.path)
        url = f"{self._access.url}/{quote(f'{self._name}/{self._folder(version)}{file.path}')}"
        headers = {"x-ms-version": API_VERSION, "If-Match": f'"{file.etag}"'}
        if self._identity:
            headers["Authorization"] = f"Bearer {self._identity.token(STORAGE_SCOPE).token}"
        elif sas := self._reading.token(datetime.now(UTC)):
            url = f"{url}?{sas}"
        try:
            return self._ranges.open(url, headers, offset, length, where)
        except HttpRefusal as refused:
            raise self._refusal(where, Answer(refused.status, refused.code, refused.headers)) from None

    def _folder(self, version: str) -> str:
        """Return the prefix of what is in a folder; its last slash keeps version 1 from matching those of 10."""
        return "".join(f"{part}/" for part in (self._path, version) if part)

    def _list(self, version: str, where: str) -> dict[str, StoredFile]:
        folder = self._folder(version)
        stored: dict[str, StoredFile] = {}
        for blob in self._container.list_blobs(name_starts_with=folder, include=["metadata"], results_per_page=PAGE):
            if len(stored) >= MAX_ENTRIES:
                raise too_many_files(where)
            if not _is_folder(blob):
                stored[blob.name.removeprefix(folder)] = _stored(blob)
        return stored

    @contextmanager
    def _refusals_in_words(self, where: str) -> Iterator[None]:
        """Turn each of the SDK's errors into a SourceError; `from None`, since their text quotes URLs with a SAS."""
        try:
            yield
        except IncompleteReadError as error:  # a DecodeError too, but of an answer that broke off
            raise self._unreachable(where, error) from None
        except (DecodeError, DeserializationError, UnicodeError, AttributeError, TypeError):  # over XML unlike Azure's
            raise self._stranger() from None
        except HttpResponseError as error:
            if error.status_code is None:
                raise self._unreachable(where, error) from None
            headers: Mapping[str, str] = getattr(error.response, "headers", {})
            raise self._refusal(where, Answer(error.status_code, _code(error), headers)) from None
        except (AzureError, OSError) as error:  # those of requests are OSErrors
            raise self._unreachable(where, error) from None

    def _refusal(self, where: str, answer: Answer) -> SourceError:
        now = datetime.now(UTC)
        fix = sas_problem(self._access.sas_token, now) if self._access.sas_token else ""
        return refusal(where, answer, fix or self._access.fix, now)

    def _refuse_strangers(self, response: PipelineResponse[Any, HttpResponse]) -> None:
        """Refuse a success that is not Azure's: a portal's page would be read as an empty listing."""
        answer = response.http_response
        is_success = answer.status_code < 300
        if not is_success:
            answer.internal_response.close()  # in the place of a body to stream, which nobody reads to its end
        if is_success and "x-ms-request-id" not in answer.headers:
            raise self._stranger()

    def _stranger(self) -> SourceError:
        problem = f"{self._where}: {urlsplit(self._access.url).hostname} does not answer as Azure Blob Storage does"
        return SourceError(Reason.STORE_REFUSED, f"{problem}; check the endpoint in modelSource, then proxies")

    def _unreachable(self, where: str, error: Exception) -> SourceError:
        problem = network_problem(error, urlsplit(self._access.url).hostname or "")
        return SourceError(Reason.STORE_UNREACHABLE, f"{where}: {problem}", transient=True)


def _is_folder(blob: BlobProperties) -> bool:
    """Accounts with a hierarchical namespace list folders as empty blobs, some tools make `name/` ones."""
    return blob.name.endswith("/") or (blob.metadata or {}).get("hdi_isfolder") == "true"


def _code(error: HttpResponseError) -> str:
    """Return Azure's own code, which the SDK adds to its exceptions as text or as a member of an enumeration."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _stored(blob: BlobProperties) -> StoredFile:
    archived = "set its tier to Hot or Cool" if blob.blob_tier == StandardBlobTier.ARCHIVE else ""
    return StoredFile(int(blob.size), str(blob.etag).strip('"'), blob.last_modified.astimezone(UTC), archived)
