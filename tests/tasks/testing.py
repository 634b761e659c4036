"""`make test`: unit tests while the cluster is built, then the tests on the real cluster."""

import subprocess
import sys
import threading
from collections.abc import Sequence

from tasks.console import ROOT, TaskError, fail, python_path, run, say
from tasks.environment import ensure_environment

NOTHING_COLLECTED = 5


def test(arguments: Sequence[str]) -> int:
    """Run the unit tests and the cluster tests; arguments go to the second pytest; return the exit status."""
    python = ensure_environment("dev")
    build = _BackgroundBuild([str(python), "-m", "cluster", "build"])
    say("== unit tests (the cluster's parts are built meanwhile)")
    unit = run([python, "-m", "pytest", "-q", "--no-header", "tests/house", "tests/unit"])
    say("== the cluster's parts")
    if build.follow():
        raise TaskError("the cluster's parts could not be built; the lines above say why. Again: make test")
    say("== tests on a real cluster")
    real = run([python, "-m", "pytest", "-v", "--no-header", "tests/e2e", *arguments])
    if unit or real:
        fail(f"failed: {'unit tests' if unit else ''} {'cluster tests' if real else ''}".rstrip())
    return 1 if unit or real else 0


class _BackgroundBuild:
    """A build whose lines are kept until somebody follows them, so that they do not mix with the unit tests' lines."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=python_path(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._kept: list[str] = []
        self._following = False
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._lock:
                if self._following:
                    sys.stdout.write(line)
                    sys.stdout.flush()
                else:
                    self._kept.append(line)

    def follow(self) -> int:
        """Print the last kept lines and all that follow; return the exit status."""
        with self._lock:
            self._following = True
            sys.stdout.writelines(self._kept[-5:])
            sys.stdout.flush()
        status = self._process.wait()
        self._reader.join()
        return status
