"""Models in S3 and what speaks its protocol; the only importer of its SDK."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import urllib3
import urllib3.exceptions
from minio import Minio
from minio.datatypes import Object
from minio.error import MinioException

from aiapp_models.contract import SHA256SUMS
from aiapp_models.credentials import Credentials
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest
from aiapp_models.stores.answers import Answer, xml_code
from aiapp_models.stores.connection import CONNECT_SECONDS, READ_SECONDS, Network, network_problem, tls_context
from aiapp_models.stores.guarded import bounded, guarded_pool
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
from aiapp_models.stores.s3_access import s3_access
from aiapp_models.stores.s3_refusals import refusal

QUESTION_SECONDS: Final = 45
"""All of one question: retries and every page of a listing."""
SIGNED_FOR: Final = timedelta(minutes=15)
"""How long the address of a range may be used; as long as clocks may differ."""
ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that cannot be read at once; a copy restored from them goes away again."""


class S3Store:
    """Reads versions as the folders `PATH/VERSION/` of one bucket.

    AWS is asked at BUCKET.s3.REGION.amazonaws.com; every other service at ENDPOINT/BUCKET.
    """

    def __init__(self, source: Mapping[str, Any], credentials: Credentials, network: Network) -> None:
        self._access = s3_access(source, credentials, network.rules)
        self._where = "/".join(filter(None, (self._access.bucket, self._access.path)))
        self._tls = tls_context(network.trust_bundle)
        self._ranges = RangeClient(network)
        retries = urllib3.Retry(
            connect=2, read=2, status=2, other=0, backoff_factor=1, status_forcelist={500, 502, 503, 504}
        )
        self._pool = _Refusing(
            guarded_pool(
                network.rules,
                self._tls,
                self._access.url,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=retries.new(raise_on_status=False, respect_retry_after_header=False),
            )
        )
        self._client = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.clear()
        self._ranges.close()

    def locate(self, version: str, path: str = "") -> str:
        """Return `bucket/path/version/file`."""
        return "/".join(filter(None, (self._where, version, path)))

    def names(self) -> Iterator[str]:
        """List by delimiter: one request for a thousand folders, however many files are in them.

        Names that cannot be those of a version are passed over.

        Raises:
            SourceError: see ModelStore.
        """
        self._tls.deadline = time.monotonic() + QUESTION_SECONDS
        folder = self._folder("")
        found: list[str] = []
        with self._refusals_in_words(self._where):
            for entry in self._client.list_objects(self._access.bucket, prefix=folder):
                if entry.is_dir:
                    found.append(_name(entry).removeprefix(folder).removesuffix("/"))
                if len(found) > MAX_NAMES:
                    raise too_many_names(self._where)
        return filter(is_version, found)

    def published(self, version: str) -> datetime | None:
        """Ask for the headers of one SHA256SUMS; a HEAD does not tell a bucket that is missing from a file that is.

        Raises:
            SourceError: see ModelStore.
        """
        key = self._folder(check_version(version)) + SHA256SUMS
        self._tls.deadline = time.monotonic() + QUESTION_SECONDS
        with self._refusals_in_words(self.locate(version, SHA256SUMS)):
            try:
                return _modified(self._client.stat_object(self._access.bucket, key))
            except HttpRefusal as refused:
                if refused.status == 404:
                    return None
                raise

    def manifest(self, version: str) -> ModelManifest:
        """Read SHA256SUMS and the listing of one version.

        Raises:
            SourceError: see ModelStore.
        """
        where = self.locate(check_version(version))
        self._tls.deadline = time.monotonic() + QUESTION_SECONDS
        with self._refusals_in_words(where):
            stored = self._list(version, where)
        sums = marker(stored, where)
        # By the SDK, whose connections end at the deadline: those for ranges are as patient as a download.
        with self._refusals_in_words(self.locate(version, SHA256SUMS)):
            key = self._folder(version) + SHA256SUMS
            unchanged: dict[str, str | list[str] | tuple[str]] = {"If-Match": f'"{sums.etag}"'}
            content = self._client.get_object(self._access.bucket, key, request_headers=unchanged).data
        return complete(version, where, stored, content or b"")

    def open_range(self, version: str, file: ModelFile, offset: int, length: int) -> HttpRangeReader:
        """Ask for the range with If-Match, at an address that is signed for this one read.

        Raises:
            SourceError: see ModelStore.
        """
        where = self.locate(version, file.path)
        key = self._folder(version) + file.path
        url = self._client.presigned_get_object(self._access.bucket, key, expires=SIGNED_FOR)
        try:
            return self._ranges.open(url, {"If-Match": f'"{file.etag}"'}, offset, length, where)
        except HttpRefusal as refused:
            raise self._refusal(where, refused) from None

    def _connect(self) -> Minio:
        access = self._access
        parts = urlsplit(access.url)
        try:
            return Minio(
                parts.netloc,
                access_key=access.access_key_id or None,
                secret_key=access.secret_access_key or None,
                session_token=access.session_token or None,
                secure=parts.scheme == "https",
                region=access.region,
                http_client=self._pool,
            )
        except ValueError:  # names of AWS that are none of S3's
            words = f"modelSource.s3.endpoint: {parts.hostname} is no address of S3; leave it out for AWS"
            raise SourceError(Reason.SOURCE_INVALID, words) from None

    def _folder(self, version: str) -> str:
        """Return the prefix of what is in a folder; its last slash keeps version 1 from matching those of 10."""
        return "".join(f"{part}/" for part in (self._access.path, version) if part)

    def _list(self, version: str, where: str) -> dict[str, StoredFile]:
        folder = self._folder(version)
        stored: dict[str, StoredFile] = {}
        for entry in self._client.list_objects(self._access.bucket, prefix=folder, recursive=True):
            if len(stored) >= MAX_ENTRIES:
                raise too_many_files(where)
            if not _name(entry).endswith("/"):  # some tools make empty files that stand for folders
                stored[_name(entry).removeprefix(folder)] = _stored(entry)
        return stored

    @contextmanager
    def _refusals_in_words(self, where: str) -> Iterator[None]:
        """Turn each way a question can go wrong into a SourceError; `from None`, as their text quotes headers."""
        try:
            yield
        except HttpRefusal as refused:
            raise self._refusal(where, refused) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(where, error) from None
        except (MinioException, ParseError, ValueError, TypeError, AttributeError):  # over XML unlike S3's
            problem = f"{self._where}: {self._host} does not answer as S3 does"
            fix = "check the endpoint in modelSource, then proxies"
            raise SourceError(Reason.STORE_REFUSED, f"{problem}; {fix}") from None

    def _refusal(self, where: str, refused: HttpRefusal) -> SourceError:
        answer = Answer(refused.status, refused.code, refused.headers)
        return refusal(where, answer, self._access.fix, datetime.now(UTC))

    def _unreachable(self, where: str, error: Exception) -> SourceError:
        return SourceError(Reason.STORE_UNREACHABLE, f"{where}: {network_problem(error, self._host)}", transient=True)

    @property
    def _host(self) -> str:
        return urlsplit(self._access.url).hostname or ""


class _Refusing(urllib3.PoolManager):
    """The SDK's way out: it gets successes only, so that every refusal is told in one way, with its headers."""

    def __init__(self, pool: urllib3.PoolManager) -> None:
        super().__init__(num_pools=1)
        self._pool = pool

    def urlopen(self, method: str, url: str, redirect: bool = False, **kw: Any) -> Any:  # type: ignore[override]
        unread = kw | {"preload_content": False, "decode_content": False}
        response = self._pool.urlopen(method, url, redirect=redirect, **unread)
        host = urlsplit(url).hostname or ""
        body = b"".join(bounded(response, response.stream(decode_content=False), host))
        if response.status < 300:
            return urllib3.HTTPResponse(body, response.headers, response.status, preload_content=False)
        headers = {name.lower(): value for name, value in response.headers.items()}
        raise HttpRefusal(response.status, xml_code(body), headers)

    def clear(self) -> None:
        self._pool.clear()


def _name(entry: Object) -> str:
    if entry.object_name is None:
        raise ValueError("a listing without names")
    return entry.object_name


def _modified(entry: Object) -> datetime:
    if entry.last_modified is None:
        raise ValueError("a file without a time")
    return entry.last_modified.astimezone(UTC)


def _stored(entry: Object) -> StoredFile:
    archived = "copy it to the class STANDARD" if entry.storage_class in ARCHIVES else ""
    return StoredFile(int(entry.size or 0), str(entry.etag), _modified(entry), archived)
