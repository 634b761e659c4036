"""Golden cases: what is asked and which answer is right, read from JSON and checked before anything is asked. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from aiapp_serving.errors import BadJson
from aiapp_serving.request_json import parse_json

MAX_CASES: Final = 1000
MAX_CASES_BYTES: Final = 8 * 1024 * 1024
"""All files of cases together."""
MAX_NAME: Final = 128
_METHODS: Final = ("POST", "GET")
_PATH: Final = re.compile(r"/[!-~]*")
_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Origin(StrEnum):
    """Whose case it is: of the AIApp's spec or another file, or of the model's own golden folder."""

    SPEC = "spec"
    MODEL = "model"


class CasesError(Exception):
    """Cases that cannot be run; the text names the file, the case, the cause and the fix.

    missing: something that they need is not there and may come, such as a ConfigMap.
    """

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Request:
    """One request. body: None: it comes from a file of its own, which the reader puts in."""

    path: str
    method: str
    body: bytes | None
    content_type: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the answer must be; None and empty: not looked at.

    json_path: empty: the whole body is the value. equals: text stands for the JSON that it is. max_latency: seconds.
    """

    status: int = 200
    json_path: str = ""
    equals: Any = None
    tolerance: Decimal = Decimal(0)
    matches: str = ""
    one_of: tuple[Any, ...] = ()
    max_latency: float | None = None

    @property
    def judges_value(self) -> bool:
        """Whether anything but status and time is expected."""
        return bool(self.json_path or self.equals is not None or self.matches or self.one_of)


@dataclass(frozen=True, slots=True)
class Case:
    """One golden case."""

    name: str
    origin: Origin
    request: Request
    expect: Expectation


def parse_cases(content: bytes, origin: Origin, where: str) -> tuple[Case, ...]:
    """Return the cases of one file: one case, a list of them, or an object with `cases`.

    where: the file, for messages; a case without a name is named after it.

    Raises:
        CasesError: they are not what is described in docs/gate.md.
    """
    try:
        document = parse_json(content)
    except BadJson as error:
        raise CasesError(f"{where}: {error}") from None
    if isinstance(document, dict) and "cases" in document:
        _check_fields(document, {"cases"}, where)
        document = document["cases"]
    default = where.rpartition("/")[2].removesuffix(".json")
    if isinstance(document, dict):
        return (_case(document, origin, where, default),)
    if not isinstance(document, list):
        raise CasesError(f'{where}: expected a case, a list of cases or {{"cases": [...]}}, got {_kind(document)}')
    return tuple(
        _case(given, origin, f"{where}: case {place}", f"{default}-{place}") for place, given in enumerate(document, 1)
    )


def parse_duration(text: str) -> float:
    """Return the seconds that `200ms`, `90s` or `1h30m` stands for.

    Raises:
        ValueError: it is none of these.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text[:64]!r} is no duration; write it like 200ms, 90s or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))


def _case(given: Any, origin: Origin, where: str, default_name: str) -> Case:
    if not isinstance(given, dict):
        raise CasesError(f"{where}: expected an object, got {_kind(given)}")
    name = _text(given, "name", where) or default_name
    where = f"{where} ({name[:MAX_NAME]})" if "name" in given else where
    _check_fields(given, {"name", "request", "expect"}, where)
    request, expect = (_object(given, field, where) for field in ("request", "expect"))
    return Case(name[:MAX_NAME], origin, _request(request, origin, where), _expectation(expect, where))


def _request(given: Mapping[str, Any], origin: Origin, where: str) -> Request:
    allowed = {"path", "method", "body", "contentType"} | ({"bodyFrom"} if origin is Origin.SPEC else set())
    _check_fields(given, allowed, f"{where}: request")
    path = _text(given, "path", where) or "/score"
    method = _text(given, "method", where) or "POST"
    content_type = _text(given, "contentType", where) or "application/json"
    if not _PATH.fullmatch(path):
        raise CasesError(f"{where}: the path {path[:64]!a} must begin with / and have no blanks; escape them as %20")
    if method not in _METHODS:
        raise CasesError(f"{where}: the method {method[:16]!a} is not supported; use POST or GET")
    if not _HEADER_VALUE.fullmatch(content_type):
        raise CasesError(f"{where}: the contentType {content_type[:64]!a} is no header value")
    body, body_from = given.get("body"), given.get("bodyFrom")
    if method == "GET" and (body is not None or body_from is not None):
        raise CasesError(f"{where}: a GET has no body; use POST, or take the body away")
    if body_from is not None:
        if body is not None:
            raise CasesError(f"{where}: has body and bodyFrom; take one away")
        return Request(path, method, None, content_type)
    if body is None:
        return Request(path, method, b"", content_type)
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return Request(path, method, text.encode(), content_type)


def _expectation(given: Mapping[str, Any], where: str) -> Expectation:
    where = f"{where}: expect"
    fields = {"status", "jsonPath", "equals", "tolerance", "matches", "oneOf", "maxLatency"}
    _check_fields(given, fields, where)
    status = given.get("status")
    status = 200 if status is None else status
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        raise CasesError(f"{where}: status must be a number from 100 to 599")
    one_of = given.get("oneOf")
    if one_of is not None and not (isinstance(one_of, list) and one_of):
        raise CasesError(f"{where}: oneOf must be a list of at least one value")
    json_path, matches = _text(given, "jsonPath", where), _text(given, "matches", where)
    _check_json_path(json_path, where)
    _check_pattern(matches, where)
    return Expectation(
        status=status,
        json_path=json_path,
        equals=given.get("equals"),
        tolerance=_tolerance(given, where),
        matches=matches,
        one_of=tuple(one_of or ()),
        max_latency=_max_latency(given, where),
    )


def _tolerance(given: Mapping[str, Any], where: str) -> Decimal:
    told = given.get("tolerance")
    if told is None:
        return Decimal(0)
    try:
        tolerance = Decimal(told if isinstance(told, str) else repr(told))
    except InvalidOperation:
        tolerance = Decimal("NaN")
    if not tolerance.is_finite() or tolerance < 0:
        raise CasesError(f"{where}: tolerance must be a number of at least 0, such as 0.01")
    if given.get("equals") is None:
        raise CasesError(f"{where}: tolerance needs equals, the number that the answer may differ from")
    return tolerance


def _max_latency(given: Mapping[str, Any], where: str) -> float | None:
    text = _text(given, "maxLatency", where)
    if not text:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CasesError(f"{where}: maxLatency {error}") from None


def _check_json_path(path: str, where: str) -> None:
    if not path:
        return
    from aiapp_serving.gate.json_path import JsonPathError, compile_path  # noqa: PLC0415 - slow, and not always needed

    try:
        compile_path(path)
    except JsonPathError as error:
        raise CasesError(f"{where}: jsonPath {path[:128]!r}: {error}") from None


def _check_pattern(pattern: str, where: str) -> None:
    if not pattern:
        return
    import re2  # noqa: PLC0415 - not always needed

    try:
        re2.compile(pattern, _quiet(re2))
    except re2.error as error:
        cause = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise CasesError(f"{where}: matches {pattern[:128]!r} is no RE2 expression: {cause}") from None


def _quiet(re2: Any) -> Any:
    options = re2.Options()
    options.log_errors = False  # the error is told with the case's name
    return options


def _object(given: Mapping[str, Any], field: str, where: str) -> Mapping[str, Any]:
    value = given.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise CasesError(f"{where}: {field} must be an object, got {_kind(value)}")
    return value


def _text(given: Mapping[str, Any], field: str, where: str) -> str:
    value = given.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CasesError(f"{where}: {field} must be text, got {_kind(value)}")
    return value


def _check_fields(given: Mapping[str, Any], known: set[str], where: str) -> None:
    """Refuse what is misspelt: an expectation that is not looked at would always be met."""
    unknown = list(_unknown(given, known))
    if unknown:
        raise CasesError(f"{where}: unknown field {unknown[0][:64]!a}; known are {', '.join(sorted(known))}")


def _unknown(given: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    return (field for field in given if field not in known)


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
