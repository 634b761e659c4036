"""The app behind the addresses: being loaded, then ready for ever."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from aiapp_models.errors import Reason, SourceError
from aiapp_serving.errors import ScriptError
from aiapp_serving.loading import Loaded, load
from aiapp_serving.memory import memory_limit, model_bytes, out_of_memory, too_large
from aiapp_serving.reload import say
from aiapp_serving.settings import MAX_BODY_BYTES, ServeSettings
from aiapp_serving.termination import leave_last_word

if TYPE_CHECKING:  # the server answers its first probe before what follows is imported
    from wsgiref.types import WSGIApplication

    from aiapp_serving.endpoints import Endpoints
    from aiapp_serving.engine import Engine

LOG = logging.getLogger("aiapp.serve")
MAX_WAITING: Final = 96
"""Requests that may wait to be scored; one more is told to come again."""
MAX_ADMITTED_BYTES: Final = 4 * MAX_BODY_BYTES
"""Bodies of all requests that wait or are scored; as Python objects they take several times as much memory."""


class Busy(Exception):  # noqa: N818
    """More requests wait than is worth it."""


class ScoringService:
    """Holds what answers once it is loaded: `endpoints`, or a WSGI app of the user's; both are None until then.

    engine: behind the endpoints. load_seconds: how long loading took, None until then.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.engine: Engine | None = None
        self.endpoints: Endpoints | None = None
        self.wsgi_app: WSGIApplication | None = None
        self.load_seconds: float | None = None
        self._settings = settings
        self._scoring = threading.BoundedSemaphore(settings.threads)
        self._most_admitted = settings.threads + MAX_WAITING
        self._lock = threading.Lock()  # guards the two below
        self._admitted = 0
        self._admitted_bytes = 0

    @property
    def ready(self) -> bool:
        """Tell whether requests can be answered."""
        return self.load_seconds is not None

    @contextmanager
    def admitted(self, size: int) -> Iterator[None]:
        """Hold a place in the line for a request whose body has `size` bytes; entered before the body is read.

        Raises:
            Busy: the line is too long, or too many bytes are in it.
        """
        with self._lock:
            if self._admitted == self._most_admitted or self._admitted_bytes + size > MAX_ADMITTED_BYTES:
                raise Busy
            self._admitted += 1
            self._admitted_bytes += size
        try:
            yield
        finally:
            with self._lock:
                self._admitted -= 1
                self._admitted_bytes -= size

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until it is this request's turn to be scored."""
        with self._scoring:
            yield

    def load(self) -> None:
        """Load the user's code or the model; afterwards the app is ready.

        Raises:
            ScriptError: see loading.
        """
        started = time.monotonic()
        loaded = self._loaded()
        if loaded.engine is not None:
            from aiapp_serving.endpoints import Endpoints  # noqa: PLC0415

            self.engine = loaded.engine
            self.endpoints = Endpoints(loaded.engine, self._settings.release)
        self.wsgi_app = loaded.app
        self.load_seconds = time.monotonic() - started
        LOG.info("ready after %.1f s", self.load_seconds)

    def _loaded(self) -> Loaded:
        model, limit = self._settings.model, memory_limit()
        size = model_bytes(model) if model else 0
        if warning := too_large(size, limit):
            LOG.warning("%s", warning)  # while there is a process to say so: the kernel ends it without a word
        try:
            return load(self._settings)
        except ScriptError as error:
            if isinstance(error.__cause__, MemoryError):
                raise ScriptError(out_of_memory(size, limit)) from error.__cause__
            raise
        except MemoryError as error:
            raise ScriptError(out_of_memory(size, limit)) from error

    def load_in_background(self, on_failure: Callable[[ScriptError], object]) -> threading.Thread:
        """Load while the server answers that it is not ready yet; return the thread that does."""

        def run() -> None:
            try:
                self.load()
            except ScriptError as error:
                on_failure(error)

        thread = threading.Thread(target=run, name="load", daemon=True)
        thread.start()
        return thread


def end_process(error: ScriptError) -> None:
    """End a process that can never serve, with the reason as its last word; nothing of it is worth a clean-up."""
    LOG.critical("%s", error, exc_info=error.__cause__)
    if sys.stderr.isatty():
        say(str(error), red=True)  # people read no JSON
    leave_last_word(SourceError(Reason.LOAD_FAILED, f"{error}; the container's log has the whole error"))
    logging.shutdown()
    os._exit(1)
