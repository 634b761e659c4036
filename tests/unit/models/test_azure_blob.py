"""The Azure store against a real Azurite."""

import logging
import secrets
import socket
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient, StandardBlobTier

from aiapp_models.credentials import Anonymous, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, SumLine, content_digest
from aiapp_models.stores import ModelStore, open_store
from stand_ins.azurite import Account, sums, upload

FILES = {"model.npz": b"weights" * 100_000, "labels/names.json": b'["a"]', "empty": b""}


@pytest.fixture
def container(blob_account: Account) -> ContainerClient:
    container = blob_account.container()
    upload(container, "digits/1", FILES)
    upload(container, "digits/10", {"other.npz": b"ten"})
    return container


def source(account: Account, container: str, path: str = "digits", endpoint: str = "") -> dict[str, object]:
    return {"azureBlob": {"account": account.name, "container": container, "path": path, "endpoint": endpoint}}


def store(
    account: Account, container: ContainerClient | str, credentials: Mapping[str, str] | None, path: str = "digits"
) -> ModelStore:
    name = container if isinstance(container, str) else str(container.container_name)
    reader = Anonymous() if credentials is None else SecretValues(credentials)
    return open_store(source(account, name, path), reader, account.network)


def read(opened: ModelStore, version: str, file: ModelFile, offset: int = 0) -> bytes:
    """Read a file from `offset` to its end."""
    if file.size == offset:
        return b""
    buffer, content = memoryview(bytearray(10_000)), b""
    with closing(opened.open_range(version, file, offset, file.size - offset)) as reader:
        while count := reader.readinto(buffer):
            content += buffer[:count]
    return content


def refused(opened: ModelStore, version: str) -> SourceError:
    with opened, pytest.raises(SourceError) as caught:
        opened.manifest(version)
    return caught.value


def ways_in(account: Account, container: str) -> dict[str, dict[str, str]]:
    sas = account.sas(container)
    return {
        "account key": {"accountKey": account.key},
        "account key with a line break": {"accountKey": account.key + "\n"},
        "SAS": {"sasToken": sas},
        "SAS with a question mark": {"sasToken": "?" + sas},
        "connection string": {"connectionString": account.connection_string},
        "connection string with endpoint": {
            "connectionString": f"BlobEndpoint=https://{account.name}.blob.core.windows.net;SharedAccessSignature={sas}"
        },
    }


@pytest.mark.parametrize("way", list(ways_in(Account("a", "a2V5", Path(), 1), "c")))
def test_every_kind_of_credentials_reads_a_version(blob_account: Account, container: ContainerClient, way: str) -> None:
    credentials = ways_in(blob_account, str(container.container_name))[way]
    with store(blob_account, container, credentials) as opened:
        manifest = opened.manifest("1")
        content = {file.path: read(opened, "1", file) for file in manifest.files}
    assert content == FILES
    assert manifest.size_bytes == sum(map(len, FILES.values()))
    lines = [SumLine(*line.split("  ")) for line in sums(FILES).decode().splitlines()]
    assert manifest.digest == content_digest(lines)
    assert abs(manifest.published - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_path_is_a_folder_and_not_a_prefix(blob_account: Account, container: ContainerClient) -> None:
    with store(blob_account, container, {"accountKey": blob_account.key}) as opened:
        assert [file.path for file in opened.manifest("10").files] == ["other.npz"]
        assert "other.npz" not in [file.path for file in opened.manifest("1").files]


def test_names_are_those_of_folders_and_no_prefixes(blob_account: Account, container: ContainerClient) -> None:
    container.upload_blob("digits/readme.txt", b"no folder")
    container.upload_blob("digits-old/7/model.npz", b"another path")
    key = {"accountKey": blob_account.key}
    with store(blob_account, container, key) as opened:
        assert sorted(opened.names()) == ["1", "10"]
    with store(blob_account, container, key, path="") as opened:
        assert sorted(opened.names()) == ["digits", "digits-old"]
    with store(blob_account, container, key, path="digits/1/nothing") as opened:
        assert list(opened.names()) == []


def test_a_version_is_published_when_its_marker_is_written(blob_account: Account, container: ContainerClient) -> None:
    container.upload_blob("digits/2/model.npz", b"weights")
    with store(blob_account, container, {"accountKey": blob_account.key}) as opened:
        assert opened.published("2") is None
        assert opened.published("nothing") is None
        upload(container, "digits/2", {"model.npz": b"weights"})
        assert opened.published("2") == opened.manifest("2").published
    missing = store(blob_account, "nowhere", {"accountKey": blob_account.key})
    with missing, pytest.raises(SourceError) as caught:
        missing.published("1")
    assert caught.value.reason is Reason.MODEL_MISSING


def test_a_range_is_part_of_a_file(blob_account: Account, container: ContainerClient) -> None:
    with store(blob_account, container, {"accountKey": blob_account.key}) as opened:
        file = next(file for file in opened.manifest("1").files if file.path == "model.npz")
        assert read(opened, "1", file, offset=699_990) == FILES["model.npz"][699_990:]
        with closing(opened.open_range("1", file, 7, 7)) as reader:
            buffer = memoryview(bytearray(100))
            assert bytes(buffer[: reader.readinto(buffer)]) == b"weights"


def test_a_public_container_is_read_anonymously(blob_account: Account) -> None:
    container = blob_account.container(public=True)
    upload(container, "1", FILES)
    with store(blob_account, container, None, path="") as opened:
        manifest = opened.manifest("1")
        assert read(opened, "1", manifest.files[1]) == FILES[manifest.files[1].path]


def test_a_private_container_refuses_anonymous_readers(blob_account: Account, container: ContainerClient) -> None:
    error = refused(store(blob_account, container, None), "1")
    assert error.reason in {Reason.STORE_FORBIDDEN, Reason.MODEL_MISSING}
    assert "private" in error.message or "denied" in error.message


def test_files_that_sha256sums_does_not_list_are_no_part_of_the_version(
    blob_account: Account, container: ContainerClient
) -> None:
    upload(container, "digits/2", FILES | {"README.md": b"read"}, marker=sums(FILES))
    container.upload_blob("digits/2/folder/", b"")
    with store(blob_account, container, {"accountKey": blob_account.key}) as opened:
        manifest = opened.manifest("2")
    assert [file.path for file in manifest.files] == sorted(FILES)
    assert manifest.unlisted == ("README.md",)


def test_a_file_replaced_after_the_manifest_is_not_read(blob_account: Account, container: ContainerClient) -> None:
    with store(blob_account, container, {"accountKey": blob_account.key}) as opened:
        manifest = opened.manifest("1")
        file = next(file for file in manifest.files if file.path == "model.npz")
        container.upload_blob("digits/1/model.npz", b"WEIGHTS" * 100_000, overwrite=True)
        with pytest.raises(SourceError) as caught:
            read(opened, "1", file)
    assert (caught.value.reason, caught.value.transient) == (Reason.MODEL_CHANGED, True)


def test_missing_things_are_named(blob_account: Account, container: ContainerClient) -> None:
    key = {"accountKey": blob_account.key}
    where = f"{blob_account.name}/{container.container_name}/digits"
    missing = refused(store(blob_account, container, key), "3")
    assert (missing.reason, f"{where}/3" in missing.message) == (Reason.MODEL_MISSING, True)
    no_container = refused(store(blob_account, "nowhere", key), "1")
    assert (no_container.reason, "no such container" in no_container.message) == (Reason.MODEL_MISSING, True)
    container.upload_blob("digits/4/model.npz", b"half")
    incomplete = refused(store(blob_account, container, key), "4")
    assert (incomplete.reason, "sha256sum" in incomplete.message) == (Reason.MODEL_INCOMPLETE, True)
    upload(container, "digits/5", {"a": b"a"}, marker=sums({"a": b"a", "gone": b"gone"}))
    gone = refused(store(blob_account, container, key), "5")
    assert (gone.reason, "'gone'" in gone.message) == (Reason.MODEL_INCOMPLETE, True)


def test_an_archived_file_is_named(blob_account: Account, container: ContainerClient) -> None:
    container.get_blob_client("digits/1/model.npz").set_standard_blob_tier(StandardBlobTier.ARCHIVE)
    error = refused(store(blob_account, container, {"accountKey": blob_account.key}), "1")
    assert (error.reason, "model.npz" in error.message) == (Reason.MODEL_ARCHIVED, True)


@pytest.mark.parametrize("version", ["..", "1/../10", "1/2", "", "a\\b"])
def test_a_version_is_the_name_of_one_folder(blob_account: Account, container: ContainerClient, version: str) -> None:
    assert (
        refused(store(blob_account, container, {"accountKey": blob_account.key}), version).reason is Reason.UNSAFE_PATH
    )


def test_an_expired_sas_and_one_without_list_are_explained(blob_account: Account, container: ContainerClient) -> None:
    name = str(container.container_name)
    expired = refused(store(blob_account, container, {"sasToken": blob_account.sas(name, hours=-1)}), "1")
    assert (expired.reason, "expired at" in expired.message) == (Reason.STORE_FORBIDDEN, True)
    read_only = refused(store(blob_account, container, {"sasToken": blob_account.sas(name, "r")}), "1")
    assert (read_only.reason, "permission to list" in read_only.message) == (Reason.STORE_FORBIDDEN, True)


@pytest.fixture
def debug_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def test_no_secret_is_in_any_text(
    blob_account: Account,
    container: ContainerClient,
    debug_log: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = str(container.container_name)
    sas, wrong_key = blob_account.sas(name, hours=-1), secrets.token_hex(32)
    signature = sas.partition("sig=")[2].partition("&")[0]
    texts = []
    for credentials in ({"sasToken": sas}, {"accountKey": wrong_key}):
        error = refused(store(blob_account, container, credentials), "1")
        assert error.reason is Reason.STORE_FORBIDDEN
        texts.append("".join(traceback.format_exception(error)))
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse_to_resolve)
        error = refused(store(blob_account, container, {"sasToken": sas}), "1")
        texts.append("".join(traceback.format_exception(error)))
    everything = "\n".join(texts) + debug_log.text
    assert "does not resolve" in everything
    assert signature not in everything
    assert wrong_key not in everything


def refuse_to_resolve(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_an_untrusted_authority_is_told_apart(blob_account: Account, container: ContainerClient) -> None:
    without = replace(blob_account.network, trust_bundle=None)
    reader = SecretValues({"accountKey": blob_account.key})
    opened = open_store(source(blob_account, str(container.container_name)), reader, without)
    error = refused(opened, "1")
    assert (error.reason, error.transient) == (Reason.STORE_UNREACHABLE, True)
    assert "is not trusted" in error.message
    assert "trust bundle" in error.message
