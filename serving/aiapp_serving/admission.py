"""The line before the model: short, so that a server with too much to do says so at once and goes on answering."""

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
BODIES: Final = 4
"""Of the largest size that are in memory at a time; as Python objects they take several times as much."""
RETRY: Final = (("Retry-After", "5"),)


class Admission:
    """Lets requests in, then on to the model.

    threads: how many are scored at a time. max_body_bytes: of one request.
    """

    def __init__(self, threads: int, max_body_bytes: int, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._most = threads + MAX_WAITING
        self._most_bytes = BODIES * max_body_bytes
        self._max_body_bytes = max_body_bytes
        self._lock = threading.Lock()  # guards the two below
        self._admitted = 0
        self._bytes = 0
        # A queue of turns: of what threading has to count with, it alone is written in C.
        self._turns: SimpleQueue[None] = SimpleQueue()
        for _ in range(threads):
            self._turns.put(None)

    def scored(self, environ: Mapping[str, Any], score: Callable[[bytes, Mapping[str, Any]], Answer]) -> Answer:
        """Return what `score` answers to the request's body; a place in the line is taken before a byte is read.

        Raises:
            Refused: 503, the line is too long or too many bytes are in it; 400, 408 or 413, the body is not whole.
        """
        size = self._size(environ)
        self.enter(size)
        try:
            body = self._read(environ)
            self._turns.get()
            try:
                return score(body, environ)
            finally:
                self._turns.put(None)
        finally:
            self.leave(size)

    def enter(self, size: int) -> None:
        """Take a place in the line for a request whose body has `size` bytes.

        Raises:
            Refused: 503, there is none.
        """
        with self._lock:
            if self._admitted < self._most and self._bytes + size <= self._most_bytes:
                self._admitted += 1
                self._bytes += size
                self._metrics.in_flight(self._admitted)
                return
        self._metrics.turned_away()
        raise Refused(503, "too many requests are waiting already", RETRY)

    def leave(self, size: int) -> None:
        """Give the place back."""
        with self._lock:
            self._admitted -= 1
            self._bytes -= size
            self._metrics.in_flight(self._admitted)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until fewer requests are worked on than there are threads for."""
        self._turns.get()
        try:
            yield
        finally:
            self._turns.put(None)

    def _size(self, environ: Mapping[str, Any]) -> int:
        """Return how many bytes the body will take at most: one that does not say so may be as large as any."""
        length = environ.get("CONTENT_LENGTH")
        if not length:
            return self._max_body_bytes if "HTTP_TRANSFER_ENCODING" in environ else 0
        size = _length(length)
        if size > self._max_body_bytes:
            raise self._too_large()
        return size

    def _read(self, environ: Mapping[str, Any]) -> bytes:
        length = environ.get("CONTENT_LENGTH")
        if length:
            size = int(length)
            body: bytes = environ["wsgi.input"].read(size)
            if len(body) != size:
                raise Refused(400, f"the body ended after {len(body)} of {size} bytes")
            return body
        if "HTTP_TRANSFER_ENCODING" not in environ:
            return b""
        body = environ["wsgi.input"].read(self._max_body_bytes + 1)
        if len(body) > self._max_body_bytes:
            raise self._too_large()
        return body

    def _too_large(self) -> Refused:
        return Refused(413, f"the body is larger than {self._max_body_bytes} bytes")


def _length(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise Refused(400, "Content-Length is no number")
    return int(text)
