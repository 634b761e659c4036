"""What the runtime answers, before a web server or framework sees it. Pure."""

from typing import Final, NamedTuple

JSON: Final = ("Content-Type", "application/json")


class Answer(NamedTuple):
    """Status, headers and body of one answer; what every answer carries (ids, release) is added where it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
