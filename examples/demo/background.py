"""What act two needs is installed and built while act one is told."""

import os
import signal
import subprocess
import sys
import threading
from types import TracebackType
from typing import Final

from demo.machine import ROOT
from demo.narration import Narrator, StoryError

ENDING_SECONDS: Final = 10.0


class Preparation:
    """`python -m demo.preparation` as a child in a session of its own: Ctrl-C reaches the demo alone, which ends it.

    The build keeps what is finished, so ending it loses little.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "demo.preparation"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = ["starting"]
        self._told = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Preparation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def tell(self, narrator: Narrator) -> None:
        """Say how far it is, if that changed since it was last said."""
        if len(self._lines) > self._told:
            self._told = len(self._lines)
            narrator.aside(f"meanwhile, in the background: {self._lines[-1]}")

    def join(self, narrator: Narrator) -> None:
        """Wait until everything is built.

        Raises:
            StoryError: the build failed.
        """
        with narrator.step("Kubernetes and its companions are there", self._lines[-1]):
            while self._process.poll() is None:
                self._reader.join(0.5)
                narrator.waits_for(self._lines[-1])
            self._reader.join()
            if self._process.returncode:
                words = "\n".join(self._lines[-8:])
                raise StoryError(
                    f"what act two needs could not be installed or built:\n{words}",
                    "make demo   (it goes on from there)",
                )

    def _read(self) -> None:
        for line in self._process.stdout or ():
            if line.strip():
                self._lines.append(line.strip())
