"""A model store in memory, which can be made to fail in every way a real one does."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from types import TracebackType
from typing import Self

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest, SumLine, content_digest

PUBLISHED = datetime(2026, 11, 23, tzinfo=UTC)
FILES = {"model.npz": bytes(range(256)) * 64, "labels/names.json": b'["a", "b"]', "labels/empty": b""}


@dataclass
class MemoryStore:
    """`on_read` gets path, the read's number from 1 and the right bytes of the range, and gives those that arrive."""

    files: dict[str, bytes]
    on_read: Callable[[str, int, bytes], Iterator[bytes]] | None = None
    reads: list[str] = field(default_factory=list)
    manifests: int = 0
    size_bytes: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def locate(self, version: str, path: str = "") -> str:
        return "/".join(filter(None, ("contosomodels/models/digits", version, path)))

    def manifest(self, version: str) -> ModelManifest:
        self.manifests += 1
        files = tuple(ModelFile(p, len(d), "etag", sha256(d).hexdigest()) for p, d in sorted(self.files.items()))
        digest = content_digest([SumLine(file.sha256, file.path) for file in files])
        size = sum(map(len, self.files.values())) if self.size_bytes is None else self.size_bytes
        return ModelManifest(version, digest, size, PUBLISHED, files)

    def open_range(self, version: str, file: ModelFile, offset: int, length: int) -> "PieceReader":
        assert version == "3"
        data = self.files[file.path][offset : offset + length]
        with self._lock:
            self.reads.append(file.path)
            number = self.reads.count(file.path)
        return PieceReader(self.on_read(file.path, number, data) if self.on_read else iter([data]))

    def names(self) -> Iterator[str]:
        return iter(["3"])

    def published(self, version: str) -> datetime | None:
        return PUBLISHED if version == "3" else None


class PieceReader:
    """Gives the pieces of an iterator one after the other."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readinto(self, buffer: memoryview) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._rest = b""


def unreachable() -> SourceError:
    return SourceError(Reason.STORE_UNREACHABLE, "the store went away", transient=True)
