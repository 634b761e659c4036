"""One request to the model: let in, read, answered; whatever goes wrong becomes an answer too."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from aiapp_serving.admission import RETRY, Admission
from aiapp_serving.answer import Answer
from aiapp_serving.errors import InvalidInput, Refused, problem
from aiapp_serving.metrics import WorkerMetrics
from aiapp_serving.service import ScoringService
from aiapp_serving.settings import ServeSettings

if TYPE_CHECKING:  # the server answers its first probe before numpy is imported
    from aiapp_serving.endpoints import Endpoints

LOG: Final = logging.getLogger("aiapp.serve")
PROBLEM: Final = ("Content-Type", "application/problem+json")
FAILED: Final = "the app failed on this request; its log names the cause under this id"
UNSAID: Final = "the app takes no such input, and does not say why: its run() raises InvalidInput without a text"
MOST_DETAIL: Final = 2000
_Score = Callable[[bytes, Mapping[str, Any]], Answer]


class Calls:
    """What Flask's routes and the hot ones have in common."""

    def __init__(self, settings: ServeSettings, service: ScoringService, metrics: WorkerMetrics) -> None:
        self.admission = Admission(settings.threads, settings.max_body_bytes, metrics)
        self._service = service

    def scored(self, environ: Mapping[str, Any], score: _Score, request_id: str) -> Answer:
        """Return the answer of `score` to the request's body, or the problem that kept it from one."""
        try:
            return self.admission.scored(environ, score)
        except BaseException as error:  # noqa: BLE001 - the app's own, also a panic of Rust's; the worker survives
            return failure(error, environ["PATH_INFO"], request_id)

    def posted(
        self, operation: str, arguments: Mapping[str, str], environ: Mapping[str, Any], request_id: str
    ) -> Answer:
        """Return the answer of an operation of Endpoints that takes a body."""
        try:
            endpoints = self.endpoints()
            if arguments:
                endpoints.named(**arguments)
        except Refused as error:
            return failure(error, environ["PATH_INFO"], request_id)
        return self.scored(environ, getattr(endpoints, operation), request_id)

    def endpoints(self) -> "Endpoints":
        """Return what answers.

        Raises:
            Refused: 503, it is not loaded yet.
        """
        endpoints = self._service.endpoints
        if endpoints is None:
            raise loading()
        return endpoints


def loading() -> Refused:
    """Return what is said to requests that come too early."""
    return Refused(503, "the model is being loaded", RETRY)


def failure(error: BaseException, path: str, request_id: str) -> Answer:
    """Return the answer to a request that failed; what the app raised is told to its log alone."""
    if isinstance(error, Refused):
        return told(error.status, error.detail, path, request_id, error.headers)
    if isinstance(error, InvalidInput):
        return told(422, str(error) or UNSAID, path, request_id)
    LOG.error("the app failed", exc_info=error, extra={"id": request_id})
    return told(500, FAILED, path, request_id)


def told(status: int, detail: str, path: str, request_id: str, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """Return an error as problem+json; V2 clients read its member `error`."""
    document = problem(status, detail[:MOST_DETAIL], request_id)
    if path == "/v2" or path.startswith("/v2/"):
        document["error"] = document["detail"]
    try:
        body = orjson.dumps(document)
    except TypeError:  # half of a character, out of the app's own text
        body = orjson.dumps(
            {name: ascii(value) if isinstance(value, str) else value for name, value in document.items()}
        )
    return Answer(status, (PROBLEM, *headers), body)
