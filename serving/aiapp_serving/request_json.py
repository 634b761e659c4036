"""A request's body to the value that `run` gets: strict, since two readers of one JSON must not differ. Pure.

orjson reads what is beyond doubt. All else, and whatever orjson refuses, is for the strict reader of the standard
library, which knows the place and the reason.
"""

import json
import math
import re
from collections import Counter
from typing import Any, Final, NoReturn

import orjson

from aiapp_serving.errors import BadJson, InvalidInput

MAX_DEPTH: Final = 64
"""Brackets within brackets; tensors and pictures need fewer than ten."""
MAX_BRACKETS: Final = 2_000_000
"""Lists and objects of one body: an empty list takes three bytes of it, but over sixty in memory."""

# A string without end reaches to the end of the text: were it no match, each quote in it would be tried as a start.
# Possessive (*+): with ways back kept for each escape, 30 MB of them would take 2 GB.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}:"\\'))
_ALIKE: Final = bytes.maketrans(b"123456789[:-{ \n\r\t", b"000000000,,,,,,,,")
_LONG: Final = b"," + b"0" * 19
"""A whole number that 64 bits may not hold, once what may stand before it looks alike: orjson reads it as a float."""


def read_input(body: bytes) -> Any:
    """Return `input` of a body `{"input": ...}`.

    Raises:
        BadJson: the body is no JSON.
        InvalidInput: it is JSON, but not an object with `input` and nothing else.
    """
    document = parse_json(body)
    if type(document) is dict and len(document) == 1 and "input" in document:
        return document["input"]
    if not isinstance(document, dict):
        raise InvalidInput('the body must be an object: {"input": ...}')
    if "input" not in document:
        raise InvalidInput(f'the body has no field "input"; its fields: {_names(document)}')
    raise InvalidInput(f'the body may have no field but "input"; its fields: {_names(document)}')


def parse_json(body: bytes) -> Any:
    """Parse UTF-8 JSON as RFC 8259 has it: no NaN, no name twice in an object, no depth without end.

    Raises:
        BadJson: with the position, counted in characters from 1, where there is one.
    """
    value = parse_tensor_json(body)
    return read_strictly(body) if _LONG in body.translate(_ALIKE) or body[:1].isdigit() else value


def parse_tensor_json(body: bytes) -> Any:
    """Parse JSON whose whole numbers are for tensors: those of more than 64 bits, which none holds, become floats.

    Raises:
        BadJson: see parse_json.
    """
    structure = body.translate(None, _NO_STRUCTURE)  # one look at a long body, and the rest at what is left of it
    brackets = structure.count(b"[") + structure.count(b"{")
    if brackets > MAX_BRACKETS:
        raise BadJson(f"at most {MAX_BRACKETS} lists and objects are allowed in one body; send several")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return read_strictly(body)
    if brackets > MAX_DEPTH:  # what a backslash does to a quote depends on what was left out
        _check_depth((body if b"\\" in structure else structure).decode())
    return value if _all_named_once(value, structure.count(b":")) else read_strictly(body)


def _all_named_once(value: Any, colons: int) -> bool:
    """Tell whether an object kept a name for each colon; a name that came twice, or a colon in a text, leaves one over.

    Breadth first: it ends at the last object, before the long lists of numbers within.
    """
    level = [value]
    while colons and level:
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                colons -= len(item)
                below += item.values()
            elif type(item) is list:
                below += item
        level = below
    return not colons


def read_strictly(body: bytes) -> Any:
    """Parse without trust in orjson: slower, and with the place of what is wrong.

    Raises:
        BadJson: see parse_json.
    """
    try:
        text = body.decode()
        _check_depth(text)
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise BadJson(f"no valid JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise BadJson(f"no UTF-8 at byte {error.start + 1}") from None
    except UnicodeEncodeError:
        raise BadJson("an escape \\ud8.. stands alone: half of a character") from None
    except ValueError:  # the interpreter's own limit
        raise BadJson("a number has too many digits") from None
    return value


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the parser meets it: the parser recurses."""
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise BadJson(f"nested deeper than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise BadJson(f"the name {twice[:64]!a} is twice in one object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BadJson(f"the number {text[:64]} is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise BadJson(f"{name} is no JSON; send null or leave the value out")


def _names(document: dict[str, Any]) -> str:
    return ", ".join(ascii(name[:64]) for name in list(document)[:10]) or "none"
