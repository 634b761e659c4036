"""What a request says of its body and of the answer it takes. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from aiapp_serving.errors import Refused

Headers = Mapping[str, Any]
"""Of a request, by their WSGI names: CONTENT_TYPE, HTTP_ACCEPT; the environ itself will do."""

_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_KEPT: Final = 64
"""Different values of a header whose judgement is kept; clients send the same few."""


def check_headers(headers: Headers, bodies: frozenset[str], answers: frozenset[str]) -> None:
    """Check that the body is of a media type in `bodies`, and that one of `answers` is taken.

    Raises:
        Refused: 415 or 406.
    """
    if not _is_body(headers.get("CONTENT_TYPE", ""), bodies):
        raise Refused(415, "send the body as JSON, with the header Content-Type: application/json")
    if headers.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise Refused(415, "send the body as it is, without Content-Encoding")
    if not _is_taken(headers.get("HTTP_ACCEPT", ""), answers):
        raise Refused(406, f"the answer is {' or '.join(sorted(answers))}, which the header Accept leaves out")


@lru_cache(_KEPT)
def _is_body(content_type: str, bodies: frozenset[str]) -> bool:
    kind, *parameters = content_type.lower().split(";")
    named = dict(parameter.strip().partition("=")[::2] for parameter in parameters)
    return kind.strip() in bodies and named.get("charset", "utf-8").strip('"') in _CHARSETS


@lru_cache(_KEPT)
def _is_taken(accept: str, answers: frozenset[str]) -> bool:
    """Tell whether Accept takes one of `answers`; the most specific range that fits an answer decides."""
    ranges: dict[str, float] = {}
    for one in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        if kind:
            ranges[kind] = _weight(parameters)
    if not ranges:
        return True
    for answer in answers:
        for kind in (answer, f"{answer.partition('/')[0]}/*", "*/*"):
            if kind in ranges:
                if ranges[kind] > 0:
                    return True
                break
    return False


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
