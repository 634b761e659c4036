"""Bodies that are JSON, and bodies that only look so."""

import contextlib
import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiapp_serving.errors import BadJson, InvalidInput
from aiapp_serving.request_json import MAX_BRACKETS, MAX_DEPTH, parse_json, read_input


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b'{"input":\n [1,]}', "line 2, column 5"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"input": "\xff"}', "byte 12"),
        (b'{"input": NaN}', "NaN"),
        (b'{"input": -Infinity}', "-Infinity"),
        (b'{"input": 1, "input": 2}', "'input' is twice"),
        (b'{"input": {"a\\u0062": 1, "ab": 2}}', "'ab' is twice"),
        (b'{"input": "\\ud800"}', "half of a character"),
        (b'{"\\uDC00": 1}', "half of a character"),
        (b"1" * 5000, "too many digits"),
        (b'{"input": -1e999}', "-1e999 is too large"),
        (b"[" * (MAX_DEPTH + 1), "nested deeper"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested deeper"),
        (b"[" + b"[]," * MAX_BRACKETS + b"1]", "at most 2000000 lists and objects"),
        (b"{} {}", "line 1, column 4"),
        (b'"\x00"', "line 1, column 2"),
    ],
)
def test_no_json_is_refused_with_the_place_and_at_once(body: bytes, words: str) -> None:
    started = time.perf_counter()
    with pytest.raises(BadJson) as caught:
        parse_json(body)
    assert words in str(caught.value)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("start", ["", '"', '{"input":', '["', "\\"])
@pytest.mark.parametrize(
    "unit", ['\\"', '"', "\\", '"\\', '\\"[', "[]", "{}", '"",', "\\u0041", " ", "-", "1", "0.", "\n"]
)
def test_a_megabyte_of_anything_is_read_in_linear_time(start: str, unit: str) -> None:
    body = (start + unit * (1_000_000 // len(unit))).encode()
    started = time.perf_counter()
    with contextlib.suppress(BadJson):
        parse_json(body)
    assert time.perf_counter() - started < 5  # one that grows with the square takes an hour


def test_memory_stays_near_the_size_of_a_text_of_escapes() -> None:
    body = b"[" + b"[]," * (MAX_DEPTH + 1) + b'"' + b"\\n" * 1_000_000 + b'"]'
    tracemalloc.start()
    parse_json(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * len(body)  # ways back, one for each escape, took sixty times as much


def test_a_name_twice_among_very_many_is_found_at_once() -> None:
    names = ",".join(f'"{number}":0' for number in range(100_000))
    started = time.perf_counter()
    with pytest.raises(BadJson, match="'99999' is twice"):
        parse_json(f'{{{names},"99999":0}}'.encode())
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("value", ["[{" * 100, '\\"[[[' * 200, "\\ud83d", "\U0001f600", "\\\\", '"'])
def test_brackets_and_escapes_inside_of_text_are_text(value: str) -> None:
    assert read_input(json.dumps({"input": value}).encode()) == value
    assert read_input(json.dumps({"input": value}, ensure_ascii=False).encode()) == value


def test_the_deepest_nesting_allowed_is_read() -> None:
    body = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(parse_json(body)).encode() == body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[]", "must be an object"),
        ('"input"', "must be an object"),
        ("{}", "its fields: none"),
        ('{"inputs": 1, "x": 2}', "its fields: 'inputs', 'x'"),
        ('{"input": 1, "extra": 2}', 'no field but "input"'),
    ],
)
def test_another_shape_is_refused_by_its_fields(body: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_input(body.encode())
    assert words in str(caught.value)


NUMBERS = st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(st.characters(codec="utf-8"))
NAMES = st.text(st.characters(codec="utf-8"), max_size=4)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(NAMES, v, max_size=4))


@given(VALUES, st.booleans())
def test_whatever_json_can_hold_arrives_as_it_was_sent(value: object, ascii_only: bool) -> None:
    assert read_input(json.dumps({"input": value}, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(body: bytes) -> None:
    try:
        value = parse_json(body)
    except BadJson:
        return
    assert json.loads(body) == value
