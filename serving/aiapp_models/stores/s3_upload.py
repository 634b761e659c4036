"""Versions written to S3 and what speaks its protocol."""

import time
from collections.abc import Mapping
from typing import BinaryIO, Final

from aiapp_models.contract import SHA256SUMS
from aiapp_models.errors import SourceError
from aiapp_models.stores.http_ranges import HttpRefusal
from aiapp_models.stores.listing import StoredFile, check_version
from aiapp_models.stores.s3 import QUESTION_SECONDS, SIGNED_FOR, S3Store
from aiapp_models.stores.uploads import marker_exists, patience, upload_refusal

_RIGHT: Final = "s3:PutObject, s3:GetObject and s3:ListBucket"
_EXISTS: Final = frozenset({409, 412})
"""Of If-None-Match: there is one, or somebody is writing one at this moment."""


class S3Uploader(S3Store):
    """Writes what S3Store reads."""

    def files(self, version: str) -> Mapping[str, StoredFile]:
        """See Uploader."""
        where = self.locate(check_version(version))
        self._tls.deadline = time.monotonic() + QUESTION_SECONDS
        with self._refusals_in_words(where):
            return self._list(version, where)

    def put(self, version: str, path: str, content: BinaryIO, size: int) -> None:
        """See Uploader; a file of many parts appears when the last one is there."""
        self._tls.deadline = time.monotonic() + patience(size)
        with self._refusals_in_words(self.locate(version, path)):
            self._client.put_object(self._access.bucket, self._folder(version) + path, content, size)

    def put_marker(self, version: str, sums: bytes) -> None:
        """See Uploader; at a signed address, as the SDK has no way to say If-None-Match."""
        self._tls.deadline = time.monotonic() + patience(len(sums))
        where = self.locate(version, SHA256SUMS)
        with self._refusals_in_words(where):
            key = self._folder(version) + SHA256SUMS
            url = self._client.get_presigned_url("PUT", self._access.bucket, key, expires=SIGNED_FOR)
            try:
                self._pool.urlopen("PUT", url, body=sums, headers={"If-None-Match": "*"})
            except HttpRefusal as refused:
                if refused.status in _EXISTS:
                    raise marker_exists(self.locate(version)) from None
                raise

    def _refusal(self, where: str, refused: HttpRefusal) -> SourceError:
        return upload_refusal(super()._refusal(where, refused), where, "bucket", _RIGHT)
