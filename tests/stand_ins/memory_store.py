"""A model store in memory, which can be made to fail in every way a real one does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from types import TracebackType
from typing import Self

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest, SumLine, content_digest

FILES = {"model.npz": bytes(range(256)) * 64, "labels/names.json": b'["a", "b"]', "labels/empty": b""}


@dataclass
class MemoryStore:
    """`on_read` gets path, the read's number from 1 and the right bytes, and gives the pieces that arrive."""

    files: dict[str, bytes]
    on_read: Callable[[str, int, bytes], Iterator[bytes]] | None = None
    reads: list[str] = field(default_factory=list)
    manifests: int = 0
    size_bytes: int | None = None

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
        return ModelManifest(version, digest, size, datetime(2026, 11, 23, tzinfo=UTC), files)

    def read(self, version: str, file: ModelFile) -> Iterator[bytes]:
        assert version == "3"
        self.reads.append(file.path)
        data = self.files[file.path]
        if self.on_read:
            yield from self.on_read(file.path, self.reads.count(file.path), data)
        else:
            yield from (data[start : start + 1000] for start in range(0, len(data), 1000))


def unreachable() -> SourceError:
    return SourceError(Reason.STORE_UNREACHABLE, "the store went away", transient=True)
