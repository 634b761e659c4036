"""The Flask app: every address of the runtime. Ids, release headers, counts and the log are of what surrounds it."""

from collections.abc import Callable
from typing import Any, Final

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from aiapp_serving import __version__
from aiapp_serving.answer import JSON, Answer
from aiapp_serving.calls import Calls, failure, loading, told
from aiapp_serving.errors import Refused
from aiapp_serving.metrics import WorkerMetrics
from aiapp_serving.page import files
from aiapp_serving.route_table import ROUTES, Route
from aiapp_serving.service import ScoringService
from aiapp_serving.settings import Release

REQUEST_ID: Final = "aiapp.request_id"
ROUTE: Final = "aiapp.route"
"""In the environ: the id of a request, and the address, as it is in the table, that answered it."""
RUNTIME: Final = f"aiapp/{__version__}"
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_METHODS: Final = {
    "model_version_metadata": "model_metadata",
    "model_version_ready": "model_ready",
    "infer_version": "infer",
}
"""Methods of Endpoints, where an operation is not named as its method is."""
_View = Callable[..., Answer]


class Views:
    """What needs no model, beside what Endpoints answers."""

    def __init__(self, service: ScoringService, release: Release, metrics: WorkerMetrics) -> None:
        self._service = service
        self._release = release
        self._metrics = metrics
        self._version = Answer(200, (JSON,), orjson.dumps(release.document(RUNTIME)))
        self.pages = files()

    def health(self) -> Answer:
        """Answer that the process lives, loaded or not."""
        return Answer(200, (_TEXT,), b"Healthy")

    def live(self) -> Answer:
        """Answer the same in the protocol's words."""
        return Answer(200, (JSON,), b'{"live":true}')

    def version(self) -> Answer:
        """Answer what serves; 503 until it is loaded, which is what readiness asks."""
        self._check_ready()
        return self._version

    def ready(self) -> Answer:
        """Answer that the model is loaded."""
        self._check_ready()
        return Answer(200, (JSON,), b'{"ready":true}')

    def metrics(self) -> Answer:
        """Answer what all workers counted."""
        from aiapp_serving.exposition import exposition  # noqa: PLC0415 - not before it is asked for

        self._metrics.loaded(self._service.load_seconds or 0.0)
        return exposition(self._metrics.shared, self._release, RUNTIME, request.headers.get("Accept", ""))

    def openapi(self) -> Answer:
        """Answer what can be asked, with the model's own inputs."""
        from aiapp_serving.openapi import document  # noqa: PLC0415 - with numpy, which the first probe needs not wait for

        engine = self._service.engine
        if engine is None:
            raise (
                loading()
                if not self._service.ready
                else Refused(404, "the app answers by itself, and describes itself")
            )
        schema = getattr(engine, "input_schema", None)  # of code of the user's alone
        return Answer(200, (JSON,), orjson.dumps(document(engine.metadata, self._release, schema)))

    def docs(self) -> Answer:
        """Answer the page."""
        return self.pages["/docs"]

    def _check_ready(self) -> None:
        if not self._service.ready:
            raise loading()


def create_app(service: ScoringService, release: Release, metrics: WorkerMetrics, calls: Calls) -> Flask:
    """Return the WSGI app."""
    app = Flask("aiapp_serving", static_folder=None)
    views = Views(service, release, metrics)
    for route in ROUTES:
        path = route.path.replace("{", "<").replace("}", ">")
        app.add_url_rule(path, route.operation, _view(route, views, calls), methods=[route.method])
    for path, page in views.pages.items():
        if path != "/docs":
            app.add_url_rule(path, path, _page(page), methods=["GET"])

    def refused(error: HTTPException) -> Response:
        unknown = error.code == 404 and not service.ready  # whether there is such an address is not known yet
        return _response(failure(loading(), request.path, _id()) if unknown else _told(error))

    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(Exception, lambda error: _response(failure(error, request.path, _id())))
    return app


def _view(route: Route, views: Views, calls: Calls) -> Callable[..., Response]:
    own: _View | None = getattr(views, route.operation, None)
    method = _METHODS.get(route.operation, route.operation)

    def view(**arguments: str) -> Response:
        request.environ[ROUTE] = route.path
        if route.method == "POST":
            return _response(calls.posted(method, arguments, request.environ, _id()))
        if own is not None:
            return _response(own())
        return _response(getattr(calls.endpoints(), method)(**arguments))

    return view


def _page(page: Answer) -> Callable[[], Response]:
    return lambda: _response(page)


def _told(error: HTTPException) -> Answer:
    sent = error.get_response(request.environ).headers
    headers = [(name, sent[name]) for name in ("Allow", "Retry-After", "Location") if name in sent]
    return told(error.code or 500, error.description or "", request.path, _id(), headers)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
        response.headers[name] = value
    return response


def _id() -> str:
    request_id: Any = request.environ[REQUEST_ID]
    return str(request_id)
