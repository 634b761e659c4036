"""HTTP as bytes, for what no client library would send."""

import socket

CLOSE = b"Connection: close\r\n"


def raw_post(body: bytes, framing: bytes = b"", path: bytes = b"/score") -> bytes:
    """Return a request, the last on its connection; framing: header lines in place of the body's true length."""
    length = framing or b"Content-Length: %d\r\n" % len(body)
    return b"POST %b HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n%b%b\r\n%b" % (
        path,
        CLOSE,
        length,
        body,
    )


def told(port: int, request: bytes, *, half_closed: bool = False) -> bytes:
    """Return all that is answered until the server closes the connection."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(request)
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except (ConnectionResetError, BrokenPipeError):  # it closed before all was sent
            pass
    return bytes(received)
