"""Stores that do not answer as stores do, on loopback over TLS."""

import contextlib
import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import azure_blob, open_store
from aiapp_models.stores.connection import Network, tls_context
from cluster.certificates import CertificateAuthority
from stand_ins.azurite import free_port, lead_names_to

HOST = "contosomodels.blob.core.windows.net"
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def store_that(answer: Answer, directory: Path) -> Iterator[tuple[int, Path]]:
    """Serve `answer` to every request; give the port and the authority to trust."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    authority = CertificateAuthority.create(directory / "ca", "A strange store")
    pair = authority.server("store", "store", [HOST])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1], authority.path
        finally:
            server.shutdown()


def manifest_refused(port: int, trust: Path | None) -> SourceError:
    source = {"azureBlob": {"account": "contosomodels", "container": "models"}}
    network = Network(trust, NetworkRules.parse(HOST, ""))
    with pytest.MonkeyPatch.context() as patch, open_store(source, Anonymous(), network) as opened:
        lead_names_to(patch, port)
        with pytest.raises(SourceError) as caught:
            opened.manifest("1")
    return caught.value


def test_a_store_that_sends_a_byte_now_and_then_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_blob, "MANIFEST_SECONDS", 1)
    stopped = threading.Event()

    def trickle(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        while not stopped.wait(0.1):
            request.wfile.write(b"<")

    with store_that(trickle, tmp_path) as (port, trust):
        started = time.monotonic()
        error = manifest_refused(port, trust)
        took = time.monotonic() - started
        stopped.set()
    assert (error.reason, error.transient) == (Reason.STORE_UNREACHABLE, True)
    assert "does not answer in time" in error.message
    assert took < 15


def test_plain_http_is_given_up_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_blob, "MANIFEST_SECONDS", 1)
    stopped = threading.Event()

    class Trickle(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not stopped.wait(0.1):
                    self.wfile.write(b"<")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trickle) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://localhost:{server.server_address[1]}"
        source = {"azureBlob": {"account": "contosomodels", "container": "models", "endpoint": endpoint}}
        network = Network(rules=NetworkRules.parse(endpoint, ""))
        started = time.monotonic()
        with open_store(source, Anonymous(), network) as opened, pytest.raises(SourceError) as caught:
            opened.manifest("1")
        took = time.monotonic() - started
        stopped.set()
        server.shutdown()
    assert (caught.value.reason, caught.value.transient) == (Reason.STORE_UNREACHABLE, True)
    assert took < 15


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    seen: list[str] = []

    def redirect(request: http.server.BaseHTTPRequestHandler) -> None:
        seen.append(request.path)
        request.send_response(302)
        request.send_header("Location", "/elsewhere")
        request.send_header("Content-Length", "0")
        request.end_headers()

    with store_that(redirect, tmp_path) as (port, trust):
        error = manifest_refused(port, trust)
    assert error.reason is Reason.STORE_REFUSED
    assert seen
    assert not [path for path in seen if "elsewhere" in path]


@pytest.mark.parametrize("header", ["Server", "x-ms-request-id"])
@pytest.mark.parametrize("body", [b"<html>a captive portal</html>", b"", b"\xff\xfe", b"<?xml version='1.0'?><a>"])
def test_something_else_than_a_blob_store_is_refused_in_words(tmp_path: Path, body: bytes, header: str) -> None:
    def page(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header(header, "a stranger")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with store_that(page, tmp_path) as (port, trust):
        error = manifest_refused(port, trust)
    assert error.reason is Reason.STORE_REFUSED
    assert f"{HOST} does not answer as Azure Blob Storage does" in error.message


def test_a_closed_port_is_told(tmp_path: Path) -> None:
    authority = CertificateAuthority.create(tmp_path, "unused")
    error = manifest_refused(free_port(), authority.path)
    assert (error.reason, error.transient) == (Reason.STORE_UNREACHABLE, True)
    assert f"{HOST} refuses the connection" in error.message


@pytest.mark.parametrize("content", [b"", b"no certificate", None], ids=["empty", "text", "missing"])
def test_a_trust_bundle_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    bundle = tmp_path / "ca.crt"
    if content is not None:
        bundle.write_bytes(content)
    with pytest.raises(SourceError, match=r"ca\.crt cannot be read") as caught:
        tls_context(bundle)
    assert caught.value.reason is Reason.SOURCE_INVALID
