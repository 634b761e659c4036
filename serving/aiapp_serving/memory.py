"""How much memory the container may use, and whether a model can fit."""

from pathlib import Path
from typing import Final

LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Of the container's own group: of version 2, of version 1."""
UNLIMITED: Final = 1 << 60
"""Version 1 writes a number of this kind for none."""
MEBIBYTE: Final = 1024 * 1024
FIX: Final = "raise resources.limits.memory"


def memory_limit(files: tuple[Path, ...] = LIMITS) -> int | None:
    """Return the limit in bytes, None for none."""
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        return int(text) if text.isdecimal() and int(text) < UNLIMITED else None
    return None


def model_bytes(folder: Path) -> int:
    """Return the size of all files in a model's folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def too_large(size: int, limit: int | None) -> str:
    """Return why a model of this size does not fit, empty if it may."""
    if limit is None or size < limit:
        return ""
    return f"the model's files have {_mebibytes(size)} MiB, the container may use {_mebibytes(limit)} MiB: {FIX}"


def out_of_memory(size: int, limit: int | None) -> str:
    """Return what to say when loading ended by MemoryError."""
    allowed = "all that the machine gives" if limit is None else f"{_mebibytes(limit)} MiB"
    return f"loading ran out of memory: the model's files have {_mebibytes(size)} MiB, it may use {allowed}: {FIX}"


def _mebibytes(size: int) -> int:
    return -(-size // MEBIBYTE)
