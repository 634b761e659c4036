"""The client counts every request and tells the answers of one release from those of another."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from demo import traffic

SCRIPT = Path(traffic.__file__).with_name("traffic_client.py")
FIRST = ["1", "sha256:a", "1@sha256:m", "9,3", "image 1"]
SECOND = ["2", "sha256:b", "2@sha256:n", "2,2", "image 2"]
LINES = [
    json.dumps({"second": 1, "requests": 50, "failed": 0, "errors": {}, "answers": [[*FIRST, 50]]}),
    "a line of somebody else's",
    json.dumps(
        {"second": 2, "requests": 50, "failed": 2, "errors": {"503 x": 2}, "answers": [[*FIRST, 8], [*SECOND, 40]]}
    ),
]


def test_the_lines_add_up() -> None:
    seen = traffic.read(LINES)
    assert (seen.requests, seen.failed_requests, seen.client_seconds, seen.errors) == (100, 2, 2, {"503 x": 2})
    assert [
        (a.revision, a.model, a.label, a.computed_by, a.count, a.first_second, a.last_second) for a in seen.answers
    ] == [
        ("1", "1@sha256:m", "9,3", "image 1", 58, 1, 2),
        ("2", "2@sha256:n", "2,2", "image 2", 40, 2, 2),
    ]


def test_nothing_was_seen_before_the_first_line() -> None:
    assert traffic.read([]) == traffic.Traffic()


class Endpoint(BaseHTTPRequestHandler):
    """Answers every third request with 503, the others well."""

    protocol_version = "HTTP/1.1"
    numbers = itertools.count(1)
    asked: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        well = next(self.numbers) % 3 != 0
        body = (
            json.dumps({"result": [[[["7", 99.0]]], "Computed in 1 ms by digits image 1"]}).encode() if well else b"no"
        )
        self.send_response(200 if well else 503)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("aiapp-revision", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/score"
        server.shutdown()


def test_the_client_counts_every_request_until_it_is_told_to_stop(endpoint: str, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b'{"input": "[]"}')
    command = [sys.executable, str(SCRIPT), endpoint, "100", str(body)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        lines = [client.stdout.readline()]
        os.kill(client.pid, signal.SIGTERM)
        lines += client.stdout.readlines()
    assert client.returncode == 0
    seen = traffic.read(lines)
    assert seen.requests == len(Endpoint.asked)
    assert seen.failed_requests == len(Endpoint.asked) // 3 > 0
    assert list(seen.errors) == ["503 no"]
    assert [(a.revision, a.label, a.computed_by) for a in seen.answers] == [("1", "7", "digits image 1")]
    assert set(Endpoint.asked) == {b'{"input": "[]"}'}


def test_a_refused_connection_is_a_failed_request_and_not_the_end(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(b"{}")
    command = [sys.executable, str(SCRIPT), "http://127.0.0.1:9/score", "50", str(body)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        first = traffic.read([client.stdout.readline()])
        os.kill(client.pid, signal.SIGTERM)
        client.stdout.read()
    assert client.returncode == 0
    assert first.requests == first.failed_requests > 0
