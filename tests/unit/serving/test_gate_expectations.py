"""One answer against one expectation."""

import json
from decimal import Decimal
from typing import Any

import pytest

from aiapp_serving.gate.cases import Origin, parse_cases
from aiapp_serving.gate.expectations import Answer, Mismatch, check, same

SCORE = b'{"result": [[["7", 98.71], ["2", 0.3]], "Computed in 1 ms"], "none": null, "yes": true}'
V2 = b'{"model_name": "digits", "outputs": [{"name": "label", "datatype": "INT64", "shape": [1], "data": [7]}]}'


def problem(body: bytes, answered: int = 200, **expect: Any) -> str:
    """Return what is wrong with an answer; empty: nothing."""
    content = json.dumps({"expect": expect}).encode()
    (case,) = parse_cases(content, Origin.SPEC, "cases")
    try:
        check(case, Answer(answered, body, 0.01))
    except Mismatch as mismatch:
        return str(mismatch)
    return ""


@pytest.mark.parametrize(
    ("body", "expect"),
    [
        pytest.param(b"anything", {}, id="status only"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0][0]", "equals": "7"}, id="a label"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0][1]", "equals": "98.710"}, id="a number as text"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0][1]", "equals": 98.7, "tolerance": "0.01"}, id="at the edge"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0]", "equals": '["7", 98.71]'}, id="a list as text"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0]", "equals": ["7", 99], "tolerance": 1}, id="part by part"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0][0]", "oneOf": ["1", "7"]}, id="of a set"),
        pytest.param(SCORE, {"jsonPath": "$.result[1]", "matches": r"Computed in \d+ ms"}, id="a pattern"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0][1]", "matches": r"98\..*"}, id="a pattern of a number"),
        pytest.param(SCORE, {"jsonPath": "$.none"}, id="null is there"),
        pytest.param(SCORE, {"jsonPath": "$.none", "equals": "null"}, id="null"),
        pytest.param(SCORE, {"jsonPath": "$.yes", "equals": "true"}, id="true"),
        pytest.param(V2, {"jsonPath": "$.outputs[?@.name == 'label'].data[0]", "equals": "7"}, id="v2"),
        pytest.param(V2, {"jsonPath": "$.outputs[0].data", "equals": [7.0]}, id="v2 tensor"),
        pytest.param(b"Healthy\n", {"equals": "Healthy"}, id="plain text"),
        pytest.param(b"Healthy", {"matches": "(?s).*Heal.*"}, id="plain text by pattern"),
        pytest.param(b'"7"', {"jsonPath": "$", "equals": "7"}, id="a label alone"),
        pytest.param(b'{"a": 1}', {"equals": {"a": 1.0}}, id="an object"),
    ],
)
def test_the_right_answer(body: bytes, expect: dict[str, Any]) -> None:
    assert problem(body, **expect) == ""


@pytest.mark.parametrize(
    ("body", "expect", "said"),
    [
        pytest.param(SCORE, {"status": 422}, "answered 200, expected 422: ", id="status"),
        pytest.param(
            SCORE,
            {"jsonPath": "$.result[0][0][0]", "equals": "8"},
            '$.result[0][0][0] is "7", expected "8"',
            id="label",
        ),
        pytest.param(
            SCORE,
            {"jsonPath": "$.result[0][0][1]", "equals": "98.5", "tolerance": "0.2"},
            '$.result[0][0][1] is 98.71, expected "98.5" +- 0.2',
            id="out of tolerance",
        ),
        pytest.param(SCORE, {"jsonPath": "$.yes", "equals": "1"}, '$.yes is true, expected "1"', id="true is not 1"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0][0]", "equals": 7}, "expected 7", id="text is no number"),
        pytest.param(SCORE, {"jsonPath": "$.result[1]", "matches": "Computed"}, "as a whole", id="a part of it"),
        pytest.param(SCORE, {"jsonPath": "$.result[0][0][0]", "oneOf": ["1"]}, 'expected one of ["1"]', id="set"),
        pytest.param(SCORE, {"jsonPath": "$.results"}, "$.results selects nothing in ", id="nothing"),
        pytest.param(SCORE, {"jsonPath": "$..[0]", "equals": "7"}, "selects more than one value", id="several"),
        pytest.param(b"<html>", {"jsonPath": "$.a"}, "the answer is no JSON (no valid JSON at line 1", id="no JSON"),
        pytest.param(b'{"a": NaN}', {"jsonPath": "$.a"}, "the answer is no JSON (NaN is no JSON", id="NaN"),
        pytest.param(b"\xff", {"jsonPath": "$.a"}, "the answer is no JSON (no UTF-8", id="no UTF-8"),
        pytest.param(b"", {"equals": "7"}, 'the answer is "", expected "7"', id="empty"),
        pytest.param(b'"7"', {"jsonPath": "$.a"}, "selects nothing", id="into a text"),
        pytest.param(b'"[7]"', {"jsonPath": "$[0]", "equals": "7"}, "selects nothing", id="text is not read again"),
    ],
)
def test_the_wrong_answer_is_shown_with_the_right_one(body: bytes, expect: dict[str, Any], said: str) -> None:
    assert said in problem(body, **expect)


def test_what_is_shown_of_an_answer_is_short() -> None:
    assert len(problem(b"x" * 100_000, answered=500)) < 200
    assert len(problem(json.dumps(["x" * 100_000]).encode(), equals="7")) < 200


@pytest.mark.parametrize(
    ("value", "expected", "tolerance", "equal"),
    [
        (7, "7", "0", True),
        (7.0, "7", "0", True),
        ("7.0", "7", "0", False),
        ("7.0", "7", "0.1", True),
        (98.81, 98.71, "0.1", True),
        (98.82, 98.71, "0.1", False),
        (1e400, "7", "0", False),
        (True, 1, "1", False),
        (None, 0, "1", False),
        ([1, 2], [1], "0", False),
        ({"a": 1}, {"b": 1}, "0", False),
        ("abc", "[", "0", False),
        (10**30, str(10**30), "0", True),
    ],
)
def test_sameness(value: Any, expected: Any, tolerance: str, equal: bool) -> None:
    assert same(value, expected, Decimal(tolerance)) is equal


def test_a_pattern_that_would_backtrack_is_matched_at_once() -> None:
    assert "as a whole" in problem(b"a" * 50_000 + b"!", matches="(a+)+")


def test_a_case_has_every_expectation_judged() -> None:
    expect: dict[str, Any] = {"jsonPath": "$.yes", "equals": "true", "oneOf": ["true"], "matches": "false"}
    assert "does not match" in problem(SCORE, **expect)
