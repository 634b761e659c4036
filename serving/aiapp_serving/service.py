"""The app behind the routes: being loaded, then ready for ever."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aiapp_models.errors import Reason, SourceError
from aiapp_serving.errors import ScriptError
from aiapp_serving.scoring import Scorer, load_scorer, prepare
from aiapp_serving.termination import leave_last_word

LOG = logging.getLogger("aiapp.serve")


class ScoringService:
    """Holds the scorer once its `init` has returned; `scorer` is None until then."""

    def __init__(self, script: Path) -> None:
        self.scorer: Scorer | None = None
        self._script = script

    def load(self) -> None:
        """Read score.py and call its `init`.

        Raises:
            ScriptError: see scoring.
        """
        started = time.monotonic()
        LOG.info("loading %s", self._script)
        scorer = load_scorer(self._script)
        prepare(scorer, self._script)
        self.scorer = scorer
        LOG.info("ready after %.1f s", time.monotonic() - started)

    def load_in_background(self, on_failure: Callable[[ScriptError], object]) -> None:
        """Load while the server answers that it is not ready yet."""

        def run() -> None:
            try:
                self.load()
            except ScriptError as error:
                on_failure(error)

        threading.Thread(target=run, name="load", daemon=True).start()


def end_process(error: ScriptError) -> None:
    """End a process that can never serve, with the reason as its last word; nothing of it is worth a clean-up."""
    LOG.critical("%s", error, exc_info=error.__cause__)
    leave_last_word(SourceError(Reason.LOAD_FAILED, f"{error}; the container's log has the whole error"))
    logging.shutdown()
    os._exit(1)
