"""What `aiapp-model` says: plain lines, and on a terminal errors in red; the next command on a line of its own."""

from typing import TextIO

from aiapp_packing.errors import PackingError
from aiapp_serving.terminal import GREEN, RED, print_line


class Console:
    """Writes lines at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, line: str) -> None:
        """Write a line about what goes on."""
        self._write(line, "")

    def done(self, line: str) -> None:
        """Write what came of it."""
        self._write(line, GREEN)

    def refuse(self, error: PackingError) -> None:
        """Write what is wrong, and what to do."""
        self._write(error.problem, RED)
        if error.fix:
            self._write(f"next: {error.fix}", "")

    def _write(self, line: str, colour: str) -> None:
        print_line("aiapp-model", line, colour, self._stream)
