"""Clients that send slowly, or nothing, at a real server: they wait, and nobody waits with them."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiapp_serving.admission import BODIES, MAX_READING, PIECE
from aiapp_serving.server import HEADER_MILLISECONDS
from stand_ins.app_process import AppProcess, app_process
from stand_ins.raw_http import raw_post, told

SCRIPT = "def run(input):\n    return input\n"
APP = """
def app(environ, start_response):
    start_response("200 OK", [("X-Length", environ["CONTENT_LENGTH"])])
    return [environ["wsgi.input"].read(1000)]
"""
SLOW = 120
"""More than wait and are scored at a time together."""
MAX_BODY_BYTES = 4 * PIECE


@pytest.fixture
def app(tmp_path: Path) -> Iterator[AppProcess]:
    with app_process(tmp_path / "app", SCRIPT, "--max-body-bytes", str(MAX_BODY_BYTES)) as running:
        running.wait_until_it_answers("/version", 200)
        yield running


@pytest.fixture
def held(app: AppProcess) -> Iterator[ExitStack]:  # noqa: ARG001 - closed before it
    with ExitStack() as stack:
        yield stack


def slow(held: ExitStack, app: AppProcess, begun: bytes) -> socket.socket:
    connection = held.enter_context(socket.create_connection(("127.0.0.1", app.port), timeout=30))
    connection.sendall(begun)
    return connection


def assert_others_are_answered(app: AppProcess) -> None:
    for _ in range(10):
        assert told(app.port, raw_post(b'{"input": 1}')).startswith(b"HTTP/1.1 200 ")
        assert app.get("/version")[0] == 200


def test_bodies_that_never_come_keep_nobody_out(app: AppProcess, held: ExitStack) -> None:
    small = raw_post(b"", b"Content-Length: 12\r\n")
    large = raw_post(b"", b"Content-Length: %d\r\n" % MAX_BODY_BYTES)
    chunked = raw_post(b"", b"Transfer-Encoding: chunked\r\n")
    for begun in (small, small + b"{", large, large + b"{", chunked, chunked + b"c\r\n{"):
        for _ in range(SLOW // 6):
            slow(held, app, begun)
    assert_others_are_answered(app)


def test_large_bodies_that_stop_before_their_end_keep_no_small_one_out(app: AppProcess, held: ExitStack) -> None:
    begun = raw_post(b"x" * (MAX_BODY_BYTES - 1), b"Content-Length: %d\r\n" % MAX_BODY_BYTES)
    for _ in range(3 * BODIES):
        slow(held, app, begun)
    assert_others_are_answered(app)


def test_as_many_bodies_as_may_come_at_a_time_leave_probes_answered(app: AppProcess, held: ExitStack) -> None:
    coming = [slow(held, app, raw_post(b"", b"Content-Length: 12\r\n")) for _ in range(MAX_READING + 20)]
    refused = select.poll()
    for connection in coming:
        refused.register(connection, select.POLLIN)
    while len(answered := refused.poll(30_000)) < 20:
        assert answered, "nothing is refused"
    assert told(app.port, raw_post(b'{"input": 1}')).startswith(b"HTTP/1.1 503 ")
    assert app.get("/version")[0] == 200
    waiting = next(one for one in coming if one.fileno() not in {number for number, _ in answered})
    waiting.sendall(b'{"input": 1}')  # slow is not wrong
    assert waiting.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert told(app.port, raw_post(b'{"input": 1}')).startswith(b"HTTP/1.1 200 ")


def test_headers_that_never_end_are_given_up(app: AppProcess) -> None:
    with socket.create_connection(("127.0.0.1", app.port), timeout=3 * HEADER_MILLISECONDS / 1000) as connection:
        connection.sendall(b"POST /score HTTP/1.1\r\nHost: app\r\n")
        assert connection.recv(1) == b""


def test_an_app_of_the_users_waits_for_no_slow_body_and_gets_its_own_whole(tmp_path: Path) -> None:
    with app_process(tmp_path, APP, "--threads", "2") as running, ExitStack() as held:
        running.wait_until_it_answers("/version", 200)
        for _ in range(SLOW):
            slow(held, running, raw_post(b"", b"Content-Length: 12\r\n"))
        for framing, body in ((b"", b"whole"), (b"Transfer-Encoding: chunked\r\n", b"5\r\nwhole\r\n0\r\n\r\n")):
            answer = told(running.port, raw_post(body, framing))
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"x-length: 5\r\n" in answer.lower()
            assert b"\r\nwhole\r\n" in answer
