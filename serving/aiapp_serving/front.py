"""What the web server calls: everything around an answer, and the way past the framework for the routes that matter.

A hot route costs its scoring and little else; all other addresses are Flask's, or of the user's WSGI app. Both ways end
in the same methods of Endpoints, so they answer alike.
"""

import io
import itertools
import os
import re
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiapp_serving import trace, user_app
from aiapp_serving.access_log import AccessLog
from aiapp_serving.answer import Answer
from aiapp_serving.app import REQUEST_ID, ROUTE, create_app
from aiapp_serving.calls import Calls, failure
from aiapp_serving.metrics import OTHER, USERS_APP, WorkerMetrics
from aiapp_serving.service import ScoringService
from aiapp_serving.settings import ServeSettings

if TYPE_CHECKING:
    from aiapp_serving.endpoints import Endpoints, Hot

HEADER: Final = "X-Request-ID"
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STATUS_LINES: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_QUIET: Final = frozenset({"/", "/version", "/metrics", "/v2/health/live", "/v2/health/ready"})
"""Asked every few seconds; only their failures are worth a line."""
_OURS: Final = frozenset({"/version", "/metrics", "/openapi.json", "/docs", "/v2/health/live", "/v2/health/ready"})
"""What a WSGI app of the user's does not get."""
_PAGE: Final = "/docs/"
_INFER: Final = "/infer"
_Environ = dict[str, Any]


class _Request:
    """One request, from its headers to its counts."""

    __slots__ = ("id", "method", "path", "started", "trace")

    def __init__(self, environ: _Environ, request_id: str, started: float, found: trace.Trace | None) -> None:
        self.id = request_id
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["PATH_INFO"]
        self.started = started
        self.trace = found


class Front:
    """A WSGI callable; made in the worker that runs it.

    is_draining: asked at every answer; True closes the connection, so that clients go elsewhere.
    """

    def __init__(
        self,
        settings: ServeSettings,
        service: ScoringService,
        is_draining: Callable[[], bool],
        metrics: WorkerMetrics,
        access_log: AccessLog | None = None,
    ) -> None:
        self._service = service
        self._is_draining = is_draining
        self._metrics = metrics
        self._log = access_log or (AccessLog(is_draining) if settings.access_log else None)
        self._calls = Calls(settings, service, metrics)
        self._flask = create_app(service, settings.release, metrics, self._calls)
        self._own = tuple(settings.release.headers().items())
        self._closing = (*self._own, ("Connection", "close"))
        self._prefix = os.urandom(10).hex()
        self._numbers = itertools.count()
        self._endpoints: Endpoints | None = None
        self._hot: dict[str, tuple[str, Hot]] = {}

    def __call__(self, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        started = time.perf_counter()
        sent = environ.get("HTTP_X_REQUEST_ID")
        if sent is not None and _SANE_ID.fullmatch(sent):
            request_id = sent
        else:
            request_id = f"{self._prefix}{next(self._numbers):012x}"
        if "HTTP_TRACEPARENT" not in environ:
            return self._answer(environ, start_response, request_id, started, None)
        found = trace.read(environ)
        token = trace.CURRENT.set(found)
        try:
            return self._answer(environ, start_response, request_id, started, found)
        finally:
            trace.CURRENT.reset(token)

    def _answer(
        self,
        environ: _Environ,
        start_response: Callable[..., Any],
        request_id: str,
        started: float,
        found: trace.Trace | None,
    ) -> Iterable[bytes]:
        endpoints = self._service.endpoints
        if endpoints is not self._endpoints:
            self._take(endpoints)
        path = environ["PATH_INFO"]
        hot = self._hot.get(path)
        if hot is not None and environ["REQUEST_METHOD"] == "POST":
            route, score = hot
            status, headers, body = self._calls.scored(environ, score, request_id)
            size = len(body)
            own = self._closing if self._is_draining() else self._own
            start_response(_STATUS_LINES[status], [*headers, ("Content-Length", str(size)), *own, (HEADER, request_id)])
            seconds = time.perf_counter() - started
            self._metrics.end(route, "POST", status, seconds)
            if self._log is not None:
                self._log.add(request_id, "POST", path, status, seconds, size, found)
            return [body]
        request = _Request(environ, request_id, started, found)
        app = self._service.wsgi_app
        if app is not None and not (path in _OURS or path.startswith(_PAGE)):
            return self._of_user(request, app, environ, start_response)
        return self._of_flask(request, environ, start_response)

    def _take(self, endpoints: "Endpoints | None") -> None:
        """Route to what was loaded, which may have taken the place of something else."""
        hot = {} if endpoints is None else endpoints.hot()
        self._hot = {path: (_counted(path), score) for path, score in hot.items()}
        self._endpoints = endpoints

    def _send(
        self, request: _Request, route: str, answer: Answer, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        status, headers, body = answer
        size = len(body)
        own = self._closing if self._is_draining() else self._own
        line = _STATUS_LINES[status]
        start_response(line, [*headers, ("Content-Length", str(size)), *own, (HEADER, request.id)])
        self._end(request, route, status, size)
        return [body]

    def _of_flask(self, request: _Request, environ: _Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[REQUEST_ID] = request.id
        status, headers, streamed = user_app.begin(self._flask.wsgi_app, environ)
        try:
            body = b"".join(streamed)
        finally:
            streamed.close()
        own = self._closing if self._is_draining() else self._own
        start_response(_STATUS_LINES[status], [*headers, *own, (HEADER, request.id)])
        self._end(request, environ.get(ROUTE, OTHER), status, len(body))
        return [body]

    def _of_user(
        self, request: _Request, app: Callable[..., Any], environ: _Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer by the user's app: it gets a whole body, waits for its turn and keeps its place until its end."""
        admission = self._calls.admission
        environ[REQUEST_ID] = request.id
        try:
            body = admission.read(environ)
            size = len(body)
            admission.enter(size)
        except Exception as error:  # noqa: BLE001 - Refused
            return self._send(request, USERS_APP, failure(error, request.path, request.id), start_response)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(size)}
        try:
            with admission.turn():
                status, headers, streamed = user_app.begin(app, environ)
        except BaseException as error:  # noqa: BLE001 - the app's own, which the worker survives
            admission.leave(size)
            return self._send(request, USERS_APP, failure(error, request.path, request.id), start_response)

        def ended() -> None:
            admission.leave(size)
            self._end(request, USERS_APP, status, None)

        streamed.ended = ended
        own = self._closing if self._is_draining() else self._own
        ours = {name.lower() for name, _ in own} | {HEADER.lower()}
        kept = [header for header in headers if header[0].lower() not in ours]
        start_response(_STATUS_LINES.get(status, f"{status} Status"), [*kept, *own, (HEADER, request.id)])
        return streamed

    def _end(self, request: _Request, route: str, status: int, size: int | None) -> None:
        seconds = time.perf_counter() - request.started
        self._metrics.end(route, request.method, status, seconds)
        log = self._log
        if log is not None and (status >= 400 or request.path not in _QUIET):
            log.add(request.id, request.method, request.path, status, seconds, size, request.trace)


def _counted(path: str) -> str:
    """Return the address in the table that a hot path is one of."""
    if not path.endswith(_INFER):
        return path
    return "/v2/models/{model}/versions/{version}/infer" if "/versions/" in path else "/v2/models/{model}/infer"
