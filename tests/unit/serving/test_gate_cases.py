"""Golden cases as people write them, and the mistakes that people make."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiapp_serving.gate import case_files
from aiapp_serving.gate.case_files import read_cases
from aiapp_serving.gate.cases import Case, CasesError, Expectation, Origin, Request, parse_cases, parse_duration

FULL = {
    "name": "a-seven",
    "request": {"path": "/v2/models/digits/infer", "method": "POST", "body": {"inputs": [1]}, "contentType": "text/x"},
    "expect": {
        "status": 201,
        "jsonPath": "$.outputs[0].data[0]",
        "equals": "7",
        "tolerance": "0.01",
        "matches": "[0-9]",
        "oneOf": ["7", 8],
        "maxLatency": "200ms",
    },
}


def parsed(given: Any, origin: Origin = Origin.MODEL) -> tuple[Case, ...]:
    return parse_cases(json.dumps(given).encode(), origin, "golden/digits.json")


def test_every_field_is_read() -> None:
    request = Request("/v2/models/digits/infer", "POST", b'{"inputs": [1]}', "text/x")
    expect = Expectation(201, "$.outputs[0].data[0]", "7", Decimal("0.01"), "[0-9]", ("7", 8), 0.2)
    assert parsed(FULL) == (Case("a-seven", Origin.MODEL, request, expect),)


def test_what_is_left_out_or_null_has_a_default() -> None:
    default = Case("digits", Origin.MODEL, Request("/score", "POST", b"", "application/json"), Expectation())
    nothing = {"name": None, "request": {"body": None, "path": None}, "expect": {"equals": None, "maxLatency": None}}
    assert parsed({}) == parsed(nothing) == (default,)
    assert default.expect.status == 200


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"name": "one"}, ["one"]),
        ([{"name": "one"}, {}], ["one", "digits-2"]),
        ({"cases": [{}, {"name": "one"}]}, ["digits-1", "one"]),
        ([], []),
    ],
)
def test_a_file_has_one_case_or_a_list(given: Any, names: list[str]) -> None:
    assert [case.name for case in parsed(given)] == names


def test_a_text_body_is_sent_as_it_is() -> None:
    (case,) = parsed({"request": {"body": '{"input":  7}'}})
    assert case.request.body == b'{"input":  7}'


REFUSED: dict[str, tuple[Any, str]] = {
    "no case": (7, "expected a case, a list of cases"),
    "a list of texts": (["seven"], "golden/digits.json: case 1: expected an object, got text"),
    "a misspelt field": (
        {"name": "x", "expects": {}},
        r"\(x\): unknown field 'expects'; known are expect, name, request",
    ),
    "a misspelt expectation": ({"expect": {"equal": "7"}}, "expect: unknown field 'equal'; known are equals, jsonPath"),
    "a misspelt request": ({"request": {"url": "/"}}, "request: unknown field 'url'"),
    "a name that is a number": ({"name": 7}, "name must be text, got a number"),
    "no object": ({"request": []}, "request must be an object, got a list"),
    "a whole address": ({"request": {"path": "http://contoso.com/"}}, "must begin with /"),
    "a blank": ({"request": {"path": "/a b"}}, "escape them as %20"),
    "another line": ({"request": {"path": "/a\r\nHost: x"}}, "must begin with / and have no blanks"),
    "DELETE": ({"request": {"method": "DELETE"}}, "the method 'DELETE' is not supported; use POST or GET"),
    "a body that is not sent": ({"request": {"method": "GET", "body": "x"}}, "a GET has no body"),
    "a header": ({"request": {"contentType": "a\r\nb: c"}}, "is no header value"),
    "a ConfigMap for a model": ({"request": {"bodyFrom": {}}}, "unknown field 'bodyFrom'"),
    "a status in text": ({"expect": {"status": "200"}}, "status must be a number from 100 to 599"),
    "status true": ({"expect": {"status": True}}, "status must be a number"),
    "no label": ({"expect": {"oneOf": []}}, "oneOf must be a list of at least one value"),
    "no path": ({"expect": {"jsonPath": "$.a["}}, r"jsonPath '\$\.a\[': "),
    "no root": ({"expect": {"jsonPath": "result[0]"}}, "jsonPath 'result"),
    "two paths": ({"expect": {"jsonPath": "$.a | $.b"}}, "jsonPath"),
    "a pattern that backtracks": ({"expect": {"jsonPath": "$[?search(@.a, '(a+)+$')]"}}, "jsonPath"),
    "a path without end": ({"expect": {"jsonPath": "$..a..b"}}, "more than one '..' takes too long"),
    "no pattern": ({"expect": {"matches": "(a"}}, r"matches '\(a' is no RE2 expression: missing \)"),
    "a look-ahead": ({"expect": {"matches": "(?=a)"}}, "is no RE2 expression"),
    "tolerance in words": (
        {"expect": {"equals": "7", "tolerance": "small"}},
        "tolerance must be a number of at least 0",
    ),
    "tolerance below 0": ({"expect": {"equals": "7", "tolerance": -1}}, "tolerance must be a number of at least 0"),
    "tolerance without end": ({"expect": {"equals": "7", "tolerance": "Infinity"}}, "tolerance must be a number"),
    "tolerance of nothing": ({"expect": {"tolerance": 1}}, "tolerance needs equals"),
    "a bare time": ({"expect": {"maxLatency": "200"}}, "maxLatency '200' is no duration; write it like 200ms"),
}


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_named_with_its_place(given: Any, said: str) -> None:
    with pytest.raises(CasesError, match=said) as caught:
        parsed(given)
    assert str(caught.value).startswith("golden/digits.json")
    assert not caught.value.missing


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"name": "a", "name": "b"}', b"[" * 1000, b'{"expect": NaN}'])
def test_a_file_that_is_no_json_is_named(content: bytes) -> None:
    with pytest.raises(CasesError, match=r"^golden/x\.json: "):
        parse_cases(content, Origin.MODEL, "golden/x.json")


@pytest.mark.parametrize(("text", "seconds"), [("200ms", 0.2), ("90s", 90), ("1h30m", 5400), ("1.5s", 1.5)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "7", "s", "-1s", "1 s", "1d", "1s!"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_a_models_case_never_replaces_one_of_the_spec(tmp_path: Path) -> None:
    spec = write(tmp_path / "cases.json", [{"name": "a-seven", "expect": {"equals": "7"}}])
    write(tmp_path / "golden" / "a.json", {"name": "a-seven", "expect": {"equals": "8"}})
    cases = read_cases([spec, tmp_path / "golden"], frozenset(), tmp_path)
    assert [(case.name, case.origin, case.expect.equals) for case in cases] == [
        ("a-seven", Origin.SPEC, "7"),
        ("a-seven", Origin.MODEL, "8"),
    ]


def test_a_folder_is_read_in_order_and_only_its_json(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "README.md"):
        write(tmp_path / "golden" / name, {})
    assert [case.name for case in read_cases([tmp_path / "golden"], frozenset(), tmp_path)] == ["a", "b"]


def test_a_model_may_bring_no_cases(tmp_path: Path) -> None:
    golden = tmp_path / "golden"
    assert read_cases([golden], frozenset([golden]), tmp_path) == ()
    with pytest.raises(CasesError, match=r"no such file") as caught:
        read_cases([golden], frozenset(), tmp_path)
    assert caught.value.missing


def test_a_body_comes_from_the_folder_of_its_case(tmp_path: Path) -> None:
    body_from = {"configMapKeyRef": {"name": "pictures", "key": "seven"}}
    spec = write(tmp_path / "cases.json", [{}, {"name": "far", "request": {"bodyFrom": body_from, "body": None}}])
    with pytest.raises(CasesError, match="case far: the ConfigMap of its bodyFrom, or the key in it, is not") as caught:
        read_cases([spec], frozenset(), tmp_path / "bodies")
    assert caught.value.missing  # it may come: nobody's release is at fault
    write(tmp_path / "bodies" / "1" / "body", {"input": 7})
    assert [case.request.body for case in read_cases([spec], frozenset(), tmp_path / "bodies")] == [
        b"",
        b'{"input": 7}',
    ]


def test_two_bodies_are_one_too_many(tmp_path: Path) -> None:
    spec = write(tmp_path / "cases.json", [{"request": {"bodyFrom": {"configMapKeyRef": {}}, "body": "x"}}])
    with pytest.raises(CasesError, match="has body and bodyFrom"):
        read_cases([spec], frozenset(), tmp_path)


def test_there_is_an_end_of_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = write(tmp_path / "golden" / "many.json", [{}] * 1001)
    with pytest.raises(CasesError, match="more than 1,000 cases"):
        read_cases([tmp_path / "golden"], frozenset(), tmp_path)
    monkeypatch.setattr(case_files, "MAX_CASES_BYTES", many.stat().st_size - 1)
    with pytest.raises(CasesError, match="the cases are larger than"):
        read_cases([tmp_path / "golden"], frozenset(), tmp_path)
