"""A blob container in memory with its script of faults, and how Azure lists it."""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from faults.script import Fault, Kind, Place

MARKER = "SHA256SUMS"
UPLOADED = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Blob:
    """One blob; its ETag follows from its content."""

    data: bytes
    modified: datetime = UPLOADED

    @property
    def etag(self) -> str:
        return f'"0x{hashlib.sha256(self.data).hexdigest()[:15].upper()}"'

    @property
    def last_modified(self) -> str:
        return format_datetime(self.modified, usegmt=True)


@dataclass
class Container:
    """Blobs by name. `requests` counts the requests by place, `struck` the faults that they met."""

    blobs: Mapping[str, Blob]
    faults: tuple[Fault, ...] = ()
    requests: Counter[Place] = field(default_factory=Counter)
    struck: Counter[Kind] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_fault(self, place: Place) -> Fault | None:
        """Count one request and return what goes wrong with its answer."""
        with self._lock:
            number = self.requests[place]
            self.requests[place] += 1
            fault = next((one for one in self.faults if one.place is place and one.strikes(number)), None)
            if fault:
                self.struck[fault.kind] += 1
            return fault

    def listed(self, kind: Kind | None) -> Mapping[str, Blob]:
        """Return the blobs that a listing shows."""
        match kind:
            case Kind.LISTED_EMPTY:
                return {}
            case Kind.LISTED_PARTLY:
                files = [name for name in self.blobs if not name.endswith(MARKER)]
                return {name: blob for name, blob in self.blobs.items() if name not in files[: (len(files) + 1) // 2]}
            case Kind.LISTED_PAST:
                return {name: blob for name, blob in self.blobs.items() if not name.endswith(MARKER)}
            case _:
                return self.blobs


def version(folder: str, files: Mapping[str, bytes]) -> dict[str, Blob]:
    """Return the blobs of one complete model version, its marker last."""
    lines = "".join(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items()))
    blobs = {f"{folder}/{path}": Blob(data) for path, data in files.items()}
    return {**blobs, f"{folder}/{MARKER}": Blob(lines.encode())}


def content_digest(files: Mapping[str, bytes]) -> str:
    """Return a version's identity, computed from its bytes with nothing of the product."""
    lines = sorted(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in files.items())
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing asks for: prefix, delimiter, where the last page ended, and how many at most."""

    prefix: str = ""
    delimiter: str = ""
    marker: str = ""
    limit: int = 5000


def render_listing(blobs: Mapping[str, Blob], page: Page) -> bytes:
    """Return one page of `List Blobs` as Azure writes it, folders as BlobPrefix."""
    entries: dict[str, Blob | None] = {}
    for name, blob in blobs.items():
        if name.startswith(page.prefix):
            head, slash, _ = name[len(page.prefix) :].partition(page.delimiter) if page.delimiter else (name, "", "")
            entries[page.prefix + head + slash if slash else name] = None if slash else blob
    names = [name for name in sorted(entries) if name > page.marker]
    shown, rest = names[: page.limit], names[page.limit :]
    body = "".join(_entry(name, entries[name]) for name in shown)
    after = f"<NextMarker>{escape(shown[-1])}</NextMarker>" if rest else "<NextMarker />"
    head = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Prefix>{escape(page.prefix)}</Prefix>'
    return f"{head}<Blobs>{body}</Blobs>{after}</EnumerationResults>".encode()


def _entry(name: str, blob: Blob | None) -> str:
    if blob is None:
        return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
    properties = (
        f"<Last-Modified>{blob.last_modified}</Last-Modified><Etag>{blob.etag.strip(chr(34))}</Etag>"
        f"<Content-Length>{len(blob.data)}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
        "<BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier>"
    )
    return f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties></Blob>"
