"""A model is fetched whole and checked, or not at all."""

import dataclasses
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from aiapp_models.errors import Reason, SourceError
from aiapp_serving import model_folder
from aiapp_serving.fetch import fetch
from aiapp_serving.fetch_settings import FetchSettings
from stand_ins.memory_store import FILES, MemoryStore, unreachable


def refused(settings: FetchSettings, store: MemoryStore) -> SourceError:
    with pytest.raises(SourceError) as caught:
        fetch(settings, store, print)
    assert list(settings.model_dir.parent.iterdir()) == []
    return caught.value


def fetched(settings: FetchSettings, store: MemoryStore) -> list[str]:
    lines: list[str] = []
    fetch(settings, store, lines.append)
    assert {path: (settings.model_dir / path).read_bytes() for path in FILES} == FILES
    assert list(settings.model_dir.parent.iterdir()) == [settings.model_dir]
    return lines


def test_the_folder_is_what_sha256sum_approves_and_nobody_can_write(
    settings: FetchSettings, store: MemoryStore
) -> None:
    lines = fetched(settings, store)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=settings.model_dir, check=True)
    for path in settings.model_dir.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o444)
    assert stat.S_IMODE(settings.model_dir.stat().st_mode) == 0o755
    assert "3 files" in lines[0]
    assert "is complete" in lines[-1]


def test_a_whole_model_of_the_right_content_is_used_again(settings: FetchSettings, store: MemoryStore) -> None:
    fetched(settings, store)
    reads = len(store.reads)
    assert "already holds" in fetched(settings, store)[0]
    assert len(store.reads) == reads


@pytest.mark.parametrize("harm", ["changed byte", "missing file", "no list", "other content"])
def test_anything_else_in_its_place_is_replaced(settings: FetchSettings, store: MemoryStore, harm: str) -> None:
    fetched(settings, store)
    target = settings.model_dir / "model.npz"
    match harm:
        case "changed byte":
            target.chmod(0o644)
            target.write_bytes(b"x" + FILES["model.npz"][1:])
        case "missing file":
            target.unlink()
        case "no list":
            (settings.model_dir / "SHA256SUMS").unlink()
        case _:
            store.files["model.npz"] = b"newer"
            new = dataclasses.replace(settings, digest=store.manifest("3").digest)
            fetch(new, store, print)
            assert target.read_bytes() == b"newer"
            return
    fetched(settings, store)


def test_a_link_in_its_place_is_removed_and_not_followed(
    settings: FetchSettings, store: MemoryStore, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    settings.model_dir.symlink_to(precious)
    (settings.model_dir.parent / ".fetch-link").symlink_to(precious)
    fetched(settings, store)
    assert not settings.model_dir.is_symlink()
    assert (precious / "file").read_text() == "keep"


def test_other_content_than_the_release_was_made_of_is_refused_unread(
    settings: FetchSettings, store: MemoryStore
) -> None:
    store.files["model.npz"] = b"somebody uploaded over it"
    error = refused(settings, store)
    assert (error.reason, error.transient) == (Reason.MODEL_CHANGED, False)
    assert settings.digest in error.message
    assert store.reads == []


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("at", [0, 999, 1000, len(FILES["model.npz"]) - 1])
def test_one_flipped_bit_is_refused_with_both_hashes(settings: FetchSettings, store: MemoryStore, at: int) -> None:
    store.on_read = lambda path, _, data: iter([flipped(data, at) if path == "model.npz" else data])
    error = refused(settings, store)
    assert (error.reason, error.transient) == (Reason.MODEL_CORRUPT, False)
    assert "digits/3/model.npz: expected sha256:" in error.message
    assert "got sha256:" in error.message
    assert store.reads.count("model.npz") == 2


@pytest.mark.parametrize("size", [0, 1, 1000, len(FILES["model.npz"]) - 1])
@pytest.mark.usefixtures("no_pauses")
def test_a_truncated_file_is_refused(settings: FetchSettings, store: MemoryStore, size: int) -> None:
    def cut(path: str, number: int, data: bytes) -> Iterator[bytes]:
        yield data if path != "model.npz" else data[:size] if number == 1 else b""

    store.on_read = cut
    error = refused(settings, store)
    assert error.reason is Reason.MODEL_CORRUPT
    assert f"{size} of {len(FILES['model.npz'])} bytes" in error.message


def test_a_file_without_end_is_stopped_at_its_size(settings: FetchSettings, store: MemoryStore) -> None:
    sent = 0

    def endless(_path: str, _number: int, _data: bytes) -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 1000

    store.on_read = endless
    assert refused(settings, store).reason is Reason.MODEL_CORRUPT
    assert sent < 100


def test_a_download_that_failed_once_is_made_again(settings: FetchSettings, store: MemoryStore) -> None:
    def once(_path: str, number: int, data: bytes) -> Iterator[bytes]:
        if number == 1:
            yield flipped(data, len(data) // 2) if data else data
        else:
            yield data

    store.on_read = once
    fetched(settings, store)


def test_a_file_replaced_meanwhile_is_looked_up_again_and_accepted_only_with_the_same_content(
    settings: FetchSettings, store: MemoryStore
) -> None:
    def always(_path: str, _number: int, _data: bytes) -> Iterator[bytes]:
        raise SourceError(Reason.MODEL_CHANGED, "the file was overwritten", transient=True)
        yield b""

    def once(path: str, number: int, data: bytes) -> Iterator[bytes]:
        return always(path, number, data) if (path, number) == ("model.npz", 1) else iter([data])

    store.on_read = always
    error = refused(settings, store)
    assert (error.reason, error.transient) == (Reason.MODEL_CHANGED, True)
    store.reads.clear()
    store.manifests = 0
    store.on_read = once
    assert any("looking again" in line for line in fetched(settings, store))
    assert store.manifests == 2


def test_without_a_digest_what_is_there_is_accepted_and_said(settings: FetchSettings, store: MemoryStore) -> None:
    unknown = dataclasses.replace(settings, digest="")
    assert settings.digest in fetched(unknown, store)[0]
    store.files["model.npz"] = b"newer"
    fetch(unknown, store, print)
    assert (settings.model_dir / "model.npz").read_bytes() == b"newer"


@pytest.mark.usefixtures("no_pauses")
def test_a_store_that_is_away_is_worth_another_try(settings: FetchSettings, store: MemoryStore) -> None:
    def away(_path: str, _number: int, _data: bytes) -> Iterator[bytes]:
        raise unreachable()
        yield b""

    store.on_read = away
    assert refused(settings, store).transient


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_space_is_looked_at_before_anything_is_read(
    settings: FetchSettings, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**9, 0, 10**9))
    store.size_bytes = 10**9 - model_folder.SPARE_BYTES + 1
    error = refused(settings, store)
    assert error.reason is Reason.NO_SPACE
    assert "953.7 MiB free" in error.message
    assert store.reads == []


def test_a_volume_that_is_missing_is_named(settings: FetchSettings, store: MemoryStore) -> None:
    settings.model_dir.parent.rmdir()
    with pytest.raises(SourceError, match="volume cannot be used") as caught:
        fetch(settings, store, print)
    assert caught.value.reason is Reason.FETCH_FAILED


def test_nothing_that_exists_is_opened_for_writing(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    for path in ("precious", "link"):
        with pytest.raises(FileExistsError):
            model_folder.create_file(tmp_path, path, 1)
    with pytest.raises(OSError, match="symbolic"), model_folder.opened(tmp_path, "link", os.O_WRONLY):
        pass
    assert (tmp_path / "precious").read_text() == "keep"
