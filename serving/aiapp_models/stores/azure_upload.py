"""Versions written to Azure Blob Storage, and the identity of whoever works at a laptop or in a pipeline."""

import time
from collections.abc import Mapping
from typing import BinaryIO, Final

from azure.core.exceptions import AzureError, ClientAuthenticationError, ResourceExistsError
from azure.identity import DefaultAzureCredential

from aiapp_models.contract import SHA256SUMS
from aiapp_models.credentials import AccessToken
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.answers import Answer
from aiapp_models.stores.azure_blob import MANIFEST_SECONDS, AzureBlobStore
from aiapp_models.stores.listing import StoredFile, check_version
from aiapp_models.stores.uploads import marker_exists, patience, upload_refusal

_RIGHT: Final = "the role Storage Blob Data Contributor, an account key, or a SAS of the container with `racwl`"


class DeveloperIdentity:
    """Whoever the environment, a pipeline's identity or `az login` says, as the Azure SDK finds it."""

    def __init__(self, authority: str) -> None:
        self._credential = DefaultAzureCredential(authority=authority)

    def __repr__(self) -> str:
        return "DeveloperIdentity()"

    def token(self, scope: str) -> AccessToken:
        """See AzureIdentity."""
        try:
            given = self._credential.get_token(scope)
        except (ClientAuthenticationError, AzureError):  # its text names every way that was tried, at length
            words = "nobody is signed in to Azure, and no key is in the environment"
            fix = "run `az login`, or set AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING"
            raise SourceError(Reason.IDENTITY_REFUSED, f"{words}; {fix}") from None
        return AccessToken(given.token, float(given.expires_on))


class AzureBlobUploader(AzureBlobStore):
    """Writes what AzureBlobStore reads."""

    def files(self, version: str) -> Mapping[str, StoredFile]:
        """See Uploader."""
        where = self.locate(check_version(version))
        self._tls.deadline = time.monotonic() + MANIFEST_SECONDS
        with self._refusals_in_words(where):
            return self._list(version, where)

    def put(self, version: str, path: str, content: BinaryIO, size: int) -> None:
        """See Uploader; a file of many blocks appears when the last one is there."""
        self._tls.deadline = time.monotonic() + patience(size)
        with self._refusals_in_words(self.locate(version, path)):
            self._container.upload_blob(self._folder(version) + path, content, length=size, overwrite=True)

    def put_marker(self, version: str, sums: bytes) -> None:
        """See Uploader; sent with If-None-Match."""
        self._tls.deadline = time.monotonic() + patience(len(sums))
        where = self.locate(version, SHA256SUMS)
        with self._refusals_in_words(where):
            try:
                self._container.upload_blob(self._folder(version) + SHA256SUMS, sums, overwrite=False)
            except ResourceExistsError:
                raise marker_exists(self.locate(version)) from None

    def _refusal(self, where: str, answer: Answer) -> SourceError:
        return upload_refusal(super()._refusal(where, answer), where, "container", _RIGHT)
