"""A model on the pod's volume: written beside its place, then moved there in one step, so it is whole or absent."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiapp_models.contract import SHA256SUMS
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelManifest, SumLine, content_digest, parse_sums, render_sums

STAGING_PREFIX: Final = ".fetch-"
SPARE_BYTES: Final = 16 * 1024 * 1024
"""Left free beside the model, for folders and the file system's own records."""

_MORE_SPACE = "free disk on this node, or upload a smaller model"


def remove_leftovers(volume: Path) -> None:
    """Remove what a killed fetch left behind."""
    for leftover in volume.glob(f"{STAGING_PREFIX}*"):
        remove_tree(leftover)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it; symbolic links are removed, not followed."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def holds(folder: Path, digest: str) -> bool:
    """Tell whether `folder` is a whole model of this content digest, by reading every byte of it."""
    try:
        lines = parse_sums((folder / SHA256SUMS).read_bytes(), str(folder))
        return content_digest(lines) == digest and all(
            _file_sha256(folder / line.path) == line.sha256 for line in lines
        )
    except (OSError, SourceError):
        return False


def check_space(volume: Path, needed: int) -> None:
    """Refuse to begin what cannot end.

    Raises:
        SourceError: NoSpace.
    """
    free = shutil.disk_usage(volume).free
    if free < needed + SPARE_BYTES:
        problem = f"the model has {mebibytes(needed)}, {volume} has {mebibytes(free)} free"
        raise SourceError(Reason.NO_SPACE, f"{problem}; {_MORE_SPACE}")


@contextmanager
def staging_folder(volume: Path) -> Iterator[Path]:
    """Give a new folder on the volume that is gone at the end, unless it was published."""
    folder = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=volume))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create_file(folder: Path, path: str, size: int) -> None:
    """Make a new file of `size` bytes below `folder`, all of it a hole.

    Nothing that exists is opened and no link is followed.
    """
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(folder, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
        os.ftruncate(descriptor, size)


@contextmanager
def opened(folder: Path, path: str, flags: int) -> Iterator[int]:
    """Open a file below `folder` itself, never through a link."""
    descriptor = os.open(folder / path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_at(descriptor: int, data: memoryview, offset: int) -> None:
    """Write all of `data` at `offset`."""
    while data:
        count = os.pwrite(descriptor, data, offset)
        data, offset = data[count:], offset + count


def complete_file(descriptor: int) -> None:
    """Make a file one that all can read and nobody can write, and have it on the disk."""
    os.fchmod(descriptor, 0o444)
    os.fsync(descriptor)


def publish(folder: Path, target: Path, manifest: ModelManifest) -> None:
    """Complete `folder` with its SHA256SUMS and move it to `target`, which survives a power cut from then on."""
    sums = render_sums(SumLine(file.sha256, file.path) for file in manifest.files)
    create_file(folder, SHA256SUMS, len(sums))
    with opened(folder, SHA256SUMS, os.O_WRONLY) as descriptor:
        write_at(descriptor, memoryview(sums), 0)
        complete_file(descriptor)
    folder.chmod(0o755)
    for parent, _, _ in os.walk(folder):
        _sync_folder(Path(parent))
    folder.rename(target)
    _sync_folder(target.parent)


@contextmanager
def disk_errors_in_words(volume: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a SourceError.

    Raises:
        SourceError: NoSpace or FetchFailed.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            problem = f"{volume} is full ({os.strerror(error.errno)})"
            raise SourceError(
                Reason.NO_SPACE, f"{problem}; free disk on this node, or upload a smaller model"
            ) from None
        problem = f"{volume} cannot be used: {error.strerror or type(error).__name__}"
        raise SourceError(Reason.FETCH_FAILED, f"{problem}; mount it writable for this user") from error


def mebibytes(size: int) -> str:
    """Return bytes as people read them."""
    return f"{size / 1024 / 1024:.1f} MiB"


def _file_sha256(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
