"""A model on the pod's volume: written beside its place, then moved there in one step, so it is whole or absent."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
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


def write_file(folder: Path, path: str, pieces: Iterable[bytes]) -> str:
    """Write a new file below `folder` and to the disk; return the sha256 of what was written.

    Nothing that exists is opened and no link is followed; the file can be read by all and written by nobody.
    """
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    digest = hashlib.sha256()
    with os.fdopen(os.open(target, flags, 0o444), "wb") as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def publish(folder: Path, target: Path, manifest: ModelManifest) -> None:
    """Complete `folder` with its SHA256SUMS and move it to `target`, which survives a power cut from then on."""
    lines = [SumLine(file.sha256, file.path) for file in manifest.files]
    write_file(folder, SHA256SUMS, [render_sums(lines)])
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
