"""What `aiapp-model` says: plain lines, and on a terminal errors in red; the next command on a line of its own."""

import os
from typing import Final, TextIO

from aiapp_packing.errors import PackingError

_RED: Final = "31"
_GREEN: Final = "32"


class Console:
    """Writes lines at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colours = stream.isatty() and not os.environ.get("NO_COLOR")

    def say(self, line: str) -> None:
        """Write a line about what goes on."""
        self._write(line, "")

    def done(self, line: str) -> None:
        """Write what came of it."""
        self._write(line, _GREEN)

    def refuse(self, error: PackingError) -> None:
        """Write what is wrong, and what to do."""
        self._write(error.problem, _RED)
        if error.fix:
            self._write(f"next: {error.fix}", "")

    def _write(self, line: str, colour: str) -> None:
        printable = "".join(character if character.isprintable() else " " for character in line)
        encoding = self._stream.encoding or "utf-8"
        printable = printable.encode(encoding, errors="replace").decode(encoding)
        coloured = f"\x1b[{colour}m{printable}\x1b[0m" if colour and self._colours else printable
        print(f"aiapp-model: {coloured}", file=self._stream, flush=True)
