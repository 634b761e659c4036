"""Models in a PersistentVolumeClaim, which only the pods that mount it can read."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from aiapp_models.contract import CLAIM_DIR, SHA256SUMS
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest, check_path
from aiapp_models.stores.listing import (
    MAX_ENTRIES,
    StoredFile,
    check_version,
    complete,
    is_version,
    marker,
    too_many_files,
)

_MISSING: Final = (FileNotFoundError, NotADirectoryError)


class ClaimStore:
    """Reads versions as the folders `PATH/VERSION/` of a mounted claim.

    A link is followed only to what is below PATH: others may write to the claim, and whoever reads it here has other
    files too.
    """

    def __init__(self, source: Mapping[str, Any], root: Path = Path(CLAIM_DIR)) -> None:
        name, path = str(source.get("claimName") or ""), str(source.get("path") or "").strip("/")
        if not name:
            raise SourceError(Reason.SOURCE_INVALID, "modelSource.persistentVolumeClaim needs claimName")
        check_path(path or "-", "modelSource.persistentVolumeClaim.path")
        self._root = root
        self._folder = root / path
        self._where = "/".join(filter(None, (name, path)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is kept open."""

    def locate(self, version: str, path: str = "") -> str:
        """Return `claim/path/version/file`."""
        return "/".join(filter(None, (self._where, version, path)))

    def names(self) -> Iterator[str]:
        """List the folders.

        Raises:
            SourceError: see ModelStore.
        """
        with self._failures_in_words(self._where):
            return filter(is_version, sorted(entry.name for entry in os.scandir(self._inside("")) if entry.is_dir()))

    def published(self, version: str) -> datetime | None:
        """Look at SHA256SUMS.

        Raises:
            SourceError: see ModelStore.
        """
        with self._failures_in_words(self.locate(check_version(version), SHA256SUMS)):
            try:
                return _stored(self._inside(version, SHA256SUMS).stat()).modified
            except _MISSING:
                return None

    def manifest(self, version: str) -> ModelManifest:
        """Read SHA256SUMS, and look at the files of one version.

        Raises:
            SourceError: see ModelStore; UnsafePath for a link that leads out of the folder.
        """
        where = self.locate(check_version(version))
        with self._failures_in_words(where):
            stored = self._list(version, where)
            sums = marker(stored, where)
            reader = self.open_range(version, ModelFile(SHA256SUMS, sums.size, sums.etag, sha256=""), 0, sums.size)
            content = bytearray(sums.size)
            try:
                read = reader.readinto(memoryview(content))
            finally:
                reader.close()
        return complete(version, where, stored, bytes(content[:read]))

    def open_range(self, version: str, file: ModelFile, offset: int, length: int) -> "FileRangeReader":
        """Open the file and see that what was opened is in the folder and is what the manifest saw.

        Raises:
            SourceError: see ModelStore; UnsafePath for a link that leads out of the folder.
        """
        where = self.locate(version, file.path)
        with self._failures_in_words(where):
            opened = self._folder / version / file.path
            # A pipe or a device would wait for its other end, a link may have been changed since the manifest.
            descriptor = os.open(opened, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                self._refuse_outside(Path(f"/proc/self/fd/{descriptor}").readlink(), where)
                seen = os.fstat(descriptor)
                if not stat.S_ISREG(seen.st_mode) or _stored(seen).etag != file.etag:
                    words = f"{where}: the file was overwritten; write each version under a name of its own"
                    raise SourceError(Reason.MODEL_CHANGED, words, transient=True)
            except BaseException:
                os.close(descriptor)
                raise
            return FileRangeReader(descriptor, offset, length, where)

    def _list(self, version: str, where: str) -> dict[str, StoredFile]:
        folder = self._inside(version)
        stored: dict[str, StoredFile] = {}
        for directory, _, files in os.walk(folder, onerror=_raise):
            for name in files:
                path = Path(directory, name)
                relative = path.relative_to(folder).as_posix()
                if len(stored) >= MAX_ENTRIES:
                    raise too_many_files(where)
                try:
                    stored[relative] = _stored(self._inside(version, relative).stat())
                except _MISSING:  # a link to nothing
                    continue
        return stored

    def _inside(self, *parts: str) -> Path:
        """Return the path of something below the folder, all links followed."""
        real = self._folder.joinpath(*parts).resolve()
        self._refuse_outside(real, self.locate(*parts) if any(parts) else self._where)
        return real

    def _refuse_outside(self, real: Path, where: str) -> None:
        # The path of the spec itself is the author's own, but must stay in the claim.
        allowed = self._folder.resolve()
        if not allowed.is_relative_to(self._root.resolve()) or not real.is_relative_to(allowed):
            words = f"{where} is a link that leads out of the claim's folder; put the files themselves there"
            raise SourceError(Reason.UNSAFE_PATH, words)

    @contextmanager
    def _failures_in_words(self, where: str) -> Iterator[None]:
        try:
            yield
        except _MISSING:
            words = f"{where}: there is no such folder or file in the claim; check path and modelVersion"
            raise SourceError(Reason.MODEL_MISSING, words) from None
        except PermissionError:
            words = f"{where}: the pod's user may not read it; make the files readable by all, or set their group"
            raise SourceError(Reason.STORE_FORBIDDEN, words) from None
        except OSError as error:
            words = f"{where}: the volume cannot be read ({error.strerror or type(error).__name__}); it is tried again"
            raise SourceError(Reason.STORE_UNREACHABLE, words, transient=True) from None


class FileRangeReader:
    """A range of an open file; not for several threads at once."""

    def __init__(self, descriptor: int, offset: int, length: int, where: str) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._left = length
        self._where = where

    def readinto(self, buffer: memoryview) -> int:
        """Read some bytes of the range, 0 at its end.

        Raises:
            SourceError: StoreUnreachable, the volume fails or the file became shorter.
        """
        if not self._left or not buffer:
            return 0
        try:
            count = os.preadv(self._descriptor, [buffer[: self._left]], self._offset)
        except OSError as error:
            raise self._broken(error.strerror or type(error).__name__) from None
        if not count:
            raise self._broken("it ends before its end")
        self._offset += count
        self._left -= count
        return count

    def close(self) -> None:
        """Close the file; more than once is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _broken(self, why: str) -> SourceError:
        words = f"{self._where}: the volume cannot be read ({why}); it is tried again"
        return SourceError(Reason.STORE_UNREACHABLE, words, transient=True)


def _stored(seen: os.stat_result) -> StoredFile:
    """Tell a file's state from a later one's, as an ETag does."""
    etag = f"{seen.st_ino:x}-{seen.st_size:x}-{seen.st_mtime_ns:x}"
    return StoredFile(seen.st_size, etag, datetime.fromtimestamp(seen.st_mtime, UTC))


def _raise(error: OSError) -> None:
    """Let os.walk fail where it would pass over a folder that it cannot read."""
    raise error
