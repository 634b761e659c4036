"""A zip is checked before anything reads it for what it holds."""

import stat
import zipfile
import zlib
from pathlib import Path
from typing import Final

from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats.words import first_line, shown

MAX_ENTRIES: Final = 10_000
MAX_BYTES: Final = 4 * 1024**3
MAX_RATIO: Final = 200
"""Bytes that one compressed byte may become: numbers seldom reach 10, zeros reach 1,000."""
_SLACK_BYTES: Final = 16 * 1024 * 1024
"""A small archive may be of any ratio: it cannot fill memory."""
_ENCRYPTED: Final = 0x1
_FIX: Final = "write the model again with skops.io.dump and upload that"
_CHUNK: Final = 1024 * 1024


def check_archive(path: Path) -> None:
    """Refuse an archive that is not whole, plain and of a model's size.

    Raises:
        ModelError: ArchiveTooLarge, UnsafePath, UnsafeEntryType, DuplicateEntry, UnsafeFormat or Corrupt.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_size(path, entries)
            _check_names(path, entries)
            _check_places(path, entries, archive.start_dir)
            for entry in entries:
                _check_content(path, archive, entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _refused(ModelFault.CORRUPT, path, f"is a broken zip: {first_line(error)}") from None


def _check_size(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise _refused(ModelFault.TOO_LARGE, path, f"has {len(entries)} entries, more than {MAX_ENTRIES}")
    whole, packed = (sum(sizes) for sizes in zip(*((e.file_size, e.compress_size) for e in entries), strict=True))
    if whole > MAX_BYTES:
        raise _refused(ModelFault.TOO_LARGE, path, f"would be {whole} bytes, more than {MAX_BYTES}")
    if whole > max(_SLACK_BYTES, MAX_RATIO * packed):
        raise _refused(ModelFault.TOO_LARGE, path, f"would grow from {packed} to {whole} bytes, over {MAX_RATIO} times")


def _check_names(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    seen = set()
    for entry in entries:
        name = entry.orig_filename  # as it is written: the reader has cut it at a NUL
        if not name.isprintable() or "\\" in name or ":" in name or {"", ".", ".."} & set(name.split("/")):
            raise _refused(ModelFault.UNSAFE_PATH, path, f"has an entry {shown(name)}, which is no plain name")
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
            raise _refused(ModelFault.UNSAFE_ENTRY_TYPE, path, f"has an entry {shown(name)} that is no plain file")
        if name.casefold() in seen:
            raise _refused(ModelFault.DUPLICATE_ENTRY, path, f"has more than one entry {shown(name)}")
        seen.add(name.casefold())


def _check_places(path: Path, entries: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse entries that share bytes, and bytes before the first: another file than a zip would be there."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end or (end == 0 and entry.header_offset != 0):
            raise _refused(
                ModelFault.CORRUPT, path, f"has entries in each other or after other bytes ({shown(entry.filename)})"
            )
        end = entry.header_offset + 30 + len(entry.orig_filename.encode()) + entry.compress_size
    if end > directory:
        raise _refused(ModelFault.CORRUPT, path, "has entries within its directory")


def _check_content(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Read all of an entry, as only then its checksum is known to be right."""
    name = shown(entry.filename)
    if entry.flag_bits & _ENCRYPTED:
        raise _refused(ModelFault.UNSUPPORTED, path, f"has the encrypted entry {name}")
    with archive.open(entry) as content:
        head = content.read(8)
        if head.startswith(b"PK\x03\x04"):
            raise _refused(ModelFault.UNSAFE_FORMAT, path, f"has a zip within it, {name}")
        size = len(head)
        while chunk := content.read(_CHUNK):
            size += len(chunk)
    if size != entry.file_size:
        raise _refused(ModelFault.CORRUPT, path, f"says {entry.file_size} bytes of {name}, there are {size}")


def _refused(fault: ModelFault, path: Path, problem: str) -> ModelError:
    return ModelError(fault, f"{shown(path.name)} {problem}; {_FIX}")
