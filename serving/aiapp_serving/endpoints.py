"""What each address answers once the model is loaded: bytes and headers in, an Answer out. Pure."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from aiapp_serving import __version__
from aiapp_serving.answer import JSON, Answer
from aiapp_serving.engine import Engine
from aiapp_serving.errors import BadJson, Refused
from aiapp_serving.request_headers import Headers, check_headers
from aiapp_serving.request_json import parse_tensor_json, read_input
from aiapp_serving.result_json import write_result
from aiapp_serving.settings import Release
from aiapp_serving.v2.binary import split
from aiapp_serving.v2.metadata import model_document
from aiapp_serving.v2.request import MAX_ROWS, RequestReader
from aiapp_serving.v2.response import ResponseWriter

Hot = Callable[[bytes, Headers], Answer]

EXTENSIONS: Final = ("binary_tensor_data",)

_JSON: Final = frozenset({"application/json"})
_OCTETS: Final = frozenset({"application/octet-stream"})
_INFER_BODY: Final = _JSON | {""}  # clients of the protocol send JSON without saying so
_INFER_RAW_BODY: Final = _INFER_BODY | _OCTETS
_INFER_ANSWERS: Final = _JSON | _OCTETS


class Endpoints:
    """The addresses of one loaded model; called from several threads at once.

    A wrong request raises Refused or InvalidInput (which is 422); any other exception is the app's failure.
    """

    def __init__(self, engine: Engine, release: Release) -> None:
        metadata = engine.metadata
        self.model = metadata.name
        self.model_version = release.model_version or "1"
        self._engine = engine
        self._has_tensors = bool(metadata.inputs)
        self._reader = RequestReader(metadata)
        self._writer = ResponseWriter(self.model, self.model_version)
        self._model_metadata = _json(model_document(metadata, self.model_version))
        self._model_ready = _json({"name": self.model, "ready": True})
        about = {"name": "aiapp", "version": __version__, "extensions": EXTENSIONS}
        self._server_metadata = _json(about)

    def hot(self) -> dict[str, Hot]:
        """Return what answers POST at each address that is taken past the framework."""
        model = f"/v2/models/{self.model}"
        return {
            "/score": self.score,
            f"{model}/infer": self.infer,
            f"{model}/versions/{self.model_version}/infer": self.infer,
        }

    def score(self, body: bytes, headers: Headers) -> Answer:
        """Answer `{"result": ...}` to `{"input": ...}`."""
        check_headers(headers, _JSON, _JSON)
        try:
            value = read_input(body)
        except BadJson as error:
            raise Refused(400, str(error)) from None
        if self._has_tensors and type(value) is list:
            _check_rows(value)
        return Answer(200, (JSON,), write_result(self._engine.score(value)))

    def infer(self, body: bytes, headers: Headers) -> Answer:
        """Answer the output tensors for input tensors, as JSON or with raw bytes behind it."""
        length = headers.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH")
        raw: memoryview | None = None
        check_headers(headers, _INFER_BODY if length is None else _INFER_RAW_BODY, _INFER_ANSWERS)
        if length is not None:
            body, raw = split(body, length)
            if not body:
                tensors, identity, asked = self._reader.read_raw(raw)
                return self._writer.write(self._engine.infer(tensors, asked.names), asked, identity)
        try:
            document = parse_tensor_json(body)
        except BadJson as error:
            raise Refused(400, str(error)) from None
        tensors, identity, asked = self._reader.read(document, raw)
        return self._writer.write(self._engine.infer(tensors, asked.names), asked, identity)

    def named(self, model: str, version: str | None = None) -> None:
        """Check a model's name, and version if one is named, of an address.

        Raises:
            Refused: 404; it names those that are known.
        """
        if model != self.model:
            raise Refused(404, f"there is no model {model[:64]!a}; this server has {self.model!a}")
        if version is not None and version != self.model_version:
            known = f"this server has version {self.model_version!a}"
            raise Refused(404, f"there is no version {version[:64]!a} of model {self.model!a}; {known}")

    def server_metadata(self) -> Answer:
        """Answer what the server is."""
        return self._server_metadata

    def model_metadata(self, model: str, version: str | None = None) -> Answer:
        """Answer what the model's inputs and outputs are."""
        self.named(model, version)
        return self._model_metadata

    def model_ready(self, model: str, version: str | None = None) -> Answer:
        """Answer that the model is loaded."""
        self.named(model, version)
        return self._model_ready


def _check_rows(value: list[Any]) -> None:
    """Bound the rows of an input for a model of tensors; a list of numbers is one row."""
    if len(value) > MAX_ROWS and type(value[0]) in (list, dict):
        raise Refused(413, f"at most {MAX_ROWS} rows are allowed in one request, got {len(value)}; send several")


def _json(document: object) -> Answer:
    return Answer(200, (JSON,), orjson.dumps(document))
