"""Commands that run side by side, their lines told apart by a name in front."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.console import ROOT, python_path

WIDTH = 8
_PRINTING = threading.Lock()
_FAILURE = re.compile(r"(\x1b\[\d+m)*(FAILED|ERROR)\b")
"""A line of the summary that pytest ends with."""


class Lane:
    """A command that runs beside others; what it prints comes line by line, with the lane's name in front.

    Ctrl-C reaches the command too. It is waited for, because it takes down what it started before it ends.
    failures: the tests that pytest's summary names.
    """

    def __init__(self, name: str, command: Sequence[str | Path], more: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.last_line = ""
        self.failures: list[str] = []
        self._process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env={**python_path(), **_colours(), **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Return the exit status once the command has ended and all its lines are printed."""
        while True:
            try:
                status = self._process.wait()
                self._reader.join()
                return status
            except KeyboardInterrupt:
                continue

    def _read(self) -> None:
        with self._process.stdout or contextlib.nullcontext(()) as lines:
            for line in filter(str.strip, lines):
                self.last_line = line.strip()
                if _FAILURE.match(self.last_line):
                    self.failures.append(self.last_line)
                with _PRINTING:
                    sys.stdout.write(f"{self.name:<{WIDTH}} {line.rstrip()}\n")
                    sys.stdout.flush()


def _colours() -> dict[str, str]:
    """Colours where the command itself would have seen a terminal."""
    return {"PY_COLORS": "1"} if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else {}
