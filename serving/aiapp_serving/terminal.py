"""Lines of a command for people: what came from elsewhere cannot steer the terminal; colours where there is one."""

import os
from typing import Final, TextIO

RED: Final = "31"
GREEN: Final = "32"
YELLOW: Final = "33"


def print_line(command: str, line: str, colour: str, stream: TextIO) -> None:
    """Write `command: line` at once; colour: of a terminal without NO_COLOR, empty for none."""
    printable = "".join(character if character.isprintable() else " " for character in line)
    encoding = stream.encoding or "utf-8"
    printable = printable.encode(encoding, errors="replace").decode(encoding)
    if colour and stream.isatty() and not os.environ.get("NO_COLOR"):
        printable = f"\x1b[{colour}m{printable}\x1b[0m"
    print(f"{command}: {printable}", file=stream, flush=True)
