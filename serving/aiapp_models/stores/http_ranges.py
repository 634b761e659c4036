"""Ranges of files over HTTP: one GET each over connections that are kept, read into the caller's buffer.

The stores say where and with which headers; this module knows no store and no credentials.
"""

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from aiapp_models.addresses import Endpoint, parse_url
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.answers import xml_code
from aiapp_models.stores.connection import (
    CONNECT_SECONDS,
    READ_SECONDS,
    DeadlineContext,
    Network,
    network_problem,
    tls_context,
)
from aiapp_models.stores.guarded import open_connection, refuse_url

SLOWEST_BYTES_PER_SECOND: Final = 64 * 1024
"""A range that comes more slowly counts as broken: 1 GiB over one such connection would take four hours."""
REFUSAL_BYTES: Final = 16 * 1024
"""As much of a refusal is read as its error code can be in."""

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(?:\d{1,19}|\*)")
_BROKEN: Final = (OSError, http.client.HTTPException)


class HttpRefusal(Exception):  # noqa: N818 - an answer, which each store puts into its own words
    """The server answered, but not with the range.

    status: of HTTP. code: the store's own word for it, or empty. headers: names in lower case.
    """

    def __init__(self, status: int, code: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {status} {code}".rstrip())
        self.status = status
        self.code = code
        self.headers = headers


class RangeClient:
    """Opens ranges from several threads at once; a connection whose range was read to its end is used again."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._tls: DeadlineContext | None = None  # made with the first connection: who only lists needs none
        self._idle: dict[Endpoint, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle = [connection for connections in self._idle.values() for connection in connections]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def open(self, url: str, headers: Mapping[str, str], offset: int, length: int, where: str) -> "HttpRangeReader":
        """Ask for `length` bytes from `offset`; `where` names the file in errors, which never have the URL.

        Raises:
            HttpRefusal: any answer but 206 with this range, or 200 with a whole file of this length.
            SourceError: StoreUnreachable, or what the network rules say about the address.
        """
        refuse_url(self._network.rules, url, where)
        endpoint, parts = parse_url(url), urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        wanted = {**headers, "Range": f"bytes={offset}-{offset + length - 1}"}
        try:
            connection, response = self._ask(endpoint, target, wanted)
        except _BROKEN as error:
            raise _unreachable(where, error, endpoint.host) from None
        reader = HttpRangeReader(self, endpoint, connection, response, where)
        if _is_range(response, offset, length):
            return reader
        try:
            raise _refusal(response)
        except _BROKEN as error:
            raise _unreachable(where, error, endpoint.host) from None
        finally:
            reader.abandon()

    def keep(self, endpoint: Endpoint, connection: http.client.HTTPConnection) -> None:
        """Take back a connection whose answer was read to its end."""
        with self._lock:
            self._idle.setdefault(endpoint, []).append(connection)

    def _ask(
        self, endpoint: Endpoint, target: str, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send the request; over a new connection when the server has closed the kept one meanwhile."""
        with self._lock:
            kept = self._idle.get(endpoint)
            connection = kept.pop() if kept else None
        if connection is not None:
            try:
                return connection, _send(connection, target, headers)
            except (ConnectionError, http.client.BadStatusLine):
                connection.close()
        connection = open_connection(self._network.rules, self._context(), endpoint, CONNECT_SECONDS)
        connection.auto_open = 0  # what it opened by itself would have been judged by no rule
        connection.sock.settimeout(READ_SECONDS)
        return connection, _send(connection, target, headers)

    def _context(self) -> DeadlineContext:
        with self._lock:
            if self._tls is None:
                self._tls = tls_context(self._network.trust_bundle)
            return self._tls


class HttpRangeReader:
    """The body of one answer; not for several threads at once."""

    def __init__(
        self,
        client: RangeClient,
        endpoint: Endpoint,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        where: str,
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._connection = connection
        self._response = response
        self._where = where
        self._receive = _receiver(connection.sock)
        self._buffered = True
        self._left = response.length or 0
        self._got = 0
        self._closed = False
        self._started = time.monotonic()

    def readinto(self, buffer: memoryview) -> int:
        """Read what has arrived, at least one byte; 0 at the end.

        Raises:
            SourceError: StoreUnreachable, the connection broke, went silent or is too slow.
        """
        if not self._left:
            return 0
        wanted = buffer[: self._left]
        try:
            if self._receive is None or self._buffered:
                # One read of the socket at most: to fill the buffer, `response.readinto` would wait without a limit.
                count = self._response.fp.readinto1(wanted)
                self._buffered = count == len(wanted)  # else nothing is left of what came with the headers
            else:
                count = self._receive(wanted)
        except _BROKEN as error:
            raise _unreachable(self._where, error, self._endpoint.host) from None
        if not count:
            broken = ConnectionResetError("closed before the end")
            raise _unreachable(self._where, broken, self._endpoint.host) from None
        self._left -= count
        self._got += count
        self._refuse_a_trickle()
        return count

    def close(self) -> None:
        """Give the connection back, or end it if there is something left to read."""
        if self._closed:
            return
        if self._left or self._response.will_close:
            self.abandon()
            return
        self._closed = True
        self._response.close()
        self._client.keep(self._endpoint, self._connection)

    def abandon(self) -> None:
        """End the connection."""
        self._closed = True
        self._left = 0
        self._response.close()
        self._connection.close()

    def _refuse_a_trickle(self) -> None:
        seconds = time.monotonic() - self._started - READ_SECONDS
        if seconds > 0 and self._got < seconds * SLOWEST_BYTES_PER_SECOND:
            raise _unreachable(self._where, TimeoutError("too slow"), self._endpoint.host)


def _send(connection: http.client.HTTPConnection, target: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    try:
        connection.request("GET", target, headers=dict(headers))
        return connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _receiver(opened: socket.socket | None) -> Callable[[memoryview], int] | None:
    """Return what reads a socket by the shortest way: TLS comes in pieces of 16 KiB, so each call in between counts.

    None: the server ends the connection with this answer, and the response alone still holds its socket.
    """
    if isinstance(opened, ssl.SSLSocket):
        return lambda buffer: opened.read(len(buffer), buffer)  # type: ignore[return-value]  # a number, given a buffer
    return opened.recv_into if opened else None


def _is_range(response: http.client.HTTPResponse, offset: int, length: int) -> bool:
    """Tell whether the body is the range and says how long it is; how much really comes is the reader's business."""
    if response.length is None or response.chunked:
        return False
    if response.status == 200:
        return offset == 0 and response.length == length
    match = _CONTENT_RANGE.fullmatch(response.getheader("Content-Range", ""))
    return response.status == 206 and match is not None and int(match[1]) == offset


def _refusal(response: http.client.HTTPResponse) -> HttpRefusal:
    headers = {name.lower(): value for name, value in response.getheaders()}
    code = headers.get("x-ms-error-code", "")
    if not code and response.status >= 400:
        code = xml_code(response.read(REFUSAL_BYTES))
    return HttpRefusal(response.status, code, headers)


def _unreachable(where: str, error: BaseException, host: str) -> SourceError:
    return SourceError(Reason.STORE_UNREACHABLE, f"{where}: {network_problem(error, host)}", transient=True)
