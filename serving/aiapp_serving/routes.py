"""The three addresses of an app."""

import json
from typing import Any

from flask import Blueprint, Response, abort, current_app, request
from werkzeug.exceptions import ServiceUnavailable

from aiapp_serving import __version__
from aiapp_serving.engine import Engine
from aiapp_serving.errors import BadJson, InvalidInput
from aiapp_serving.request_json import read_input
from aiapp_serving.service import Busy, ScoringService
from aiapp_serving.settings import ServeSettings

RETRY_SECONDS = 5
routes = Blueprint("aiapp", __name__)


@routes.get("/")
def health() -> Response:
    """Answer that the process lives, loaded or not."""
    return Response("Healthy", content_type="text/plain; charset=utf-8")


@routes.get("/version")
def version() -> Response:
    """Answer what serves; 503 until the model is loaded, which is what readiness asks."""
    _engine()
    return _json(_settings().release.document(f"aiapp/{__version__}"))


@routes.post("/score")
def score() -> Response:
    """Answer `{"result": run(input)}` to `{"input": ...}`."""
    engine = _engine()
    _check_kind_of_body()
    try:
        with _service().admitted(_size_of_body()):
            given = _input()
            with _service().turn():
                result = engine.score(given)
    except InvalidInput as error:
        abort(422, str(error)[:2000])
    except Busy:
        raise ServiceUnavailable("too many requests are waiting already", retry_after=RETRY_SECONDS) from None
    try:
        return _json({"result": result})
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError("run() returned what JSON cannot hold; use lists, objects, text, finite numbers") from error


def _check_kind_of_body() -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in {"utf-8", "utf8", "us-ascii"}:
        abort(415, "send the body as JSON, with the header Content-Type: application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        abort(415, "send the body as it is, without Content-Encoding")


def _size_of_body() -> int:
    """Return how many bytes the body will take at most: one that does not say so may be as large as any."""
    largest = _settings().max_body_bytes
    return largest if request.content_length is None else min(request.content_length, largest)


def _input() -> Any:
    body = request.get_data(cache=False)
    if len(body) > _settings().max_body_bytes:
        abort(413, f"the body is larger than {_settings().max_body_bytes} bytes")
    try:
        return read_input(body)
    except BadJson as error:
        abort(400, str(error))
    except InvalidInput as error:
        abort(422, str(error))


def _engine() -> Engine:
    engine = _service().engine
    if engine is None:
        raise ServiceUnavailable("the model is being loaded", retry_after=RETRY_SECONDS)
    return engine


def _service() -> ScoringService:
    service: ScoringService = current_app.extensions["aiapp"][1]
    return service


def _settings() -> ServeSettings:
    settings: ServeSettings = current_app.extensions["aiapp"][0]
    return settings


def _json(value: object) -> Response:
    body = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, content_type="application/json")
