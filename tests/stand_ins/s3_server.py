"""A bucket in memory behind a loopback address: as much of S3 as the store and its uploader ask for.

It looks at access keys but checks no signature; what a real server makes of the store's requests is seen in the
end-to-end tests.
"""

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "models"
ACCESS_KEY = "AIAPPTESTS"
WRITTEN = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True)
class Refusal:
    """An answer that comes in place of the right one."""

    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass
class Bucket:
    """What is in the bucket, what was asked, and what is refused from now on."""

    endpoint: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    page: int = 1000
    refusal: Refusal | None = None
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def put(self, folder: str, files: Mapping[str, bytes], marker: bool = True) -> None:
        """Upload one version, SHA256SUMS last."""
        for path, data in files.items():
            self.files[f"{folder}/{path}"] = data
        if marker:
            lines = (f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in files.items())
            self.files[f"{folder}/SHA256SUMS"] = "".join(lines).encode()

    def listing(self, query: Mapping[str, str]) -> bytes:
        """Answer ListObjectsV2; the token is the last name of the page before."""
        prefix, delimiter, after = query.get("prefix", ""), query.get("delimiter", ""), query.get("continuation-token")
        entries: dict[str, str] = {}
        for name in sorted(self.files):
            if name.startswith(prefix):
                folder, found, _ = name.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
                key = f"{prefix}{folder}/" if found else name
                entries[key] = _prefix(key) if found else self._contents(name)
        names = [name for name in entries if after is None or name > after]
        page, more = names[: self.page], len(names) > self.page
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        head = f"<Name>{BUCKET}</Name><EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
        inner = "".join(entries[name] for name in page)
        return f'<ListBucketResult xmlns="{NAMESPACE}">{head}{token}{inner}</ListBucketResult>'.encode()

    def _contents(self, name: str) -> str:
        data = self.files[name]
        time, kind = WRITTEN.strftime("%Y-%m-%dT%H:%M:%S.000Z"), self.classes.get(name, "STANDARD")
        tags = {
            "Key": quote(name),
            "LastModified": time,
            "ETag": f"&quot;{etag(data)}&quot;",
            "Size": str(len(data)),
            "StorageClass": kind,
        }
        return "<Contents>" + "".join(f"<{tag}>{text}</{tag}>" for tag, text in tags.items()) + "</Contents>"


def etag(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def s3_server() -> Iterator[Bucket]:
    """Serve one bucket until the context ends."""
    bucket = Bucket()

    class Handler(_Handler):
        served = bucket

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        bucket.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield bucket
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Bucket
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""

    def _serve(self) -> None:
        url, headers = urlsplit(self.path), {name.lower(): value for name, value in self.headers.items()}
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        self.served.requests.append((self.command, self.path, headers))
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        credential = query.get("X-Amz-Credential", headers.get("authorization", ""))
        if self.served.refusal:
            self._refuse(self.served.refusal)
        elif bucket != BUCKET:
            self._refuse(Refusal(404, "NoSuchBucket"))
        elif ACCESS_KEY not in credential:
            self._refuse(Refusal(403, "InvalidAccessKeyId" if credential else "AccessDenied"))
        elif self.command == "PUT":
            self._store(key, body, headers)
        elif not key:
            self._answer(200, self.served.listing(query), {"Content-Type": "application/xml"})
        elif key not in self.served.files:
            self._refuse(Refusal(404, "NoSuchKey"))
        else:
            self._file(self.served.files[key], headers)

    def _file(self, data: bytes, headers: Mapping[str, str]) -> None:
        tag = f'"{etag(data)}"'
        if headers.get("if-match", tag) != tag:
            self._refuse(Refusal(412, "PreconditionFailed"))
            return
        about = {"ETag": tag, "Last-Modified": WRITTEN.strftime(HTTP_DATE)}
        if "range" in headers:
            first, _, last = headers["range"].removeprefix("bytes=").partition("-")
            about["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            self._answer(206, data[int(first) : int(last) + 1], about)
        else:
            self._answer(200, data, about)

    def _store(self, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Take a file, with If-None-Match only where there is none."""
        if headers.get("if-none-match") == "*" and key in self.served.files:
            self._refuse(Refusal(412, "PreconditionFailed"))
            return
        self.served.files[key] = body
        self._answer(200, b"", {"ETag": f'"{etag(body)}"'})

    def _refuse(self, refusal: Refusal) -> None:
        error = f"<Error><Code>{refusal.code}</Code><Message>no</Message></Error>" if refusal.code else ""
        body = error.encode() if refusal.body is None else refusal.body
        self._answer(refusal.status, body, {"Content-Type": "application/xml", **refusal.headers})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _prefix(name: str) -> str:
    return f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>"
