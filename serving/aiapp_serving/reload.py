"""`aiapp-serve --reload`: the server as a process of its own, started anew when the code or the model changes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

POLL_MILLISECONDS: Final = 500
"""How soon an app that ended by itself is told."""
RED, PLAIN = "\033[31m", "\033[0m"
MISSING = 'aiapp-serve: --reload needs the package watchfiles; pip install "aiapp[laptop]"'


def serve_with_reload(arguments: Sequence[str], score: Path, model: Path | None) -> int:
    """Serve until told to stop; a change of a Python file beside score.py, or of the model's folder, starts it anew.

    An app that cannot be loaded is told and tried again at the next change. Return the exit status.
    """
    try:
        import watchfiles  # noqa: PLC0415 - of a laptop; no image has it
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    folders = [folder for folder in {score.resolve().parent, model} if folder is not None and folder.is_dir()]
    standard, matters = watchfiles.DefaultFilter(), _matters(model)
    app = _App([word for word in arguments if word != "--reload"])
    app.start()
    for changes in watchfiles.watch(
        *folders,
        watch_filter=lambda change, path: standard(change, path) and matters(Path(path)),
        stop_event=stopped,
        yield_on_timeout=True,
        rust_timeout=POLL_MILLISECONDS,
        raise_interrupt=False,
    ):
        if changes:
            say(f"changed: {_shown(path for _, path in changes)}; starting anew")
            app.stop()
            app.start()
        else:
            app.tell_if_ended()
    return app.stop()


class _App:
    """The server's process, one after the other."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "aiapp_serving", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._told = False

    def start(self) -> None:
        """Start it; the model's folder comes with the environment."""
        self._process = subprocess.Popen(self._command, env=dict(os.environ))
        self._told = False

    def stop(self) -> int:
        """End it at once, without the linger that clients in a cluster need; return its exit status."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self._process.wait()

    def tell_if_ended(self) -> None:
        """Say once that it ended by itself; its own last line says why."""
        if self._process is None or self._told or (status := self._process.poll()) is None:
            return
        self._told = True
        say(f"the app ended with status {status}, see above; waiting for a change", red=True)


def say(sentence: str, *, red: bool = False) -> None:
    """Print one line for people; red where a terminal shows it."""
    colour, end = (RED, PLAIN) if red and sys.stderr.isatty() else ("", "")
    print(f"{colour}aiapp-serve: {sentence}{end}", file=sys.stderr, flush=True)


def _matters(model: Path | None) -> Callable[[Path], bool]:
    """Return what tells code and model from files that an app may write beside them."""
    return lambda path: path.suffix == ".py" or (model is not None and path.is_relative_to(model))


def _shown(paths: Iterable[Any]) -> str:
    names = sorted({Path(path).name for path in paths})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
