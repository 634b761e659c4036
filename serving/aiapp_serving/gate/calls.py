"""One HTTP request with an end: no redirect, no proxy, at most 1 MiB of answer, and a deadline over all of it.

`http.client` follows and asks nobody by itself, and is there at once; a client library takes longer to import than most
gates take.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import SplitResult, urlsplit

from aiapp_serving.gate.cases import Request
from aiapp_serving.gate.expectations import Answer

MAX_ANSWER_BYTES: Final = 1024 * 1024
READ_BYTES: Final = 64 * 1024


class NoAnswer(Exception):  # noqa: N818
    """No answer that can be judged; the text says why.

    refused: nothing listens there. too_late: the deadline was over. too_large: more than MAX_ANSWER_BYTES.
    """

    def __init__(self, message: str, *, refused: bool = False, too_late: bool = False, too_large: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        self.too_late = too_late
        self.too_large = too_large


class Endpoint:
    """An app's address; paths are added to its own.

    Raises:
        ValueError: it is no http or https address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url[:128]!r} is no address; write http://HOST:PORT")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("an address with a login, a query or a fragment is not supported; write http://HOST:PORT")
        self.url = url.rstrip("/")
        self._parts = parts
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls: ssl.SSLContext | None = None

    def get(self, path: str, seconds: float) -> Answer:
        """Send a GET; see `ask`."""
        return self.ask(Request(path, "GET", None, ""), seconds)

    def ask(self, request: Request, seconds: float) -> Answer:
        """Send a request and read the whole answer, in `seconds` at most.

        Over a connection of its own: one that was kept may be closed just then, which would look like the app's fault.

        Raises:
            NoAnswer: there was none in time, or none that can be judged.
        """
        started = time.monotonic()
        deadline = _Deadline(seconds)
        connection = self._connection(seconds)
        try:
            with deadline.in_words():
                connection.connect()
                with deadline.ending(connection.sock):
                    status, body = self._exchange(connection, request)
        finally:
            connection.close()
        return Answer(status, body, time.monotonic() - started)

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> tuple[int, bytes]:
        headers = {"Accept": "application/json, */*", "Connection": "close", "User-Agent": "aiapp-gate"}
        if request.content_type and request.method != "GET":
            headers["Content-Type"] = request.content_type
        body = request.body if request.method != "GET" else None
        connection.request(request.method, _path(self._parts, request.path), body, headers)
        response = connection.getresponse()
        received = bytearray()
        while chunk := response.read(READ_BYTES):
            received += chunk
            if len(received) > MAX_ANSWER_BYTES:
                raise NoAnswer("the answer is larger than 1 MiB", too_large=True)
        if response.length:  # what Content-Length promised and did not come
            raise http.client.IncompleteRead(bytes(received), response.length)
        return response.status, bytes(received)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        host = self._parts.hostname or ""
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, self._port, timeout=seconds)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return http.client.HTTPSConnection(host, self._port, timeout=seconds, context=self._tls)


class _Deadline:
    """Ends a request that goes on and on: a socket's own timeout begins anew with every byte."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._over = False

    @contextmanager
    def ending(self, connected: socket.socket) -> Iterator[None]:
        """Shut the connection down when the time is over."""
        timer = threading.Timer(max(0.0, self._end - time.monotonic()), self._shut_down, [connected])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if self._over:  # an answer without a length ends where the connection does
            raise self._too_late()

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Turn the errors of a connection into NoAnswer."""
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._over or isinstance(error, TimeoutError):
                raise self._too_late() from None
            raise _no_answer(error) from None

    def _shut_down(self, connected: socket.socket) -> None:
        self._over = True
        try:
            connected.shutdown(socket.SHUT_RDWR)
        except OSError:  # closed meanwhile, which is what was wanted
            return

    def _too_late(self) -> NoAnswer:
        return NoAnswer(f"no whole answer within {self._seconds:.3g} s", too_late=True)


def _no_answer(error: Exception) -> NoAnswer:
    if isinstance(error, ConnectionRefusedError):
        return NoAnswer("the connection is refused: nothing listens there", refused=True)
    if isinstance(error, ssl.SSLError):
        return NoAnswer(f"no TLS connection: {error.reason or error}")
    if isinstance(error, socket.gaierror):
        return NoAnswer("its host name is not known")
    if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead | ConnectionError):
        return NoAnswer("the app closed the connection before it had answered")
    if isinstance(error, OSError):
        return NoAnswer(f"no connection: {error.strerror or error}")
    return NoAnswer(f"what came back is no HTTP ({type(error).__name__})")


def _path(parts: SplitResult, path: str) -> str:
    return parts.path.rstrip("/") + path
