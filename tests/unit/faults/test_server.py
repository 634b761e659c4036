"""The fault server answers as a blob store does, and goes wrong exactly as it is told."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cluster.certificates import CertificateAuthority
from faults.container import MARKER, Blob, Container, content_digest, version
from faults.script import Fault, Kind, Place
from faults.server import FaultServer, serving, tls_of

FILES = {"model.npz": bytes(range(200)), "labels/names.json": b"[]"}
BLOB = "/models/digits/3/model.npz"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving() as running:
        running.containers["models"] = Container(version("digits/3", FILES))
        yield running


def answer(server: FaultServer, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def spoil(server: FaultServer, *faults: Fault) -> Container:
    container = Container(version("digits/3", FILES), faults)
    server.containers["models"] = container
    return container


def test_a_range_is_read_from_the_blob_that_was_listed(server: FaultServer) -> None:
    blob = server.containers["models"].blobs["digits/3/model.npz"]
    response, body = answer(server, BLOB, Range="bytes=10-19", If_Match=blob.etag)
    assert (response.status, body) == (206, FILES["model.npz"][10:20])
    assert response.headers["Content-Range"] == "bytes 10-19/200"
    assert answer(server, BLOB)[1] == FILES["model.npz"]
    assert answer(server, BLOB, If_Match='"0x1"')[0].status == 412
    assert answer(server, BLOB, Range="bytes=200-")[0].status == 416
    assert answer(server, "/models/digits/4/model.npz")[0].headers["x-ms-error-code"] == "BlobNotFound"
    assert answer(server, "/others/x")[0].headers["x-ms-error-code"] == "ContainerNotFound"


def names(body: bytes) -> tuple[list[str], list[str], str]:
    tree = ET.fromstring(body)  # noqa: S314 - of our own server
    blobs = [node.findtext("Name") or "" for node in tree.iter("Blob")]
    return blobs, [node.findtext("Name") or "" for node in tree.iter("BlobPrefix")], tree.findtext("NextMarker") or ""


def test_a_listing_has_folders_and_pages(server: FaultServer) -> None:
    listing = "/models?restype=container&comp=list"
    blobs, folders, _ = names(answer(server, f"{listing}&prefix=digits/&delimiter=/")[1])
    assert (blobs, folders) == ([], ["digits/3/"])
    blobs, _, after = names(answer(server, f"{listing}&prefix=digits/3/&maxresults=2")[1])
    assert blobs == ["digits/3/SHA256SUMS", "digits/3/labels/names.json"]
    rest, _, end = names(answer(server, f"{listing}&prefix=digits/3/&maxresults=2&marker={after}")[1])
    assert (rest, end) == (["digits/3/model.npz"], "")


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (Kind.BUSY, 503, "ServerBusy"),
        (Kind.THROTTLED, 429, "TooManyRequests"),
        (Kind.SAS_EXPIRED, 403, "AuthenticationFailed"),
        (Kind.CHANGED, 412, "ConditionNotMet"),
    ],
)
def test_a_refusal_comes_as_often_as_it_is_told(server: FaultServer, kind: Kind, status: int, code: str) -> None:
    container = spoil(server, Fault(kind, Place.BODY, skip=1, times=2))
    answers = [answer(server, BLOB)[0] for _ in range(4)]
    assert [response.status for response in answers] == [200, status, status, 200]
    assert answers[1].headers["x-ms-error-code"] == code
    assert ("Retry-After" in answers[1].headers) is (kind is Kind.THROTTLED)
    assert container.struck == {kind: 2}


@pytest.mark.parametrize("at", [0, 25, 50, 99])
@pytest.mark.parametrize("kind", [Kind.PARTIAL_THEN_FIN, Kind.PARTIAL_THEN_RST])
def test_a_body_ends_where_it_is_told(server: FaultServer, kind: Kind, at: int) -> None:
    spoil(server, Fault(kind, Place.BODY, at=at))
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(f"GET {BLOB} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received, reset = bytearray(), False
        try:
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionResetError:
            reset = True
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    assert b"Content-Length: 200" in head
    assert body == FILES["model.npz"][: 2 * at]
    assert reset is (kind is Kind.PARTIAL_THEN_RST)


@pytest.mark.parametrize("kind", [Kind.NONE_THEN_FIN, Kind.NONE_THEN_RST])
def test_no_answer_has_not_even_headers(server: FaultServer, kind: Kind) -> None:
    spoil(server, Fault(kind, Place.BODY))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        answer(server, BLOB)


def test_silence_lasts_until_the_server_ends(server: FaultServer) -> None:
    spoil(server, Fault(Kind.PARTIAL_THEN_HANG, Place.BODY, at=50))
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=0.3)
    connection.request("GET", BLOB)
    response = connection.getresponse()
    assert response.read(100) == FILES["model.npz"][:100]
    with pytest.raises(TimeoutError):
        response.read()
    connection.close()


DAMAGED = {
    Kind.HALF_AS_SUCCESS: FILES["model.npz"][:100],
    Kind.FLIPPED_BIT: bytes([*range(100), 100 ^ 16, *range(101, 200)]),
    Kind.EXTRA_BYTES: FILES["model.npz"] + bytes(101),
    Kind.WRONG_RANGE: bytes([*range(1, 200), 0]),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_other_bytes_come_as_a_success(server: FaultServer, kind: Kind) -> None:
    spoil(server, Fault(kind, Place.BODY, at=50))
    response, body = answer(server, BLOB)
    assert (response.status, body) == (200, DAMAGED[kind])


def test_a_range_says_that_it_is_another(server: FaultServer) -> None:
    spoil(server, Fault(Kind.RANGE_MISLABELLED, Place.BODY))
    assert answer(server, BLOB, Range="bytes=0-9")[0].headers["Content-Range"] == "bytes 1-10/200"


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (Kind.LISTED_EMPTY, []),
        (Kind.LISTED_PARTLY, ["digits/3/SHA256SUMS", "digits/3/labels/names.json"]),
        (Kind.LISTED_PAST, ["digits/3/labels/names.json", "digits/3/model.npz"]),
    ],
)
def test_a_listing_lacks_what_it_is_told(server: FaultServer, kind: Kind, left: list[str]) -> None:
    spoil(server, Fault(kind, Place.LISTING))
    assert names(answer(server, "/models?comp=list&prefix=digits/3/")[1])[0] == left


def test_bytes_are_told_of_before_they_are_sent(server: FaultServer) -> None:
    sent: list[int] = []
    server.on_bytes = sent.append
    answer(server, BLOB)
    assert sum(sent) == 200


def test_tls_is_that_of_the_given_authority_and_a_silent_client_holds_nobody_up(tmp_path: Path) -> None:
    authority = CertificateAuthority.create(tmp_path / "ca", "faults")
    trusted = ssl.create_default_context(cafile=authority.path)
    with serving(tls_of(authority)) as server, socket.create_connection(("127.0.0.1", server.server_port)):
        server.containers["models"] = Container({"a": Blob(b"content")})
        connection = http.client.HTTPSConnection("127.0.0.1", server.server_port, context=trusted, timeout=5)
        connection.request("GET", "/models/a")
        assert connection.getresponse().read() == b"content"
        connection.close()


def test_a_server_that_ends_leaves_no_thread_that_listens() -> None:
    before = set(threading.enumerate())
    with serving() as server:
        port = server.server_port
    assert set(threading.enumerate()) - before == set()  # those of other tests may end meanwhile
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_digest_is_that_of_the_sorted_lines() -> None:
    lines = version("", FILES)[f"/{MARKER}"].data.decode().splitlines()
    assert content_digest(FILES) != content_digest({**FILES, "model.npz": b""})
    assert all(first[66:] < second[66:] for first, second in pairwise(lines))
