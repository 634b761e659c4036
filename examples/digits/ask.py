"""Asks a digits endpoint: `python ask.py http://127.0.0.1:8080/score seven.png ...`. Needs nothing but Python.

Without a file it draws a seven in the terminal and sends that.
"""

import argparse
import base64
import json
import struct
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Final

Rows = Sequence[Sequence[int]]
"""A grey picture: rows of 0 (black) to 255 (white)."""
SHADES: Final = " .:-=+*#%@"
BLOCKS: Final = " ░▒▓█"
SEVEN: Final = """
................
...##########...
...##########...
..........###...
..........##....
.........###....
.........##.....
........###.....
........##......
.......###......
.......##.......
......###.......
......##........
......##........
................
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request brought: per picture the best (label, percent) pairs, the time in words, the headers."""

    pictures: tuple[tuple[tuple[str, float], ...], ...]
    computed: str
    headers: Message


class AskError(Exception):
    """The endpoint answered with an error, or not at all."""


def ask(url: str, pngs: Sequence[bytes], seconds: float = 10) -> Answer:
    """Send PNG files in one request.

    Raises:
        AskError: no connection, or an answer that is no success; the message is the endpoint's own.
    """
    pictures = json.dumps([base64.b64encode(png).decode() for png in pngs])
    body = json.dumps({"input": pictures}).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:
            result, headers = json.load(response)["result"], response.headers
    except urllib.error.HTTPError as error:
        raise AskError(f"{url} answered {error.code}: {_detail(error.read())}") from error
    except (OSError, ValueError) as error:
        raise AskError(f"{url} does not answer: {error}") from error
    best = tuple(tuple((label, percent) for label, percent in picture) for picture in result[0])
    return Answer(best, result[1], headers)


def encode_png(rows: Rows) -> bytes:
    """Return a grey PNG file of the rows."""
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def draw(rows: Rows, shades: str = BLOCKS) -> list[str]:
    """Return the picture as lines of text, two characters a pixel; the brighter, the fuller."""
    top = len(shades) - 1
    return ["".join(shades[round(value / 255 * top)] * 2 for value in row) for row in rows]


def from_text(drawing: str) -> list[list[int]]:
    """Return a picture of a drawing in which `#` is ink (255) and everything else is paper (0)."""
    return [[255 if character == "#" else 0 for character in line] for line in drawing.strip("\n").splitlines()]


def words(best: Sequence[tuple[str, float]]) -> str:
    """Return one picture's answer in a line."""
    return ", ".join(f"{label} ({percent:.1f} %)" for label, percent in best)


def _detail(body: bytes) -> Any:
    try:
        problem = json.loads(body)
    except ValueError:
        return body[:200].decode(errors="replace")
    return problem.get("detail") or problem.get("title") if isinstance(problem, dict) else problem


def main() -> int:
    """Ask about the pictures on the command line; 1 when there is no answer."""
    parser = argparse.ArgumentParser(description="Ask a digits endpoint what is in PNG pictures.")
    parser.add_argument("url", help="the endpoint, for example http://127.0.0.1:8080/score")
    parser.add_argument("png", nargs="*", type=Path, help="PNG files; without any, a drawn seven is sent")
    given = parser.parse_args()
    try:
        pngs = [path.read_bytes() for path in given.png]
        if not pngs:
            seven = from_text(SEVEN)
            utf8 = (sys.stdout.encoding or "").lower().startswith("utf")
            print("\n".join(draw(seven, BLOCKS if utf8 else SHADES)))
            pngs = [encode_png(seven)]
        answer = ask(given.url, pngs)
    except (AskError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, best in zip(given.png or ["the drawing"], answer.pictures, strict=True):
        print(f"{name}: {words(best)}")
    told = {name: value for name, value in answer.headers.items() if name.lower().startswith("aiapp-")}
    print(answer.computed, *(f"{name}: {value}" for name, value in told.items()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
