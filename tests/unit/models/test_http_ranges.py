"""Ranges over HTTP: connections are kept, broken answers are told apart from refusals, secrets never show."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.connection import Network
from aiapp_models.stores.http_ranges import HttpRefusal, RangeClient

BODY = bytes(range(256)) * 40
SECRET = "sig=swordfish"
OK = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-109/10240\r\nContent-Length: 100\r\n\r\n"


class Server:
    """Answers each request with the next of `answers`; an answer ends its connection if `close` follows it."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.keep = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/models/m.bin?{SECRET}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):  # stopped already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(ConnectionError):  # the client may end it first
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        while request := self._request(connection):
            self.requests.append(request)
            connection.sendall(self.answers.pop(0))
            if not self.keep:
                return

    @staticmethod
    def _request(connection: socket.socket) -> bytes:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            piece = connection.recv(4096)
            if not piece:
                return b""
            received += piece
        return received


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[RangeClient]:
    endpoint = server.url.removesuffix(f"/models/m.bin?{SECRET}")
    client = RangeClient(Network(rules=NetworkRules.parse(endpoint, "")))
    yield client
    client.close()


def read(client: RangeClient, server: Server, offset: int = 10, length: int = 100) -> bytes:
    reader = client.open(server.url, {"If-Match": '"e1"'}, offset, length, "models/m.bin")
    buffer, got = memoryview(bytearray(4096)), b""
    with contextlib.closing(reader):
        while count := reader.readinto(buffer):
            got += buffer[:count]
    reader.close()  # a second time
    return got


def test_a_range_is_asked_for_by_etag_and_connections_are_kept(server: Server, client: RangeClient) -> None:
    server.answers = [OK + BODY[10:110]] * 3
    assert [read(client, server) for _ in range(3)] == [BODY[10:110]] * 3
    assert server.connections == 1
    assert b"Range: bytes=10-109\r\n" in server.requests[0]
    assert b'If-Match: "e1"\r\n' in server.requests[0]


def test_a_kept_connection_that_the_server_closed_is_replaced(server: Server, client: RangeClient) -> None:
    server.answers, server.keep = [OK + BODY[10:110]] * 2, False
    assert [read(client, server) for _ in range(2)] == [BODY[10:110]] * 2
    assert server.connections == 2


def test_a_connection_is_not_kept_when_its_answer_was_not_read(server: Server, client: RangeClient) -> None:
    server.answers = [OK + BODY[10:110]] * 2
    client.open(server.url, {}, 10, 100, "models/m.bin").close()
    assert read(client, server) == BODY[10:110]
    assert server.connections == 2


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_server_may_end_the_connection_with_its_answer(server: Server, client: RangeClient, version: bytes) -> None:
    big = 300_000
    head = b" 206 X\r\nConnection: close\r\nContent-Range: bytes 10-%d/400000\r\nContent-Length: %d\r\n\r\n"
    server.answers, server.keep = [version + head % (9 + big, big) + b"x" * big] * 2, False
    assert [len(read(client, server, 10, big)) for _ in range(2)] == [big] * 2
    assert server.connections == 2


@pytest.mark.parametrize("cut", [0, 1, 99])
def test_a_body_that_ends_early_is_worth_another_try(server: Server, client: RangeClient, cut: int) -> None:
    server.answers, server.keep = [OK + BODY[10 : 10 + cut]], False
    with pytest.raises(SourceError, match=r"models/m\.bin: .* broke") as caught:
        read(client, server)
    assert (caught.value.reason, caught.value.transient) == (Reason.STORE_UNREACHABLE, True)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10240\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 100\r\n\r\n",
        OK.replace(b"10-109", b"0-99"),
        OK.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked"),
        OK.replace(b"Content-Length: 100\r\n", b""),
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_another_answer_than_the_range_is_refused(server: Server, client: RangeClient, answer: bytes) -> None:
    server.answers, server.keep = [answer + BODY[:100]], False
    with pytest.raises(HttpRefusal) as caught:
        read(client, server)
    assert caught.value.status == int(answer[9:12])
    assert len(server.requests) == 1


def test_a_whole_file_may_come_as_such(server: Server, client: RangeClient) -> None:
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + BODY[:100]]
    assert read(client, server, 0, 100) == BODY[:100]


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        ("x-ms-error-code: ServerBusy\r\n", "", "ServerBusy"),
        ("", "<Error><Code>SlowDown</Code></Error>", "SlowDown"),
        ("", "<html>", ""),
    ],
)
def test_the_stores_own_word_is_found(server: Server, client: RangeClient, head: str, body: str, code: str) -> None:
    server.answers = [f"HTTP/1.1 503 No\r\n{head}Retry-After: 7\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()]
    with pytest.raises(HttpRefusal) as caught:
        read(client, server)
    assert (caught.value.status, caught.value.code) == (503, code)
    assert caught.value.headers["retry-after"] == "7"


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 206 X\r\nA: " + b"x" * 70_000])
def test_what_is_no_http_is_unreachable(server: Server, client: RangeClient, answer: bytes) -> None:
    server.answers, server.keep = [answer], False
    with pytest.raises(SourceError) as caught:
        read(client, server)
    assert caught.value.reason is Reason.STORE_UNREACHABLE
    assert SECRET not in str(caught.value)


def test_a_trickle_counts_as_broken(server: Server, client: RangeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers = [OK + BODY[10:30]]
    reader = client.open(server.url, {}, 10, 100, "models/m.bin")
    monkeypatch.setattr("aiapp_models.stores.http_ranges.READ_SECONDS", -1_000)
    with pytest.raises(SourceError, match="does not answer in time"):
        reader.readinto(memoryview(bytearray(10)))
    reader.close()


def test_nobody_there_is_said_in_words(server: Server, client: RangeClient) -> None:
    server.stop()
    with pytest.raises(SourceError, match="refuses the connection"):
        read(client, server)


def test_an_endpoint_that_is_not_listed_is_not_asked(server: Server) -> None:
    client = RangeClient(Network())
    with pytest.raises(SourceError) as caught:
        read(client, server)
    assert caught.value.reason is Reason.ENDPOINT_REFUSED
    assert SECRET not in str(caught.value)
    assert server.connections == 0
