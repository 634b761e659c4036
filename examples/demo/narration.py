"""How the story is told: one line for everything that happens, and what is waited for while nothing does.

On a terminal the last line moves; into a pipe it is plain lines, one at least every REMIND_SECONDS.
"""

import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

import ask

REMIND_SECONDS: Final = 15.0
"""Half of what is promised, so that a busy machine keeps the promise."""
REFRESH_SECONDS: Final = 0.5
COLOURS: Final = {"red": "31", "green": "32", "bold": "1", "dim": "2"}
CLEAR_LINE: Final = "\r\033[K"


class StoryError(Exception):
    """The story cannot go on. `next_command` is what to type."""

    def __init__(self, message: str, next_command: str) -> None:
        super().__init__(message)
        self.next_command = next_command


@dataclass(frozen=True, slots=True)
class Taken:
    """How long a step took; `ended` is False for one that failed."""

    step: str
    seconds: float
    ended: bool


@dataclass(slots=True)
class Narrator:
    """Prints the story and remembers the seconds of its steps. May be used by several threads."""

    stream: TextIO
    terminal: bool
    colour: bool
    taken: list[Taken] = field(default_factory=list)
    _waiting: str = ""
    _since: float = 0.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def of(cls, stream: TextIO, env: Mapping[str, str]) -> "Narrator":
        """A narrator for this stream; colours only on a terminal whose owner did not say NO_COLOR."""
        terminal = stream.isatty() and env.get("TERM") != "dumb"
        return cls(stream, terminal, colour=terminal and not env.get("NO_COLOR"))

    @property
    def shades(self) -> str:
        """Characters to draw with, from paper to ink, that this stream can print."""
        return ask.BLOCKS if (self.stream.encoding or "").lower().startswith("utf") else ask.SHADES

    def title(self, text: str) -> None:
        """Begin an act."""
        self._print("")
        self._print(self._painted("bold", f"== {text}"))

    def say(self, text: str) -> None:
        """Tell one thing that is so."""
        for line in text.splitlines():
            self._print(f"  {line}")

    def aside(self, text: str) -> None:
        """Tell something that goes on meanwhile."""
        self._print(self._painted("dim", f"    {text}"))

    def command(self, text: str) -> None:
        """Show what a person would type for what happens next."""
        self._print(self._painted("bold", f"  $ {text}"))

    def fail(self, error: StoryError) -> None:
        """Tell what went wrong and what to type."""
        self._print(self._painted("red", f"  ✗ {error}"))
        self._print(self._painted("red", f"    next: {error.next_command}"))

    def waits_for(self, text: str) -> None:
        """Change what the current step is said to wait for."""
        self._waiting = text

    @contextmanager
    def step(self, name: str, waits_for: str = "") -> Iterator[None]:
        """Tell a step when it is done, with its seconds; meanwhile say now and then what it waits for."""
        started = time.monotonic()
        self._waiting, self._since = waits_for or name, started
        done = threading.Event()
        reminder = threading.Thread(target=self._remind, args=[name, started, done], daemon=True)
        reminder.start()
        ended = False
        try:
            yield
            ended = True
        finally:
            done.set()
            reminder.join()
            seconds = time.monotonic() - started
            self.taken.append(Taken(name, round(seconds, 2), ended))
            mark = self._painted("green", "✔") if ended else self._painted("red", "✗")
            self._print(f"  {mark} {name}  {seconds:.1f} s")

    def _remind(self, name: str, started: float, done: threading.Event) -> None:
        period = REFRESH_SECONDS if self.terminal else REMIND_SECONDS
        while not done.wait(period):
            doing = f"{name}: {self._waiting}" if self._waiting != name else name
            text = f"  … {time.monotonic() - started:.0f} s  {doing}"
            with self._lock:
                if self.terminal:
                    width = shutil.get_terminal_size().columns
                    self._write(CLEAR_LINE + text[: width - 1])
                elif time.monotonic() - self._since >= REMIND_SECONDS - 1:
                    self._print(text)

    def _print(self, text: str) -> None:
        with self._lock:
            self._since = time.monotonic()
            self._write(f"{CLEAR_LINE if self.terminal else ''}{text}\n")

    def _write(self, text: str) -> None:
        encoding = self.stream.encoding or "utf-8"
        self.stream.write(text.encode(encoding, errors="replace").decode(encoding))
        self.stream.flush()

    def _painted(self, colour: str, text: str) -> str:
        return f"\033[{COLOURS[colour]}m{text}\033[0m" if self.colour else text
