"""What a model version consists of, from its SHA256SUMS. Pure: text in, values out."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from aiapp_models.contract import SHA256SUMS
from aiapp_models.errors import Reason, SourceError

MAX_FILES: Final = 10_000
MAX_SUMS_BYTES: Final = 4 * 1024 * 1024
MAX_PATH_BYTES: Final = 1_024
MAX_NAME_BYTES: Final = 255
"""NAME_MAX of Linux file systems."""

SUMS_COMMAND: Final = "find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum > SHA256SUMS"
"""What makes the marker; run in the version's folder, upload SHA256SUMS last."""

_LINE = re.compile(r"(?P<escaped>\\?)(?P<sha256>[0-9a-fA-F]{64}) [ *](?P<path>.+)")
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True, order=True)
class SumLine:
    """One line of SHA256SUMS; the hash in lower case, the path relative to the version's folder."""

    sha256: str
    path: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a version: `path` relative to its folder, `size` in bytes, `etag` as the store gave it."""

    path: str
    size: int
    etag: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """A complete version.

    digest: content digest, `sha256:<64 hex>`.
    size_bytes: of all files together.
    published: when SHA256SUMS was written (UTC).
    files: sorted by path, SHA256SUMS not among them.
    unlisted: paths in the folder that SHA256SUMS does not list; they are no part of the version.
    """

    version: str
    digest: str
    size_bytes: int
    published: datetime
    files: tuple[ModelFile, ...]
    unlisted: tuple[str, ...] = ()

    @property
    def manifest_digest(self) -> str:
        """Identity of what the store holds, not of the content: it changes when equal bytes are written again."""
        lines = "".join(f"{file.path}\0{file.size}\0{file.etag}\n" for file in sorted(self.files, key=_by_path))
        return f"sha256:{sha256(lines.encode()).hexdigest()}"


def _by_path(file: ModelFile) -> str:
    return file.path


def parse_sums(content: bytes, where: str) -> tuple[SumLine, ...]:
    """Read what `sha256sum` printed; `where` names the version in errors.

    Text and binary markers, a leading `./`, upper-case hashes, CRLF and a byte order mark are all understood. A line
    for SHA256SUMS itself is passed over: `sha256sum * > SHA256SUMS` writes one, for the file while still empty.

    Raises:
        SourceError: ModelCorrupt (no text, not such a line, no line at all), UnsafePath, ModelTooLarge.
    """
    if len(content) > MAX_SUMS_BYTES:
        raise SourceError(Reason.MODEL_TOO_LARGE, f"{where}/{SHA256SUMS} is larger than {MAX_SUMS_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        fix = f"write it as UTF-8 (in PowerShell: Out-File -Encoding utf8) with: {SUMS_COMMAND}"
        raise SourceError(Reason.MODEL_CORRUPT, f"{where}/{SHA256SUMS} is not UTF-8 text; {fix}") from None
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    parsed = [_parse_line(line, number, where) for number, line in enumerate(lines, 1) if line.strip()]
    entries = tuple(sorted(entry for entry in parsed if entry.path != SHA256SUMS))
    if not entries:
        raise SourceError(Reason.MODEL_CORRUPT, f"{where}/{SHA256SUMS} lists no file; write it with: {SUMS_COMMAND}")
    if len(entries) > MAX_FILES:
        raise SourceError(Reason.MODEL_TOO_LARGE, f"{where} has {len(entries)} files; at most {MAX_FILES} are allowed")
    _refuse_collisions([entry.path for entry in entries], where)
    return entries


def content_digest(lines: Iterable[SumLine]) -> str:
    """Return the identity of a version's content: sha256 of its sorted `sha256  path` lines."""
    text = "".join(f"{line.sha256}  {line.path}\n" for line in sorted(lines))
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def render_sums(lines: Iterable[SumLine]) -> bytes:
    """Return SHA256SUMS as `sha256sum -c` reads it, in the order of the paths."""
    return "".join(f"{line.sha256}  {line.path}\n" for line in sorted(lines, key=lambda line: line.path)).encode()


def check_path(path: str, where: str) -> str:
    """Return `path` if it can only name a file below its folder, on any file system.

    Raises:
        SourceError: UnsafePath.
    """
    if problem := _path_problem(path):
        raise SourceError(
            Reason.UNSAFE_PATH, f"{where}: {cut(path)} {problem}; rename the file and upload a new version"
        )
    return path


def cut(value: str) -> str:
    """Quote a value of somebody else's for a message: escaped, at most 128 characters."""
    return ascii(value if len(value) <= 128 else value[:127] + "\N{HORIZONTAL ELLIPSIS}")


def _parse_line(line: str, number: int, where: str) -> SumLine:
    match = _LINE.fullmatch(line)
    if match is None:
        problem = f"{where}/{SHA256SUMS} line {number} is no `sha256  path`: {cut(line)}"
        raise SourceError(Reason.MODEL_CORRUPT, f"{problem}; write it with: {SUMS_COMMAND}")
    if match["escaped"]:
        raise SourceError(
            Reason.UNSAFE_PATH,
            f"{where}/{SHA256SUMS} line {number}: {cut(match['path'])} has a backslash or a line break; rename it",
        )
    return SumLine(match["sha256"].lower(), check_path(match["path"].removeprefix("./"), where))


def _path_problem(path: str) -> str:
    if not path or path.startswith("/"):
        return "is not a relative path"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return "has a control character"
    if "\\" in path or _DRIVE.match(path):
        return "reads as a Windows path"
    if len(path.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        return f"is longer than {MAX_PATH_BYTES} bytes"
    return next(filter(None, map(_name_problem, path.split("/"))), "")


def _name_problem(name: str) -> str:
    if name in {"", ".", ".."}:
        return "has an empty, `.` or `..` part"
    if name[-1] in ". ":
        return "has a part that ends in a dot or a space"
    if len(name.encode(errors="surrogatepass")) > MAX_NAME_BYTES:
        return f"has a part longer than {MAX_NAME_BYTES} bytes"
    return ""


def _refuse_collisions(paths: list[str], where: str) -> None:
    """Refuse names that are one file, or a file and a folder at once, on some file system."""
    files: dict[str, str] = {}
    for path in paths:
        if twin := files.get(_folded(path)):
            raise SourceError(Reason.UNSAFE_PATH, f"{where}: {cut(path)} and {cut(twin)} would be one file; rename one")
        files[_folded(path)] = path
    for path in paths:
        folders = _folded(path).split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            if clash := files.get("/".join(folders[:depth])):
                problem = f"{cut(clash)} is a file and, for {cut(path)}, a folder"
                raise SourceError(Reason.UNSAFE_PATH, f"{where}: {problem}; rename one")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
