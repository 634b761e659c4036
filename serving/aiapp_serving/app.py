"""The Flask app: routes, and what every answer carries."""

import json
import logging
import re
import time
import uuid
from collections.abc import Callable

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from aiapp_serving.errors import problem
from aiapp_serving.routes import routes
from aiapp_serving.service import ScoringService
from aiapp_serving.settings import ServeSettings

ACCESS = logging.getLogger("aiapp.access")
LOG = logging.getLogger("aiapp.serve")
REQUEST_ID = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = {"/", "/version"}


def create_app(settings: ServeSettings, service: ScoringService, is_draining: Callable[[], bool]) -> Flask:
    """Return the WSGI app.

    is_draining: asked at every answer; True closes the connection, so that clients go elsewhere.
    """
    app = Flask("aiapp_serving", static_folder=None)
    # One more than allowed: a body without Content-Length is cut there in silence, and then seen to be too long.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1
    app.extensions["aiapp"] = (settings, service)
    release_headers = settings.release.headers()

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        sent = request.headers.get(REQUEST_ID, "")
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.update(release_headers)
        response.headers[REQUEST_ID] = g.request_id
        if is_draining():
            response.headers["Connection"] = "close"
        _log_access(response)
        return response

    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _failed)
    app.register_blueprint(routes)
    return app


def _refused(error: HTTPException) -> Response:
    status = error.code or 500
    response = _problem(status, error.description or "")
    for name in ("Allow", "Retry-After"):
        if value := error.get_response(request.environ).headers.get(name):
            response.headers[name] = value
    return response


def _failed(error: Exception) -> Response:
    LOG.error("the app failed", exc_info=error, extra={"id": g.request_id})
    return _problem(500, "the app failed on this request; its log names the cause under this id")


def _problem(status: int, detail: str) -> Response:
    body = json.dumps(problem(status, detail, g.request_id))
    return Response(body, status, content_type="application/problem+json")


def _log_access(response: Response) -> None:
    if request.path in _PROBES and response.status_code < 400:
        return
    ACCESS.info(
        "request",
        extra={
            "id": g.request_id,
            "method": request.method,
            "path": request.path[:256],
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.started) * 1000, 1),
            "bytes": response.calculate_content_length(),
        },
    )
