"""An app on loopback that answers as it is told: late, never, too much, elsewhere, or not in HTTP."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. endless: its body's bytes come again and again. hangs: nothing comes at all. raw: instead of HTTP."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    endless: bool = False
    hangs: bool = False
    raw: bytes | None = None
    seconds: float = 0.0
    short_of: int = 0


Script: TypeAlias = Callable[[str, bytes], Reply]
"""Path and body to the answer."""


@dataclass
class ScriptedApp:
    """The running app; `asked` has (method, path, body, Content-Type) of every request."""

    url: str
    asked: list[tuple[str, str, bytes, str]] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True

    def __init__(self, script: Script, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script = script
        self.ended = threading.Event()
        self.app = ScriptedApp(f"http://127.0.0.1:{self.server_port}")

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.app.asked.append((self.command, self.path, body, self.headers.get("Content-Type", "")))
        reply = self.server.script(self.path, body)
        self.close_connection = True
        if reply.hangs:
            self.server.ended.wait()
        elif reply.raw is not None:
            self.wfile.write(reply.raw)
        else:
            self.server.ended.wait(reply.seconds)
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if not reply.endless:
            self.send_header("Content-Length", str(len(reply.body) + reply.short_of))
        self.end_headers()
        self.wfile.write(reply.body)
        while reply.endless and not self.server.ended.wait(0.005):
            self.wfile.write(reply.body)


@contextmanager
def scripted_app(script: Script, port: int = 0) -> Iterator[ScriptedApp]:
    """Run the app until the end of the block, on any free port or on a given one."""
    with _Server(script, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.app
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
