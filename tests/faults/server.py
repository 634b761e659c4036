"""A blob server on loopback that answers as Azure Blob Storage does, and goes wrong as each container's script says.

Only what readers of models use: List Blobs, Get Blob with ranges and If-Match, Get Blob Properties.
"""

import contextlib
import os
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cluster.certificates import CertificateAuthority
from faults import bodies
from faults.container import MARKER, Container, Page, render_listing
from faults.script import STATUS_OF, Fault, Kind, Place

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_SILENT = frozenset({Kind.NONE_THEN_FIN, Kind.NONE_THEN_RST, Kind.NONE_THEN_HANG})
_TICK = 1.0
"""Seconds between two bytes of a trickle."""


class FaultServer(ThreadingHTTPServer):
    """Serves `containers` by name. `on_bytes` is told of every piece of a model's bytes before it is sent."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.containers: dict[str, Container] = {}
        self.on_bytes: Callable[[int], None] = lambda _size: None
        self.stopping = threading.Event()
        self._tls = tls

    @property
    def endpoint(self) -> str:
        """Return the address as `modelSource.azureBlob.endpoint` names it."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self._tls:  # the handshake is the handler's: a silent client must not hold the others up
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that went away; they are what the faults are for."""


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """Run a server until the context ends; hanging answers end with it."""
    server = FaultServer(tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def tls_of(authority: CertificateAuthority) -> ssl.SSLContext:
    """Return the TLS settings of a server at 127.0.0.1 that `authority` vouches for."""
    pair = authority.server("blobs", "blobs", ["127.0.0.1", "localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultServer

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the proofs count."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        name, _, blob = unquote(url.path).strip("/").partition("/")
        query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        container = self.server.containers.get(name)
        if container is None:
            self._refuse(404, "ContainerNotFound")
        elif query.get("comp") == "list":
            self._list(container, query)
        else:
            self._read(container, blob)

    def _list(self, container: Container, query: dict[str, str]) -> None:
        fault = container.next_fault(Place.LISTING)
        if fault and self._went_wrong(fault.kind):
            return
        limit = int(query.get("maxresults", 5000))
        page = Page(query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", ""), limit)
        content = render_listing(container.listed(fault.kind if fault else None), page)
        self._send(200, {"Content-Type": "application/xml"}, bodies.answer(content, 0, len(content), fault), fault)

    def _read(self, container: Container, name: str) -> None:
        place = Place.MARKER if name.endswith(MARKER) else Place.BODY
        fault = container.next_fault(place) if self.command == "GET" else None
        if fault and self._went_wrong(fault.kind):
            return
        blob = container.blobs.get(name)
        if blob is None:
            self._refuse(404, "BlobNotFound")
        elif self.headers.get("If-Match", blob.etag) not in {blob.etag, blob.etag.strip('"'), "*"}:
            self._refuse(412, "ConditionNotMet")
        else:
            asked = _RANGE.fullmatch(self.headers.get("x-ms-range") or self.headers.get("Range") or "")
            start = int(asked[1]) if asked else 0
            end = min(int(asked[2]) + 1 if asked and asked[2] else len(blob.data), len(blob.data))
            if asked and start >= len(blob.data):
                self._refuse(416, "InvalidRange")
                return
            content = bodies.answer(blob.data, start, end, fault)
            headers = {"ETag": blob.etag, "Last-Modified": blob.last_modified, "x-ms-blob-type": "BlockBlob"}
            if asked:
                headers["Content-Range"] = f"bytes {content.labelled}/{len(blob.data)}"
            self._send(206 if asked else 200, headers, content, fault)

    def _went_wrong(self, kind: Kind) -> bool:
        """Give no answer or a refusal, if that is the fault."""
        if kind in _SILENT:
            self._end_early(kind)
        elif kind in STATUS_OF:
            headers = {"Retry-After": "1"} if kind is Kind.THROTTLED else {}
            self._refuse(*STATUS_OF[kind], headers, skew=kind is Kind.CLOCK_SKEW)
        return kind in _SILENT or kind in STATUS_OF

    def _refuse(self, status: int, code: str, headers: dict[str, str] | None = None, *, skew: bool = False) -> None:
        body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>-</Message></Error>'.encode()
        said = {"x-ms-error-code": code, "Content-Type": "application/xml", **(headers or {})}
        self._head(status, said, len(body), skew)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str], length: int, skew: bool = False) -> None:
        self.send_response_only(status)
        now = datetime.now(UTC) + timedelta(minutes=20 if skew else 0)
        fixed = {"Date": format_datetime(now, usegmt=True), "x-ms-request-id": "1", "x-ms-version": "2025-01-05"}
        for key, value in {**fixed, **headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()

    def _send(self, status: int, headers: dict[str, str], content: bodies.Answer, fault: Fault | None) -> None:
        self._head(status, {"Accept-Ranges": "bytes", **headers}, content.promised)
        if self.command == "HEAD":
            return
        if fault and fault.kind is Kind.TRICKLE:
            self._trickle(content.sent)
            return
        for start in range(0, len(content.sent), bodies.PIECE):
            piece = content.sent[start : start + bodies.PIECE]
            self.server.on_bytes(len(piece))
            self.wfile.write(piece)
        if len(content.sent) < content.promised:
            self._end_early(fault.kind if fault else Kind.PARTIAL_THEN_FIN)

    def _end_early(self, kind: Kind) -> None:
        if kind in {Kind.PARTIAL_THEN_HANG, Kind.NONE_THEN_HANG}:
            self._hold()
        if kind in {Kind.PARTIAL_THEN_RST, Kind.NONE_THEN_RST}:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        os.close(self.connection.detach())  # at once and without TLS's farewell, as a machine that dies

    def _hold(self, seconds: float = float("inf")) -> bool:
        """Wait; return False as soon as the client goes away or the server ends."""
        waited = 0.0
        while waited < seconds and not self.server.stopping.is_set():
            if select.select([self.connection], [], [], min(0.2, seconds - waited))[0]:
                return False
            waited += 0.2
        return not self.server.stopping.is_set()

    def _trickle(self, content: bytes) -> None:
        self.close_connection = True
        for byte in content:
            self.wfile.write(bytes([byte]))
            if not self._hold(_TICK):
                return
