"""What no server under granian can beat: a WSGI callable that echoes, and one that calls the engine with no checks."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from serving.batching import Gatherer
from serving.peers import engines

Start = Callable[[str, list[tuple[str, str]]], object]


def echo(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def swallow(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Take the whole body and answer as many bytes as one dot product of 64 rows has."""
    environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", "256")])
    return [bytes(256)]


class Bare:
    """Parse, array, engine, write: without validation, ids, metrics, admission or a log."""

    def __init__(self, predict: engines.Predict) -> None:
        self._predict = predict

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        result = self._predict(engines.tensor(orjson.loads(environ["wsgi.input"].read())))
        body = orjson.dumps(engines.answer(result))
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def bare() -> Bare:
    """Return the callable: granian calls a factory in its worker."""
    return Bare(engines.load())


def gathered() -> Bare:
    """Return the callable that lets one thread call the engine for all requests that wait."""
    return Bare(Gatherer(engines.load()))
