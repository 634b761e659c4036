"""The line before the model: short, so that a server with too much to do says so at once and goes on answering.

A body is read before its request joins the line: one that comes slowly, or never, takes no place from the others.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Final

from aiapp_serving.answer import Answer
from aiapp_serving.errors import Refused
from aiapp_serving.metrics import WorkerMetrics

MAX_WAITING: Final = 96
"""Requests that may wait to be scored; one more is told to come again."""
MAX_READING: Final = 512
"""Requests whose bodies may still be coming. Granian ends no slow body, so each may hold a thread as long as it likes;
one that waits takes about 50 KB."""
BODIES: Final = 4
"""Of the largest size that are in memory at a time; as Python objects they take several times as much."""
PIECE: Final = 65536
"""Bytes that are read at a time; larger bodies are counted as they come, not as they are announced."""
RETRY: Final = (("Retry-After", "5"),)


class Admission:
    """Lets requests in, then on to the model.

    threads: how many are scored at a time. max_body_bytes: of one request.
    """

    def __init__(self, threads: int, max_body_bytes: int, metrics: WorkerMetrics) -> None:
        self._in_flight = metrics.in_flight
        self._turned_away = metrics.turned_away
        self._most = threads + MAX_WAITING
        self._most_bytes = BODIES * max_body_bytes
        self._max_body_bytes = max_body_bytes
        self._lock = threading.Lock()  # guards the two below
        self._admitted = 0
        self._bytes = 0
        self._reading: list[None] = []  # one for each; append and pop need no lock, and one too many does no harm
        # A queue of turns: of what threading has to count with, it alone is written in C.
        self._turns: SimpleQueue[None] = SimpleQueue()
        for _ in range(threads):
            self._turns.put(None)

    def scored(self, environ: Mapping[str, Any], score: Callable[[bytes, Mapping[str, Any]], Answer]) -> Answer:
        """Return what `score` answers to the request's body.

        Raises:
            Refused: 503, the line is too long or too many bytes are in it; 400 or 413, the body is not whole.
        """
        body = self.read(environ)
        size = len(body)
        self.enter(size)
        try:
            self._turns.get()
            try:
                return score(body, environ)
            finally:
                self._turns.put(None)
        finally:
            self.leave(size)

    def read(self, environ: Mapping[str, Any]) -> bytes:
        """Return the body, not a byte of which is read while the line is full.

        Raises:
            Refused: 503, too many requests wait, are still coming or are too large together; 400 or 413, the body is
                not whole.
        """
        size = self._size(environ)
        if self._admitted >= self._most or len(self._reading) >= MAX_READING:
            raise self._full()
        if self._bytes + min(size, PIECE) > self._most_bytes:
            raise self._full()
        if not size:
            return b""
        self._reading.append(None)
        try:
            body = environ["wsgi.input"].read(size) if size <= PIECE else self._pieces(environ["wsgi.input"], size)
        finally:
            self._reading.pop()
        if len(body) > self._max_body_bytes:
            raise self._too_large()
        if environ.get("CONTENT_LENGTH") and len(body) != size:
            raise Refused(400, f"the body ended after {len(body)} of {size} bytes")
        return body

    def enter(self, size: int) -> None:
        """Take a place in the line for a request whose body has `size` bytes.

        Raises:
            Refused: 503, there is none.
        """
        with self._lock:
            if self._admitted < self._most and self._bytes + size <= self._most_bytes:
                self._admitted += 1
                self._bytes += size
                self._in_flight(self._admitted)
                return
        raise self._full()

    def leave(self, size: int) -> None:
        """Give the place back."""
        with self._lock:
            self._admitted -= 1
            self._bytes -= size
            self._in_flight(self._admitted)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until fewer requests are worked on than there are threads for."""
        self._turns.get()
        try:
            yield
        finally:
            self._turns.put(None)

    def _pieces(self, source: Any, size: int) -> bytes:
        """Read a large body. What is not whole yet leaves room for one body, so that small ones always fit beside."""
        body = bytearray()
        try:
            while len(body) < size:
                piece = source.read(min(PIECE, size - len(body)))
                if not piece:
                    break
                with self._lock:
                    if self._bytes + len(piece) > self._most_bytes - self._max_body_bytes:
                        raise self._full()
                    self._bytes += len(piece)
                body += piece
            return bytes(body)
        finally:
            with self._lock:
                self._bytes -= len(body)

    def _size(self, environ: Mapping[str, Any]) -> int:
        """Return how many bytes of the body to read: one more than are allowed if it does not say its length."""
        length = environ.get("CONTENT_LENGTH")
        if not length:
            return self._max_body_bytes + 1 if "HTTP_TRANSFER_ENCODING" in environ else 0
        size = _length(length)
        if size > self._max_body_bytes:
            raise self._too_large()
        return size

    def _full(self) -> Refused:
        self._turned_away()
        return Refused(503, "too many requests are waiting already", RETRY)

    def _too_large(self) -> Refused:
        return Refused(413, f"the body is larger than {self._max_body_bytes} bytes")


def _length(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise Refused(400, "Content-Length is no number")
    return int(text)
