"""Whoever writes an AIApp chooses who answers: what that may cost the reader, and what it may make it say."""

import contextlib
import gzip
import http.server
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import guarded, open_store, s3
from aiapp_models.stores.answers import retry_after
from aiapp_models.stores.connection import Network
from stand_ins.s3_server import Bucket

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]
SIGNATURE = "c2lnbmF0dXJlLW9mLWEtU0FT"
ZEROS = bytes(1024 * 1024)


@contextlib.contextmanager
def server_that(answer: Answer) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def refused(endpoint: str, kind: str, credentials: Credentials | None = None) -> SourceError:
    places = {
        "azureBlob": {"account": "contosomodels", "container": "models", "endpoint": endpoint},
        "s3": {"bucket": "models", "endpoint": endpoint},
    }
    network = Network(rules=NetworkRules.parse(endpoint, ""))
    source = {kind: places[kind]}
    with open_store(source, credentials or Anonymous(), network) as opened, pytest.raises(SourceError) as caught:
        opened.manifest("1")
    return caught.value


def begin(request: http.server.BaseHTTPRequestHandler, **headers: str) -> None:
    request.send_response(200)
    for name, value in {"x_ms_request_id": "1", "Content_Type": "application/xml", **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


@pytest.mark.parametrize("kind", ["azureBlob", "s3"])
def test_an_answer_without_end_is_not_kept_in_memory(kind: str) -> None:
    sent = [0]

    def endless(request: http.server.BaseHTTPRequestHandler) -> None:
        begin(request)
        for _ in range(256):
            request.wfile.write(ZEROS)
            sent[0] += 1

    with server_that(endless) as endpoint:
        error = refused(endpoint, kind)
    assert error.reason is Reason.STORE_REFUSED
    assert sent[0] < 64


def test_a_small_answer_that_unpacks_to_a_large_one_is_not_kept_in_memory() -> None:
    packed = gzip.compress(bytes(2 * guarded.MAX_ANSWER_BYTES))

    def bomb(request: http.server.BaseHTTPRequestHandler) -> None:
        begin(request, Content_Encoding="gzip", Content_Length=str(len(packed)))
        request.wfile.write(packed)

    with server_that(bomb) as endpoint:
        assert "answers with more than" in refused(endpoint, "azureBlob").message
        assert "does not answer as S3 does" in refused(endpoint, "s3").message


@pytest.mark.parametrize("kind", ["azureBlob", "s3"])
def test_an_answer_that_parses_to_far_more_memory_is_refused(kind: str) -> None:
    body = b"<r>" + b"<a/>" * (guarded.MAX_TAGS + 1) + b"</r>"

    def tags(request: http.server.BaseHTTPRequestHandler) -> None:
        begin(request, Content_Length=str(len(body)))
        request.wfile.write(body)

    with server_that(tags) as endpoint:
        assert "tags, as no store does" in refused(endpoint, kind).message


def test_a_marker_that_trickles_ends_with_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, bucket = threading.Event(), Bucket()
    bucket.put("1", {"model.npz": b"weights"})
    listing = bucket.listing({"prefix": "1/"})

    def trickle(request: http.server.BaseHTTPRequestHandler) -> None:
        if "list-type" in request.path:
            begin(request, Content_Length=str(len(listing)))
            request.wfile.write(listing)
            return
        request.wfile.write(b"HTTP/1.1 403 Forbidden\r\nX-Slow: ")
        while not stopped.wait(0.1):
            request.wfile.write(b"x")

    monkeypatch.setattr(s3, "QUESTION_SECONDS", 1)
    outcome: list[SourceError] = []
    with server_that(trickle) as endpoint:
        asking = threading.Thread(target=lambda: outcome.append(refused(endpoint, "s3")), daemon=True)
        asking.start()
        asking.join(20)
        stopped.set()
    assert [(error.reason, error.transient) for error in outcome] == [(Reason.STORE_UNREACHABLE, True)]


def test_headers_that_cannot_be_read_bring_no_signature_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def malformed(request: http.server.BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nno header at all\r\n\r\n")

    caplog.set_level(logging.WARNING)
    with server_that(malformed) as endpoint:
        error = refused(endpoint, "azureBlob", SecretValues({"sasToken": f"sv=2023-11-03&sig={SIGNATURE}"}))
    assert error.reason is Reason.STORE_REFUSED
    assert SIGNATURE not in caplog.text


def test_a_name_with_many_silent_addresses_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
    tried: list[object] = []

    class Clock:
        def monotonic(self) -> float:
            return 5.0 * len(tried)

    def silent(_self: socket.socket, where: object) -> None:
        tried.append(where)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address] * 1000)
    monkeypatch.setattr(socket.socket, "connect", silent)
    monkeypatch.setattr(guarded, "time", Clock())
    with pytest.raises(TimeoutError):
        guarded.open_socket(NetworkRules(), "many.example", 443, 5.0)
    assert 1 < len(tried) < 5


def test_a_wait_that_no_clock_can_tell_is_none() -> None:
    odd = "Mon, 02 Nov 2026 00:00:00 +99999999999999"
    assert retry_after({"retry-after": odd}, datetime.now(UTC)) is None
