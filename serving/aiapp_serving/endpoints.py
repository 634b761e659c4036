"""What each address answers once the model is loaded: bytes and headers in, an Answer out. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from aiapp_serving import __version__
from aiapp_serving.answer import JSON, Answer
from aiapp_serving.engine import Engine
from aiapp_serving.errors import BadJson, Refused
from aiapp_serving.request_json import read_input
from aiapp_serving.settings import Release

Headers = Mapping[str, Any]
"""Of a request, by their WSGI names: CONTENT_TYPE, HTTP_ACCEPT; the environ itself will do."""
Hot = Callable[[bytes, Headers], Answer]

LIVE: Final = Answer(200, (JSON,), b'{"live":true}')
READY: Final = Answer(200, (JSON,), b'{"ready":true}')
EXTENSIONS: Final = ("binary_tensor_data",)


class Endpoints:
    """The addresses of one loaded model; called from several threads at once.

    A wrong request raises Refused or InvalidInput (which is 422); any other exception is the app's failure.
    """

    def __init__(self, engine: Engine, release: Release) -> None:
        self._engine = engine
        self.model = engine.metadata.name
        self.model_version = release.model_version or "1"
        self._version = Answer(200, (JSON,), orjson.dumps(release.document(f"aiapp/{__version__}")))

    def hot(self) -> dict[str, Hot]:
        """Return what answers POST at each address that is taken past the framework."""
        model = f"/v2/models/{self.model}"
        return {
            "/score": self.score,
            f"{model}/infer": self.infer,
            f"{model}/versions/{self.model_version}/infer": self.infer,
        }

    def score(self, body: bytes, headers: Headers) -> Answer:  # noqa: ARG002
        """Answer `{"result": ...}` to `{"input": ...}`."""
        try:
            value = read_input(body)
        except BadJson as error:
            raise Refused(400, str(error)) from None
        return Answer(200, (JSON,), orjson.dumps({"result": self._engine.score(value)}))

    def infer(self, body: bytes, headers: Headers) -> Answer:
        """Answer the output tensors for input tensors."""
        raise NotImplementedError

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

    def version(self) -> Answer:
        """Answer what serves."""
        return self._version

    def ready(self) -> Answer:
        """Answer that the model is loaded; without Endpoints there is none."""
        return READY

    def server_metadata(self) -> Answer:
        """Answer what the server is."""
        about = {"name": "aiapp", "version": __version__, "extensions": EXTENSIONS}
        return Answer(200, (JSON,), orjson.dumps(about))

    def model_metadata(self, model: str, version: str | None = None) -> Answer:
        """Answer what the model's inputs and outputs are."""
        self.named(model, version)
        raise NotImplementedError

    def model_ready(self, model: str, version: str | None = None) -> Answer:
        """Answer that the model is loaded."""
        self.named(model, version)
        return READY
