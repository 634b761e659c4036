"""A version's way to a store: the files first, read back and compared, SHA256SUMS last and only where there is none.

Whatever happens on the way, readers see a version that is whole or one that is not complete. Pushing again goes on
where it stopped: what is there already is read, and what equals the file is kept.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiapp_models.contract import SHA256SUMS
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, SumLine, content_digest, parse_sums
from aiapp_models.stores.listing import StoredFile
from aiapp_models.stores.uploads import Uploader
from aiapp_packing.errors import PackingError

CHUNK: Final = 1024 * 1024
TRIES: Final = 2
"""Of a file whose bytes arrive as others."""

Say = Callable[[str], None]


def local_version(folder: Path) -> tuple[bytes, tuple[SumLine, ...]]:
    """Return SHA256SUMS of a folder whose files are those that it lists, and its lines.

    Raises:
        PackingError: there is none, or the files are not as it says.
        SourceError: it cannot be read as SHA256SUMS.
    """
    fix = "pack it again, or write SHA256SUMS anew as docs/models.md shows"
    try:
        sums = (folder / SHA256SUMS).read_bytes()
        lines = parse_sums(sums, str(folder))
        wrong = [line.path for line in lines if _sha256(folder / line.path) != line.sha256]
    except OSError as error:
        raise PackingError(f"{error.filename} cannot be read: {error.strerror}", fix) from None
    if wrong:
        raise PackingError(f"{folder}: {', '.join(wrong[:5])} changed after {SHA256SUMS} was written", fix)
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    if unlisted := sorted(there - {line.path for line in lines} - {SHA256SUMS}):
        raise PackingError(f"{folder}: {', '.join(unlisted[:5])} is not in {SHA256SUMS}", fix)
    return sums, lines


def push(folder: Path, store: Uploader, version: str, say: Say, *, dry_run: bool = False) -> str:
    """Bring a version to a store and return its content digest.

    Raises:
        PackingError: the name is taken by another version, or bytes do not arrive.
        SourceError: the store does not let us.
    """
    sums, lines = local_version(folder)
    digest, where = content_digest(lines), store.locate(version)
    stored = store.files(version)
    if SHA256SUMS in stored:
        _expect_same(store, version, digest)
        say(f"{where} is there already, with the same content")
        return digest
    if dry_run:
        _tell(folder, lines, _equal(store, version, lines, stored), say)
        say(f"{where} would be completed by {SHA256SUMS}; nothing was written")
        return digest
    _upload(folder, store, version, lines, say)
    _complete(store, version, sums, lines, say)
    return digest


def _upload(folder: Path, store: Uploader, version: str, lines: tuple[SumLine, ...], say: Say) -> None:
    """Write what is not there yet, and read all of it back, which alone tells what is there."""
    equal: Mapping[str, str] = {}
    for _ in range(TRIES + 1):
        equal = _equal(store, version, lines, store.files(version), equal)
        if len(equal) == len(lines):
            return
        for number, line in enumerate(lines, 1):
            if line.path not in equal:
                size = (folder / line.path).stat().st_size
                say(f"{number}/{len(lines)} {line.path} ({size:,} bytes)")
                with (folder / line.path).open("rb") as content:
                    store.put(version, line.path, content, size)
    wrong = ", ".join(line.path for line in lines if line.path not in equal)
    problem = f"{store.locate(version)} does not hold the bytes that were sent: {wrong}"
    raise PackingError(problem, "check whether somebody else pushes the same version; then push again")


def _tell(folder: Path, lines: tuple[SumLine, ...], equal: Mapping[str, str], say: Say) -> None:
    for number, line in enumerate(lines, 1):
        size = (folder / line.path).stat().st_size
        say(
            f"{number}/{len(lines)} {line.path} ({size:,} bytes) {'is there' if line.path in equal else 'is to upload'}"
        )


def _complete(store: Uploader, version: str, sums: bytes, lines: tuple[SumLine, ...], say: Say) -> None:
    """Write the marker once every file is there, and see that readers find what was sent."""
    before, where = store.files(version), store.locate(version)
    if missing := [line.path for line in lines if line.path not in before]:
        raise PackingError(f"{where}: {', '.join(missing[:5])} went away meanwhile", "push again")
    if extra := sorted(before.keys() - {line.path for line in lines}):
        say(f"{', '.join(extra[:5])} lie in {where} too and are no part of the version")
    try:
        store.put_marker(version, sums)
    except SourceError as error:
        if error.reason is not Reason.MODEL_CHANGED:
            raise
        _expect_same(store, version, content_digest(lines))  # our own first try, whose answer was lost
    found = store.manifest(version)
    if changed := [file.path for file in found.files if file.etag != before[file.path].etag]:
        problem = (
            f"{where}: {', '.join(changed[:5])} changed while the version was completed; no pod will start with it"
        )
        raise PackingError(problem, "find out who else pushes this version, and push yours under another name")


def _expect_same(store: Uploader, version: str, digest: str) -> None:
    found = store.manifest(version).digest
    if found != digest:
        problem = f"{store.locate(version)} is a version already: {found}, yours is {digest}"
        raise PackingError(problem, "a name is used once: push under a new one")


def _equal(
    store: Uploader,
    version: str,
    lines: tuple[SumLine, ...],
    stored: Mapping[str, StoredFile],
    known: Mapping[str, str] = MappingProxyType({}),
) -> Mapping[str, str]:
    """Return the ETags of the files that the store has with exactly these bytes, by reading those not known yet."""
    return {
        line.path: found.etag
        for line in lines
        if (found := stored.get(line.path))
        and (known.get(line.path) == found.etag or _stored_sha256(store, version, line, found) == line.sha256)
    }


def _stored_sha256(store: Uploader, version: str, line: SumLine, found: StoredFile) -> str:
    read = hashlib.sha256()
    if found.size:
        file = ModelFile(line.path, found.size, found.etag, line.sha256)
        with closing(store.open_range(version, file, 0, found.size)) as reader:
            buffer = memoryview(bytearray(CHUNK))
            while count := reader.readinto(buffer):
                read.update(buffer[:count])
    return read.hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
