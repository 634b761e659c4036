"""Whether one answer is the expected one, in words where it is not. Pure."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from aiapp_serving.errors import BadJson
from aiapp_serving.gate.cases import Case, Expectation
from aiapp_serving.request_json import parse_json

SHOWN: Final = 120
"""Characters of a value that go into a message."""
CUT: Final = "..."
"""Where the rest of it is left out."""
NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. seconds: from the request's first byte to the answer's last."""

    status: int
    body: bytes
    seconds: float


class Mismatch(Exception):  # noqa: N818
    """The answer is not the expected one; the text says in what."""


def check(case: Case, answer: Answer) -> None:
    """Judge everything but the time, which is judged over several answers.

    Raises:
        Mismatch: it is not what the case expects.
    """
    expect = case.expect
    if answer.status != expect.status:
        raise Mismatch(f"answered {answer.status}, expected {expect.status}: {_cut(_text(answer.body))}")
    if not expect.judges_value:
        return
    value = value_of(case, answer)
    subject = expect.json_path or "the answer"
    if expect.equals is not None and not same(value, expect.equals, expect.tolerance):
        within = f" +- {expect.tolerance}" if expect.tolerance else ""
        raise Mismatch(f"{subject} is {shown(value)}, expected {shown(expect.equals)}{within}")
    if expect.one_of and not any(same(value, label, Decimal(0)) for label in expect.one_of):
        raise Mismatch(f"{subject} is {shown(value)}, expected one of {shown(list(expect.one_of))}")
    if expect.matches and not _matches(expect.matches, value):
        raise Mismatch(f"{subject} is {shown(value)}, which does not match {shown(expect.matches)} as a whole")


def value_of(case: Case, answer: Answer) -> Any:
    """Return the value that a case looks at: what its jsonPath selects, else the whole body.

    Raises:
        Mismatch: there is none, or more than one where one is expected.
    """
    expect = case.expect
    if not expect.json_path:
        try:
            return parse_json(answer.body)
        except BadJson:
            return _text(answer.body).rstrip("\r\n")
    return _selected(expect, answer)


def _selected(expect: Expectation, answer: Answer) -> Any:
    from aiapp_serving.gate.json_path import JsonPathError, values  # noqa: PLC0415 - slow, and not always needed

    try:
        found = values(expect.json_path, parse_json(answer.body))
    except BadJson as error:
        raise Mismatch(f"the answer is no JSON ({error}): {_cut(_text(answer.body))}") from None
    except JsonPathError as error:
        raise Mismatch(f"{expect.json_path} cannot be followed: {error}") from None
    if not found:
        raise Mismatch(f"{expect.json_path} selects nothing in {_cut(_text(answer.body))}")
    if len(found) > 1:
        raise Mismatch(f"{expect.json_path} selects more than one value; write a path to one")
    return found[0]


def same(value: Any, expected: Any, tolerance: Decimal) -> bool:
    """Tell whether a value is the expected one: numbers as numbers, labels as text, lists and objects part by part.

    expected: text also stands for the JSON that it is, as "7" for 7, because a Kubernetes field holds text only.
    """
    if isinstance(expected, str) and not (isinstance(value, str) and value == expected):
        expected = _read(expected, wanted=value)
        value = _as_number(value) if tolerance and isinstance(value, str) else value
    if _is_number(value) and _is_number(expected):
        return abs(_decimal(value) - _decimal(expected)) <= tolerance
    if isinstance(value, list) and isinstance(expected, list):
        pairs = zip(value, expected, strict=False)
        return len(value) == len(expected) and all(same(one, other, tolerance) for one, other in pairs)
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(same(value[key], expected[key], tolerance) for key in value)
    return type(value) is type(expected) and bool(value == expected)


def shown(value: Any) -> str:
    """Return a value as JSON, short enough for a message."""
    return _cut(json.dumps(value, ensure_ascii=False))


def _read(text: str, wanted: Any) -> Any:
    """Return what text stands for beside a value that is no such text."""
    try:
        return parse_json(text.encode())
    except (BadJson, UnicodeEncodeError):
        return text if isinstance(wanted, str) else NOTHING


def _as_number(text: str) -> Any:
    try:
        number = parse_json(text.encode())
    except (BadJson, UnicodeEncodeError):
        return text
    return number if _is_number(number) else text


def _matches(pattern: str, value: Any) -> bool:
    import re2  # noqa: PLC0415 - not always needed

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return re2.fullmatch(pattern, text) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decimal(number: int | float) -> Decimal:
    """Return the number as it was written: 98.81 is within 0.1 of 98.71, which binary fractions are not."""
    return Decimal(repr(number))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - len(CUT)] + CUT


def _text(body: bytes) -> str:
    return body.decode(errors="replace")
