"""Where everything that is downloaded or built is kept: outside the checkout, and only here."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Report = Callable[[str], None]
"""Takes one line that says what is being done or waited for."""

REMIND_SECONDS = 15.0
"""Whoever waits for another process says so this often."""
POLL_SECONDS = 0.5


def cache_dir() -> Path:
    """Return `$AIAPP_CACHE`, else `aiapp` in the user's cache directory. It need not exist yet."""
    chosen = os.environ.get("AIAPP_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aiapp"


@contextmanager
def locked(name: str, what: str, report: Report) -> Iterator[None]:
    """Keep other processes out of `what` until the block ends, saying now and then that it waits for them.

    The lock is the kernel's: it ends with the process that holds it, however that one ends.
    """
    path = cache_dir() / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        started = time.monotonic()
        next_line = 0.0
        while not _try_lock(file.fileno()):
            waited = time.monotonic() - started
            if waited >= next_line:
                report(f"{what}: another process is at it, waiting for {duration(waited)}")
                next_line = waited + REMIND_SECONDS
            time.sleep(POLL_SECONDS)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def duration(seconds: float) -> str:
    """Return whole seconds as people say them: `9 s`, `2 min 10 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
