"""Files come in parts over many connections; whatever goes wrong, the right bytes are there or an error is."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest
from aiapp_serving import download as engine
from aiapp_serving import model_folder
from aiapp_serving.download import connections, download, pause_seconds
from aiapp_serving.parts import Target
from stand_ins.memory_store import MemoryStore, PieceReader, unreachable

PART = 4096
MIB = 1024 * 1024
FILES = {
    "big.bin": b"".join(number.to_bytes(4) for number in range(10 * PART // 4)) + b"x",
    "exact.bin": b"".join(number.to_bytes(4) for number in range(2 * PART // 4)),
    "small/one.bin": b"1",
    "small/none.bin": b"",
}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MIN_PART_BYTES", PART)
    monkeypatch.setattr(engine, "MAX_PART_BYTES", PART)
    monkeypatch.setattr(engine, "BUFFER_BYTES", 1000)
    monkeypatch.setattr(engine, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(dict(FILES))


def downloaded(store: MemoryStore, folder: Path) -> list[str]:
    lines: list[str] = []
    download(store, store.manifest("3"), folder, lines.append)
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    return lines


def test_files_come_in_parts(store: MemoryStore, tmp_path: Path) -> None:
    assert downloaded(store, tmp_path) == []
    assert {path: store.reads.count(path) for path in FILES} == {
        "big.bin": 11,
        "exact.bin": 2,
        "small/one.bin": 1,
        "small/none.bin": 0,
    }


def test_parts_are_read_at_the_same_time(store: MemoryStore, tmp_path: Path) -> None:
    together = threading.Barrier(engine.CONNECTIONS - 2)  # of the 14 parts with bytes, all wait for each other

    def meet(_path: str, _number: int, data: bytes) -> Iterator[bytes]:
        together.wait(timeout=30)
        yield data

    store.on_read = meet
    downloaded(store, tmp_path)


@pytest.mark.parametrize("after", [1, 999, 1000, 2500, PART - 1])
def test_a_broken_part_goes_on_from_the_byte_it_reached(store: MemoryStore, tmp_path: Path, after: int) -> None:
    first = FILES["exact.bin"][:PART]
    asked: list[tuple[int, int]] = []
    open_range = store.open_range

    def noting(version: str, file: ModelFile, offset: int, length: int) -> PieceReader:
        if file.path == "exact.bin" and offset < PART:
            asked.append((offset, length))
        return open_range(version, file, offset, length)

    def breaks(path: str, _number: int, data: bytes) -> Iterator[bytes]:
        if path == "exact.bin" and data == first:
            yield data[:after]
            raise unreachable()
        yield data

    store.open_range, store.on_read = noting, breaks  # type: ignore[method-assign]
    lines = downloaded(store, tmp_path)
    assert asked[0] == (0, PART)
    assert asked[-1] == (after, PART - after)
    assert any(f"going on from byte {after} " in line for line in lines)


def test_progress_earns_new_tries_and_silence_does_not(store: MemoryStore, tmp_path: Path) -> None:
    def stutters(_path: str, _number: int, data: bytes) -> Iterator[bytes]:
        yield data[:1000]
        if len(data) > 1000:
            raise unreachable()

    store.on_read = stutters
    downloaded(store, tmp_path)
    store.reads.clear()
    store.on_read = lambda path, _, data: iter([data]) if path != "small/one.bin" else _fails()
    with pytest.raises(SourceError, match="went away"):
        download(store, store.manifest("3"), _folder(tmp_path, "silence"), print)
    assert store.reads.count("small/one.bin") == engine.PART_TRIES


def test_what_cannot_pass_by_itself_is_tried_once(store: MemoryStore, tmp_path: Path) -> None:
    def forbidden(_path: str, _number: int, _data: bytes) -> Iterator[bytes]:
        raise SourceError(Reason.STORE_FORBIDDEN, "no")
        yield b""

    store.on_read = forbidden
    with pytest.raises(SourceError, match="StoreForbidden"):
        download(store, store.manifest("3"), tmp_path, print)
    assert max(map(store.reads.count, FILES)) <= 11


@pytest.mark.parametrize("asked", [31.0, 3600.0])
def test_a_store_that_wants_a_long_rest_gets_it(store: MemoryStore, tmp_path: Path, asked: float) -> None:
    def busy(_path: str, _number: int, _data: bytes) -> Iterator[bytes]:
        raise SourceError(Reason.STORE_UNREACHABLE, "busy", transient=True, retry_after=asked)
        yield b""

    store.on_read = busy
    with pytest.raises(SourceError, match="busy"):
        download(store, store.manifest("3"), tmp_path, print)


def test_a_byte_too_many_is_refused(store: MemoryStore, tmp_path: Path) -> None:
    store.on_read = lambda path, _, data: iter([data, b"x"]) if path == "exact.bin" else iter([data])
    with pytest.raises(SourceError, match=f"more than {PART} bytes") as caught:
        download(store, store.manifest("3"), tmp_path, print)
    assert caught.value.reason is Reason.MODEL_CORRUPT


@pytest.mark.parametrize("at", [0, PART - 1, PART, 10 * PART])
def test_a_flipped_bit_in_any_part_is_found_and_read_again(store: MemoryStore, tmp_path: Path, at: int) -> None:
    wrong = bytearray(FILES["big.bin"])
    wrong[at] ^= 1
    store.files["big.bin"] = bytes(wrong)
    manifest = store.manifest("3")
    right = tuple(
        ModelFile(file.path, file.size, file.etag, sha256(FILES[file.path]).hexdigest()) for file in manifest.files
    )
    told = ModelManifest("3", "", manifest.size_bytes, datetime(2026, 11, 23, tzinfo=UTC), right)
    with pytest.raises(SourceError, match=r"big\.bin: expected sha256:") as caught:
        download(store, told, tmp_path, print)
    assert caught.value.reason is Reason.MODEL_CORRUPT
    assert store.reads.count("big.bin") == 22


def test_what_is_hashed_is_what_is_in_the_file(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_at = model_folder.write_at

    def misplaced(descriptor: int, data: memoryview, offset: int) -> None:
        write_at(descriptor, data, 0 if offset == PART else offset)

    monkeypatch.setattr(model_folder, "write_at", misplaced)
    with pytest.raises(SourceError, match="ModelCorrupt"):
        download(store, store.manifest("3"), tmp_path, print)


def test_no_thread_is_left(store: MemoryStore, tmp_path: Path) -> None:
    before = threading.active_count()
    downloaded(store, tmp_path)
    assert threading.active_count() == before


def test_next_to_nothing_ends_it_with_the_trouble_that_explains_it(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def silent(_path: str, _number: int, data: bytes) -> Iterator[bytes]:
        released.wait(timeout=30)
        yield data

    store.on_read = silent
    monkeypatch.setattr("aiapp_serving.progress.STALL_SECONDS", 0.05)
    monkeypatch.setattr(engine, "STOP_SECONDS", 0.0)
    with pytest.raises(SourceError, match="less than 64 KiB/s") as caught:
        download(store, store.manifest("3"), tmp_path, print)
    assert (caught.value.reason, caught.value.transient) == (Reason.STORE_UNREACHABLE, True)
    released.set()


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ([], 0),
        ([5], 1),
        ([2 * MIB] * 40, 32),
        ([2 * MIB + 1] * 40, 16),
        ([16 * MIB] * 3, 3),
        ([MIB] * 60 + [16 * MIB] * 9, 16),
    ],
)
def test_small_parts_are_read_over_more_connections(parts: list[int], count: int) -> None:
    assert connections(parts) == count


@pytest.mark.parametrize(
    ("failures", "retry_after", "chance", "seconds"),
    [(1, None, 1.0, 0.001), (4, None, 0.5, 0.004), (99, None, 1.0, 30.0), (1, 10.0, 0.0, 10.0), (1, 10.0, 1.0, 15.0)],
)
def test_pauses_grow_spread_and_respect_the_store(
    failures: int, retry_after: float | None, chance: float, seconds: float
) -> None:
    assert pause_seconds(failures, retry_after, chance) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "front"),
    [((0, 0, 0), 0), ((0, 10, 5), 0), ((4, 10, 5), 4), ((10, 3, 5), 13), ((10, 10, 0), 20), ((10, 10, 5), 25)],
)
def test_the_front_ends_at_the_first_gap(written: tuple[int, ...], front: int) -> None:
    target = Target(ModelFile("m", 25, "e", ""), 10)
    for part, count in zip(target.parts, written, strict=True):
        part.written = count
    assert target.front() == front
    assert not target.reaches(front)
    assert front == 0 or target.reaches(front - 1)
    assert [target.waits_for(part) for part in target.parts].index(True) == min(front // 10, 2)


def _fails() -> Iterator[bytes]:
    raise unreachable()
    yield b""


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name
