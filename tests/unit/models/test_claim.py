"""Versions in a mounted claim, and links that lead out of it."""

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiapp_models.credentials import Anonymous
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import open_store
from aiapp_models.stores.claim import ClaimStore
from aiapp_models.stores.connection import Network

FILES = {"model.npz": b"weights" * 1000, "labels/names.json": b'["a"]', "empty": b""}
SOURCE = {"claimName": "models", "path": "digits"}


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    lines = (f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in files.items())
    (folder / "SHA256SUMS").write_text("".join(lines))


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    root = tmp_path / "claim"
    write(root / "digits" / "1", FILES)
    write(root / "digits" / "10", {"other.npz": b"ten"})
    (tmp_path / "token").write_bytes(b"secret")
    return root


def store(claim: Path) -> ClaimStore:
    return ClaimStore(SOURCE, claim)


def refused(claim: Path, version: str = "1") -> SourceError:
    with store(claim) as opened, pytest.raises(SourceError) as caught:
        opened.manifest(version)
    return caught.value


def read(opened: ClaimStore, version: str) -> dict[str, bytes]:
    found = {}
    for file in opened.manifest(version).files:
        content, got = bytearray(file.size), 0
        reader = opened.open_range(version, file, 0, file.size)
        while count := reader.readinto(memoryview(content)[got : got + 100]):
            got += count
        reader.close()
        reader.close()
        found[file.path] = bytes(content[:got])
    return found


def test_a_version_is_read_by_ranges(claim: Path) -> None:
    with store(claim) as opened:
        assert read(opened, "1") == FILES
        manifest = opened.manifest("1")
        weights = next(file for file in manifest.files if file.path == "model.npz")
        reader, part = opened.open_range("1", weights, 7, 14), bytearray(99)
        assert reader.readinto(memoryview(part)) == 14
        assert reader.readinto(memoryview(part)) == 0
        reader.close()
    assert bytes(part[:14]) == b"weights" * 2
    assert manifest.size_bytes == sum(map(len, FILES.values()))
    written = (claim / "digits/1/SHA256SUMS").stat().st_mtime
    assert manifest.published == datetime.fromtimestamp(written, UTC)


def test_names_are_those_of_folders_below_the_path(claim: Path) -> None:
    (claim / "digits" / "README.md").write_text("no folder")
    (claim / "other" / "7").mkdir(parents=True)
    with store(claim) as opened:
        assert list(opened.names()) == ["1", "10"]
        assert opened.published("2") is None
        assert opened.published("1") == opened.manifest("1").published


def test_a_link_that_leads_out_is_not_followed(claim: Path) -> None:
    (claim / "digits/1/model.npz").unlink()
    (claim / "digits/1/model.npz").symlink_to("../../../token")
    assert (error := refused(claim)).reason is Reason.UNSAFE_PATH
    assert "models/digits/1/model.npz is a link that leads out" in error.message
    (claim / "digits/2").symlink_to(claim.parent)
    assert refused(claim, "2").reason is Reason.UNSAFE_PATH


def test_a_link_to_a_neighbour_of_the_path_is_not_followed(claim: Path) -> None:
    write(claim / "theirs" / "5", FILES)
    (claim / "digits" / "5").symlink_to("../theirs/5")
    assert refused(claim, "5").reason is Reason.UNSAFE_PATH


def test_a_path_that_is_a_link_out_of_the_claim_is_not_followed(claim: Path, tmp_path: Path) -> None:
    write(tmp_path / "outside" / "1", FILES)
    (claim / "linked").symlink_to(tmp_path / "outside")
    with pytest.raises(SourceError) as caught:
        ClaimStore({"claimName": "models", "path": "linked"}, claim).manifest("1")
    assert caught.value.reason is Reason.UNSAFE_PATH


def test_a_link_that_is_put_there_after_the_manifest_is_not_followed(claim: Path) -> None:
    with store(claim) as opened:
        file = next(file for file in opened.manifest("1").files if file.path == "model.npz")
        (claim / "digits/1/model.npz").rename(claim.parent / "moved")
        (claim / "digits/1/model.npz").symlink_to(claim.parent / "moved")
        with pytest.raises(SourceError) as caught:
            opened.open_range("1", file, 0, 1)
    assert caught.value.reason is Reason.UNSAFE_PATH


def test_links_within_the_path_are_followed(claim: Path) -> None:
    (claim / "digits" / "newest").symlink_to("1")
    (claim / "digits/blobs").mkdir()
    (claim / "digits/1/model.npz").rename(claim / "digits/blobs/weights")
    (claim / "digits/1/model.npz").symlink_to("../blobs/weights")
    with store(claim) as opened:
        assert read(opened, "newest") == FILES


def test_links_to_folders_are_not_walked_and_links_to_nothing_not_there(claim: Path) -> None:
    (claim / "digits/1/loop").symlink_to(".")
    (claim / "digits/1/gone").symlink_to("nowhere")
    with store(claim) as opened:
        assert opened.manifest("1").unlisted == ()


def test_a_file_replaced_after_the_manifest_is_not_read(claim: Path) -> None:
    with store(claim) as opened:
        file = next(file for file in opened.manifest("1").files if file.path == "model.npz")
        (claim / "digits/1/model.npz").write_bytes(b"WEIGHTS" * 1000 + b"!")
        with pytest.raises(SourceError) as caught:
            opened.open_range("1", file, 0, file.size)
    assert (caught.value.reason, caught.value.transient) == (Reason.MODEL_CHANGED, True)


def test_a_file_that_becomes_shorter_while_it_is_read_is_an_error(claim: Path) -> None:
    with store(claim) as opened:
        file = next(file for file in opened.manifest("1").files if file.path == "model.npz")
        reader = opened.open_range("1", file, 0, file.size)
        os.truncate(claim / "digits/1/model.npz", 0)
        with pytest.raises(SourceError) as caught:
            reader.readinto(memoryview(bytearray(10)))
        reader.close()
    assert (caught.value.reason, caught.value.transient) == (Reason.STORE_UNREACHABLE, True)


def test_a_pipe_is_no_file(claim: Path) -> None:
    (claim / "digits/1/model.npz").unlink()
    os.mkfifo(claim / "digits/1/model.npz")
    with store(claim) as opened, pytest.raises(SourceError) as caught:
        read(opened, "1")
    assert caught.value.reason is Reason.MODEL_CHANGED


def test_missing_things_are_named(claim: Path) -> None:
    assert (error := refused(claim, "3")).reason is Reason.MODEL_MISSING
    assert "models/digits/3" in error.message
    (claim / "digits/1/SHA256SUMS").unlink()
    assert refused(claim).reason is Reason.MODEL_INCOMPLETE
    (claim / "digits/10/other.npz").unlink()
    assert "'other.npz'" in refused(claim, "10").message
    with pytest.raises(SourceError) as caught:
        ClaimStore(SOURCE, claim / "unmounted").names()
    assert caught.value.reason is Reason.MODEL_MISSING


@pytest.mark.parametrize("version", ["..", "1/../10", "1/2", ""])
def test_a_version_is_the_name_of_one_folder(claim: Path, version: str) -> None:
    assert refused(claim, version).reason is Reason.UNSAFE_PATH


@pytest.mark.parametrize(
    ("error", "reason"),
    [(PermissionError(13, "denied"), Reason.STORE_FORBIDDEN), (OSError(5, "I/O error"), Reason.STORE_UNREACHABLE)],
)
def test_a_volume_that_fails_is_told_from_one_that_refuses(
    claim: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: Reason
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(os, "walk", fail)
    caught = refused(claim)
    assert (caught.reason, caught.transient) == (reason, reason is Reason.STORE_UNREACHABLE)


def test_a_source_without_a_claim_or_that_climbs_is_refused(claim: Path) -> None:
    for source, reason in (({"path": "x"}, Reason.SOURCE_INVALID), ({**SOURCE, "path": "../x"}, Reason.UNSAFE_PATH)):
        with pytest.raises(SourceError) as caught:
            ClaimStore(source, claim)
        assert caught.value.reason is reason


def test_the_store_of_a_claim_is_opened_by_its_source() -> None:
    opened = open_store({"persistentVolumeClaim": SOURCE}, Anonymous(), Network())
    assert opened.locate("1", "model.npz") == "models/digits/1/model.npz"
