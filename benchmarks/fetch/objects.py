"""The models that are fetched: random bytes on a tmpfs, each version with its SHA256SUMS."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
UNITS: Final = ((1024 * MIB, "GiB"), (MIB, "MiB"), (1, "bytes"))
CONTAINER: Final = "models"
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Model:
    """One version in the store.

    path: its folder in the container. files: their sizes and hashes by name.
    """

    title: str
    path: str
    files: dict[str, tuple[int, str]]

    @property
    def gibibytes(self) -> float:
        return sum(size for size, _ in self.files.values()) / (1024 * MIB)

    @property
    def lines(self) -> str:
        """What `sha256sum` prints for it."""
        return "".join(f"{digest}  {name}\n" for name, (_, digest) in sorted(self.files.items()))

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256("".join(sorted(self.lines.splitlines(keepends=True))).encode()).hexdigest()

    def problem(self, folder: Path) -> str:
        """Say which file below `folder` differs from what was uploaded, by reading all; empty: none."""
        for name, (_, digest) in self.files.items():
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    return f"{self.path}/{name} differs from what the store holds"
        return ""


def make(root: Path, path: str, count: int, size: int) -> Model:
    """Write a model of `count` files of `size` bytes into the server's folder."""
    folder = root / CONTAINER / path / VERSION
    folder.mkdir(parents=True)
    files = {}
    for number in range(count):
        name = f"part-{number:03}.bin"
        files[name] = (size, _write(folder / name, size, random.Random(f"{path}/{name}")))  # noqa: S311 - not a secret
    unit, name = next((unit, name) for unit, name in UNITS if size >= unit)
    model = Model(f"{count} x {size // unit} {name}", path, files)
    (folder / "SHA256SUMS").write_text(model.lines)
    return model


def _write(path: Path, size: int, source: random.Random) -> str:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, 8 * MIB):
            piece = source.randbytes(min(8 * MIB, size - start))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
