"""How the commands talk: plain lines, red only on a terminal that wants colour."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("operator", "serving", "tests", "examples", "examples/digits", "benchmarks")
QUIET_SECONDS = 20.0
"""A command that prints nothing for longer gets a line that says it still runs."""


class TaskError(Exception):
    """A command cannot go on; the message says what to type next."""


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


def fail(text: str) -> None:
    """Print an error, in red where colour is wanted."""
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    print(f"\033[31m{text}\033[0m" if colour else text, file=sys.stderr, flush=True)


def python_path() -> dict[str, str]:
    """Return the environment in which the checkout's packages are importable."""
    roots = os.pathsep.join(str(ROOT / root) for root in SOURCE_ROOTS)
    return {**os.environ, "PYTHONPATH": roots}


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> int:
    """Run a command in the checkout, its output going straight through; return its exit status.

    Ctrl-C reaches the command too. It is waited for, because it takes down what it started before it ends.
    """
    with subprocess.Popen([str(part) for part in command], cwd=ROOT, env=env or python_path()) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def run_quietly(what: str, command: Sequence[str | Path]) -> None:
    """Run a command whose output matters only when it fails, saying now and then that it still runs.

    Raises:
        TaskError: the command failed; its last lines are in the message.
    """
    started = time.monotonic()
    done = threading.Event()

    def remind() -> None:
        while not done.wait(QUIET_SECONDS):
            say(f"  {what}: still running, {time.monotonic() - started:.0f} s")

    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        result = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        done.set()
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-15:])
        raise TaskError(f"{what} failed (exit {result.returncode}):\n{tail}")
    say(f"  {what}: {time.monotonic() - started:.0f} s")
