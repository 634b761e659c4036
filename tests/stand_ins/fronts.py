"""A Front in this process, and clients that call it as a web server does."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiapp_serving.access_log import AccessLog
from aiapp_serving.endpoints import Endpoints
from aiapp_serving.engine import Engine, ModelMetadata
from aiapp_serving.front import Front
from aiapp_serving.metrics import Metrics
from aiapp_serving.run_input import Plain
from aiapp_serving.script import ScriptEngine
from aiapp_serving.service import ScoringService
from aiapp_serving.settings import Release, ServeSettings

RELEASE = Release(12, "sha256:" + "a" * 64, "42", "sha256:" + "b" * 64)
MAX_BODY_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A front with its access log."""

    front: Front
    service: ScoringService
    access_log: AccessLog
    written: list[bytes]

    def ask(self, method: str, path: str, body: bytes = b"", **more: Any) -> Told:
        """Send a request; `more`: of the environ, such as HTTP_ACCEPT."""
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8080",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            **({"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json"} if body else {}),
            **more,
        }
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        chunks = self.front(environ, lambda status, headers: begun.append((status, headers)))
        content = b"".join(chunks)
        if close := getattr(chunks, "close", None):
            close()
        [(status, headers)] = begun
        assert len({name.lower() for name, _ in headers}) == len(headers), headers
        return Told(int(status[:3]), dict(headers), content)

    def score(self, value: object, **more: Any) -> Told:
        return self.ask("POST", "/score", json.dumps({"input": value}).encode(), **more)

    def lines(self) -> list[bytes]:
        self.access_log.flush()
        return b"".join(self.written).splitlines(keepends=True)

    def logged(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.lines()]


def script(run: Callable[[Any], object]) -> Engine:
    return ScriptEngine(run, Plain(), ModelMetadata())


def served(
    engine: Engine | None,
    *,
    draining: bool = False,
    release: Release = RELEASE,
    threads: int = 1,
    app: Callable[..., Any] | None = None,
) -> Served:
    settings = ServeSettings(
        "127.0.0.1", 8080, Path("score.py"), threads=threads, max_body_bytes=MAX_BODY_BYTES, release=release
    )
    service = ScoringService(settings)
    service.engine = engine
    service.endpoints = Endpoints(engine, release) if engine else None
    service.wsgi_app = app
    service.load_seconds = 0.5 if engine or app else None
    written: list[bytes] = []
    access_log = AccessLog(lambda: draining, written.append)
    front = Front(settings, service, lambda: draining, Metrics().worker(), access_log)
    return Served(front, service, access_log, written)
