"""What the listing of a version's folder means, whichever store it is from. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiapp_models.contract import SHA256SUMS
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import (
    MAX_FILES,
    MAX_SUMS_BYTES,
    SUMS_COMMAND,
    ModelFile,
    ModelManifest,
    check_path,
    content_digest,
    parse_sums,
)

MAX_ENTRIES: Final = 2 * MAX_FILES
"""Files in a version's folder, those that SHA256SUMS does not list included."""
MAX_FILE_BYTES: Final = 2**48
"""More than any store takes as one file; sums of such sizes still fit what counts bytes."""
MAX_NAMES: Final = 100_000
"""Folders to choose versions from."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as a store lists it; `archived` says how it can be made readable again, empty: it can be read."""

    size: int
    etag: str
    modified: datetime
    archived: str = ""


def check_version(version: str) -> str:
    """Return a version's name if it names one folder.

    Raises:
        SourceError: UnsafePath.
    """
    if "/" in check_path(version, "modelVersion"):
        raise SourceError(Reason.UNSAFE_PATH, "modelVersion is a folder's name and has no slash")
    return version


def is_version(name: str) -> bool:
    """Tell whether a folder's name can be a version's."""
    try:
        return bool(check_version(name))
    except SourceError:
        return False


def too_many_files(where: str) -> SourceError:
    """Return what to raise for more than MAX_ENTRIES files."""
    problem = f"{where} has too many files to be a model (at most {MAX_FILES})"
    return SourceError(Reason.MODEL_TOO_LARGE, f"{problem}; give the model a folder of its own")


def too_many_names(where: str) -> SourceError:
    """Return what to raise for more than MAX_NAMES folders."""
    problem = f"{where} has more than {MAX_NAMES} folders to choose a version from"
    return SourceError(Reason.MODEL_TOO_LARGE, f"{problem}; give the model's versions a path of their own")


def marker(stored: Mapping[str, StoredFile], where: str) -> StoredFile:
    """Return the SHA256SUMS of a folder, by path below it.

    Raises:
        SourceError: ModelMissing, ModelIncomplete, ModelTooLarge.
    """
    if not stored:
        raise SourceError(Reason.MODEL_MISSING, f"{where}: there is no file in this folder; upload the version")
    if (found := stored.get(SHA256SUMS)) is None:
        fix = f"make it in the model's folder and upload it last: {SUMS_COMMAND}"
        raise SourceError(Reason.MODEL_INCOMPLETE, f"{where} has no {SHA256SUMS} yet; {fix}")
    _refuse_odd(found, f"{where}/{SHA256SUMS}")
    if found.size > MAX_SUMS_BYTES:
        raise SourceError(Reason.MODEL_TOO_LARGE, f"{where}/{SHA256SUMS} is larger than {MAX_SUMS_BYTES} bytes")
    return found


def complete(version: str, where: str, stored: Mapping[str, StoredFile], sums: bytes) -> ModelManifest:
    """Combine a listing with the content of its SHA256SUMS.

    Raises:
        SourceError: as parse_sums; ModelIncomplete, ModelArchived.
    """
    lines = parse_sums(sums, where)
    files = tuple(_listed_file(stored, line.path, line.sha256, where) for line in lines)
    return ModelManifest(
        version=version,
        digest=content_digest(lines),
        size_bytes=sum(file.size for file in files),
        published=stored[SHA256SUMS].modified,
        files=tuple(sorted(files, key=lambda file: file.path)),
        unlisted=tuple(sorted(stored.keys() - {file.path for file in files} - {SHA256SUMS})),
    )


def _listed_file(stored: Mapping[str, StoredFile], path: str, sha256: str, where: str) -> ModelFile:
    file = stored.get(path)
    if file is None:
        problem = f"{where}: {SHA256SUMS} lists {path!a}, which is not there"
        raise SourceError(Reason.MODEL_INCOMPLETE, f"{problem}; upload it, or the version again under a new name")
    if file.archived:
        raise SourceError(Reason.MODEL_ARCHIVED, f"{where}/{path}: the file is in the archive tier; {file.archived}")
    _refuse_odd(file, f"{where}/{path}")
    return ModelFile(path, file.size, file.etag, sha256)


def _refuse_odd(file: StoredFile, where: str) -> None:
    """Refuse what no store lists: an ETag that no header can have, a size that no file can have."""
    if not file.etag or not file.etag.isascii() or not file.etag.isprintable():
        raise SourceError(Reason.STORE_REFUSED, f"{where}: its ETag cannot be used; check the store's endpoint")
    if not 0 <= file.size <= MAX_FILE_BYTES:
        raise SourceError(Reason.STORE_REFUSED, f"{where}: its size cannot be true; check the store's endpoint")
