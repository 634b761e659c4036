"""The app behind the addresses: being loaded, then ready for ever."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiapp_models.errors import Reason, SourceError
from aiapp_serving.errors import ScriptError
from aiapp_serving.loading import Loaded, load
from aiapp_serving.memory import memory_limit, model_bytes, out_of_memory, too_large
from aiapp_serving.reload import say
from aiapp_serving.settings import ServeSettings
from aiapp_serving.termination import leave_last_word

if TYPE_CHECKING:  # the server answers its first probe before what follows is imported
    from wsgiref.types import WSGIApplication

    from aiapp_serving.endpoints import Endpoints
    from aiapp_serving.engine import Engine

LOG = logging.getLogger("aiapp.serve")


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

    @property
    def ready(self) -> bool:
        """Tell whether requests can be answered."""
        return self.load_seconds is not None

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
