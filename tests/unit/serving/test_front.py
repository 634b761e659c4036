"""What surrounds an answer, and that the way past the framework answers as the framework does."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from aiapp_serving import InvalidInput, trace_headers
from aiapp_serving.route_table import ROUTES
from stand_ins.fronts import Served, Told, script, served

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
ID = {"HTTP_X_REQUEST_ID": "same"}


def run(value: Any) -> object:
    if value == "invalid":
        raise InvalidInput("input: is not valid")
    if value == "raise":
        raise ValueError("the canary")
    return value


POSTS: tuple[tuple[str, bytes, dict[str, Any]], ...] = (
    *(("/score", body, {}) for body in (b'{"input": 1}', b'{"input": [[1.5, "\xc3\xa9", null]]}', b'{"input": {}}')),
    *(
        ("/score", body, {})
        for body in (b"", b"{", b"[]", b"{}", b'{"input": 1, "more": 2}', b"\xff", b'{"input": NaN}')
    ),
    *(("/score", b'{"input": "%b"}' % word, {}) for word in (b"invalid", b"raise", b"x" * 983, b"x" * 984)),
    *(("/score", b"1", {"CONTENT_TYPE": kind}) for kind in ("", "text/plain", "application/json;charset=utf-16")),
    ("/score", b'{"input": 1}', {"HTTP_ACCEPT": "text/html"}),
    ("/score", b'{"input": 1}', {"HTTP_CONTENT_ENCODING": "gzip"}),
    *(("/score", b'{"input": 1}', {"CONTENT_LENGTH": length}) for length in ("5", "13", "x", "-1", "1001")),
    ("/score", b'{"input": 1}', {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}),
    ("/score", b"x" * 1001, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}),
    *(("/v2/models/model/infer", body, {}) for body in (b"", b"{", b"{}", b'{"inputs": []}')),
    *(
        (f"/v2/models/model{version}/infer", b'{"inputs": [%b}' % tensor, {})
        for version in ("", "/versions/42")
        for tensor in (
            b'{"name": "input", "shape": [2], "datatype": "FP32", "data": [1, 2]}]',
            b'{"name": "i", "shape": [1], "datatype": "INT8", "data": [1]}], "parameters": {"binary_data_output": true',
            b'{"name": "input", "shape": [3], "datatype": "FP32", "data": [1, 2]}]',
            b'{"name": "input", "shape": [1], "datatype": "BYTES", "data": ["a"]}]',
            b'{"name": "input", "shape": [1], "datatype": "FP99", "data": [1]}]',
        )
    ),
)


def same_but_hot(hot: Served, path: str, body: bytes, more: dict[str, Any]) -> tuple[Told, Told]:
    cold = served(script(run))
    cold.front._endpoints, cold.front._hot = cold.service.endpoints, {}
    return hot.ask("POST", path, body, **ID, **more), cold.ask("POST", path, body, **ID, **more)


@pytest.mark.parametrize(("path", "body", "more"), POSTS)
def test_past_the_framework_the_answer_is_the_same(path: str, body: bytes, more: dict[str, Any]) -> None:
    fast, slow = same_but_hot(served(script(run)), path, body, more)
    assert fast == slow


def test_the_requests_compared_get_every_kind_of_answer() -> None:
    app = served(script(run))
    got = {app.ask("POST", path, body, **more).status for path, body, more in POSTS}
    assert {200, 400, 406, 413, 415, 422, 500} <= got


def test_the_hot_routes_are_those_of_the_table() -> None:
    app = served(script(run))
    app.ask("GET", "/")
    assert {route for route, _ in app.front._hot.values()} == {route.path for route in ROUTES if route.hot}


def seen_trace(**headers: str) -> tuple[Any, Served]:
    app = served(script(lambda _: trace_headers()))
    return app.score(1, **headers).json()["result"], app


def test_a_trace_is_there_to_pass_on_and_in_the_log() -> None:
    passed, app = seen_trace(HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE="a=1, b@c=x y")
    assert passed == {"traceparent": PARENT, "tracestate": "a=1,b@c=x y"}
    assert app.logged()[0]["trace_id"] == TRACE_ID
    assert app.score(1).json() == {"result": {}}
    assert "trace_id" not in app.logged()[1]


@pytest.mark.parametrize(
    "parent",
    [
        *("", "00", PARENT.upper(), f"ff{PARENT[2:]}", f"{PARENT}-more", f"{PARENT}1", PARENT[:-1]),
        *(PARENT.replace(TRACE_ID, "0" * 32), PARENT.replace("00f067aa0ba902b7", "0" * 16), f"{PARENT},{PARENT}"),
    ],
)
def test_an_invalid_trace_is_none(parent: str) -> None:
    passed, app = seen_trace(HTTP_TRACEPARENT=parent, HTTP_TRACESTATE="a=1")
    assert passed == {}
    assert "trace_id" not in app.logged()[0]


@pytest.mark.parametrize(
    "state", ["a", "=1", "A=1", "a=1,a=2", ",".join(f"k{n}=1" for n in range(33)), "a=\u00e9", "a=b=c", "x" * 9000]
)
def test_an_invalid_trace_state_is_left_out(state: str) -> None:
    assert seen_trace(HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE=state)[0] == {"traceparent": PARENT}


def test_a_later_version_of_the_format_is_read_as_far_as_it_is_known() -> None:
    assert seen_trace(HTTP_TRACEPARENT=f"01{PARENT[2:]}-more")[0] == {"traceparent": PARENT}


def users(app: Callable[..., Iterable[bytes]]) -> Served:
    return served(None, app=app)


def greeting(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("201 Created", [("Content-Type", "text/plain"), ("AIApp-Revision", "mine")])
    return [environ["PATH_INFO"].encode()]


def test_an_app_of_the_users_answers_all_but_what_is_the_runtimes() -> None:
    app = users(greeting)
    for path in ("/", "/score", "/versions", "/own", "/v2/models/model/infer"):
        answer = app.ask("POST", path)
        assert (answer.status, answer.body) == (201, path.encode())
        assert answer.headers["AIApp-Revision"] == "12"
        assert len(answer.headers["X-Request-ID"]) == 32
    assert [app.ask("GET", path).status for path in ("/version", "/metrics", "/v2/health/ready")] == [200] * 3
    assert 'route="app"' in app.ask("GET", "/metrics").body.decode()
    assert [line["path"] for line in app.logged()] == ["/score", "/versions", "/own", "/v2/models/model/infer"]


def lazy(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"one "
    yield b"two"


def test_an_app_that_begins_late_or_writes_is_served() -> None:
    assert users(lazy).ask("GET", "/").body == b"one two"

    def writes(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])(b"written ")
        return [b"returned"]

    assert users(writes).ask("GET", "/").body == b"written returned"


def failing(_: dict[str, Any], __: Callable[..., Any]) -> list[bytes]:
    raise ValueError("the canary")


def split(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("X-A", "b\r\nSet-Cookie: c")])
    return []


def silent(_: dict[str, Any], __: Callable[..., Any]) -> list[bytes]:
    return []


def nonsense(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("999 Nonsense", [])
    return []


@pytest.mark.parametrize("app", [failing, split, silent, nonsense])
def test_an_app_that_fails_is_a_problem_with_an_id(
    app: Callable[..., list[bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    asked = users(app)
    for _ in range(200):  # more than have a place at a time
        answer = asked.ask("GET", "/")
    assert answer.status == 500
    assert answer.json()["id"] == answer.headers["X-Request-ID"] == caplog.records[-1].__dict__["id"]
    assert "canary" not in str(answer)
