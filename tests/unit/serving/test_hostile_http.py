"""Requests that break HTTP, against a real server: what it answers, and that it goes on answering others."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from stand_ins.app_process import AppProcess, app_process
from stand_ins.raw_http import told

SCRIPT = """
def run(input):
    if input == "raise":
        raise ValueError("the canary")
    return input
"""
MAX_BODY_BYTES = 1000
IDLE = 1000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    with app_process(tmp_path_factory.mktemp("app"), SCRIPT, "--max-body-bytes", str(MAX_BODY_BYTES)) as running:
        running.wait_until_it_answers("/version", 200)
        yield running


def post(headers: bytes = b"Content-Length: 12\r\n", body: bytes = b'{"input": 1}') -> bytes:
    return b"POST /score HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n" + headers + b"\r\n" + body


LENGTH = b"Content-Length: 12\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(post(LENGTH + CHUNKED), 400, id="two framings, no chunks"),
        pytest.param(post(LENGTH + b"Content-Length: 5\r\n"), 400, id="two lengths"),
        pytest.param(post(b"Content-Length: -1\r\n"), 400, id="negative length"),
        pytest.param(post(b"Transfer-Encoding: xchunked\r\n"), 400, id="unknown framing"),
        pytest.param(post(CHUNKED, b"zz\r\n"), 400, id="no chunks"),
        pytest.param(post(LENGTH + b"X-A: b\r\n c\r\n"), 400, id="folded header"),
        pytest.param(post(LENGTH + b"X-A : b\r\n"), 400, id="space before the colon"),
        pytest.param(post(LENGTH + b"X-A: b\0c\r\n"), 400, id="zero byte"),
        pytest.param(post(LENGTH + b"".join(b"X-%d: a\r\n" % n for n in range(10_000))), 431, id="10,000 headers"),
        pytest.param(post(LENGTH + b"X-A: " + b"a" * 1_000_000 + b"\r\n"), 431, id="large header"),
        pytest.param(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: app\r\n\r\n", 414, id="long address"),
        pytest.param(b"GET /\r\n\r\n", 400, id="HTTP/0.9"),
        pytest.param(b"\x16\x03\x01\x02\x00\r\n\r\n", 400, id="TLS"),
    ],
)
def test_what_breaks_http_is_refused_and_the_connection_closed(
    app: AppProcess, request_bytes: bytes, status: int
) -> None:
    answer = told(app.port, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert app.get("/version")[0] == 200


CLOSE = LENGTH + b"Connection: close\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(post(CLOSE), 200, id="as it should be"),
        pytest.param(post(CLOSE).replace(b"\r\n", b"\n"), 200, id="line feeds alone: RFC 9112 lets a server take them"),
        pytest.param(post(CLOSE.replace(b"12", b"1001"), b"x" * 1001), 413, id="over the cap"),
        pytest.param(post(CLOSE.replace(b"12", b"99999999999999999999"), b""), 400, id="no length of this world"),
        pytest.param(post(CLOSE.replace(b"12", b"16"), b'{"input": "raise"}'), 400, id="length cuts the body"),
        pytest.param(post(CLOSE.replace(b"12", b"18"), b'{"input": "raise"}'), 500, id="exception in user code"),
        pytest.param(post(CLOSE).replace(b"POST", b"DELETE"), 405, id="wrong method"),
        pytest.param(post(CLOSE + b"Content-Encoding: gzip\r\n"), 415, id="gzip"),
        pytest.param(post(CLOSE + b"Accept: image/png\r\n"), 406, id="not accepted"),
        pytest.param(post(CLOSE).replace(b"/score", b"/%0d%0aSet-Cookie:a{{7*1234567}}%1b[31m"), 404, id="injection"),
    ],
)
def test_what_http_allows_is_answered_for_what_it_is(app: AppProcess, request_bytes: bytes, status: int) -> None:
    answer = told(app.port, request_bytes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    head, _, body = answer.partition(b"\r\n\r\n")
    for hostile in (b"Set-Cookie", b"8641969", b"\x1b", b"Traceback", b"canary"):
        assert hostile not in head + body
    if status >= 400 and b"problem+json" in head:
        assert json.loads(body)["id"].encode() in head
    assert app.get("/version")[0] == 200


def test_of_two_framings_chunks_count_and_nothing_is_smuggled_behind_them(app: AppProcess) -> None:
    """RFC 9112 6.3: such a request may be read by its chunks, if its connection is closed after it."""
    hidden = b"GET /version HTTP/1.1\r\nHost: app\r\n\r\n"
    answer = told(app.port, post(LENGTH + CHUNKED, b"c\r\n" + b'{"input": 1}' + b"\r\n0\r\n\r\n" + hidden))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_that_ends_early_is_refused(app: AppProcess) -> None:
    answer = told(app.port, post(b"Content-Length: 100\r\n"), half_closed=True)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"after 12 of 100 bytes" in answer


def test_pipelined_requests_are_answered_in_their_order(app: AppProcess) -> None:
    bodies = [b'{"input": %d}' % number for number in range(3)]
    answer = told(app.port, post(body=bodies[0]) + post(body=bodies[1]) + post(CLOSE, bodies[2]))
    places = [answer.index(b'{"result":%d}' % number) for number in range(3)]
    assert places == sorted(places)


def test_others_are_answered_beside_idle_and_slow_connections(app: AppProcess) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with ExitStack() as held:
        for number in range(IDLE):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", app.port), timeout=30))
            if number % 20 == 0:
                connection.sendall(post()[:40])  # headers that never end
            elif number % 20 == 1:
                connection.sendall(post(body=b""))  # a body that never comes
        for _ in range(20):
            assert told(app.port, post(CLOSE)).startswith(b"HTTP/1.1 200 ")
            assert app.get("/version")[0] == 200


def test_the_log_has_one_line_of_json_for_every_request(app: AppProcess) -> None:
    assert told(app.port, post(CLOSE + b"X-Request-ID: the-last\r\n")).startswith(b"HTTP/1.1 200 ")
    app.wait_for_line("the-last")
    content = app.log.read_bytes()
    lines = [json.loads(line) for line in content.splitlines()]
    assert b"\x1b" not in content
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert any("the canary" in line.get("exception", "") for line in lines)
