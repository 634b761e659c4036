"""What the Azure store asks for and says, with no server: the listing is a dictionary, the network is gone."""

import hashlib
import logging
import socket
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from azure.storage.blob import BlobProperties

from aiapp_models.credentials import Anonymous, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import ModelStore, azure_blob, open_store
from aiapp_models.stores.connection import Network

SOURCE = {"azureBlob": {"account": "contosomodels", "container": "models", "path": "digits"}}
SIGNATURE = "c2lnbmF0dXJlLXRoYXQtbm9ib2R5LW1heS1zZWU"
WEIGHTS = b"weights"
SUMS = f"{hashlib.sha256(WEIGHTS).hexdigest()}  model.npz\n".encode()


class Download:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def readall(self) -> bytes:
        return self._content


class Container:
    """Lists by prefix, as the service does: a prefix knows no folders."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self._blobs = blobs

    def list_blobs(self, name_starts_with: str, **_: object) -> Iterator[BlobProperties]:
        for name, content in self._blobs.items():
            if name.startswith(name_starts_with):
                yield _properties(name, len(content))

    def download_blob(self, name: str, **_: object) -> Download:
        return Download(self._blobs[name])

    def close(self) -> None:
        pass


def _properties(name: str, size: int) -> BlobProperties:
    properties = BlobProperties()
    properties.name, properties.size, properties.etag = name, size, "0x1"
    properties.last_modified, properties.metadata = datetime(2026, 11, 1, tzinfo=UTC), {}
    return properties


def store_of(monkeypatch: pytest.MonkeyPatch, *names: str) -> ModelStore:
    blobs = {name: SUMS if name.endswith("SHA256SUMS") else WEIGHTS for name in names}
    monkeypatch.setattr(azure_blob, "ContainerClient", lambda *_, **__: Container(blobs))
    return open_store(SOURCE, Anonymous(), Network())


def test_version_10_is_not_version_1(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(monkeypatch, "digits/10/SHA256SUMS", "digits/10/model.npz")
    assert [file.path for file in store.manifest("10").files] == ["model.npz"]
    with pytest.raises(SourceError) as caught:
        store.manifest("1")
    assert caught.value.reason is Reason.MODEL_MISSING


def test_files_of_version_10_are_no_part_of_version_1(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"digits/{version}/{name}" for version in (1, 10) for name in ("SHA256SUMS", "model.npz", "notes.txt")]
    assert store_of(monkeypatch, *names).manifest("1").unlisted == ("notes.txt",)


def test_a_store_that_is_away_is_told_without_the_credentials(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _refuse_to_resolve)
    caplog.set_level(logging.DEBUG)
    credentials = SecretValues({"sasToken": f"sv=2024-11-04&sp=rl&sig={SIGNATURE}"})
    with open_store(SOURCE, credentials, Network()) as store, pytest.raises(SourceError) as caught:
        store.manifest("1")
    assert caught.value.reason is Reason.STORE_UNREACHABLE
    assert "contosomodels.blob.core.windows.net" in caught.value.message
    assert SIGNATURE not in "".join(traceback.format_exception(caught.value)) + caplog.text


def _refuse_to_resolve(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
