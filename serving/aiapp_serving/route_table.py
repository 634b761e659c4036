"""The addresses of an app, once for all who need them: those that route, and the OpenAPI document. Pure, and light."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Route:
    """One address.

    path: with `{model}` and `{version}` where a client names them. operation: unique; a method of Endpoints for all
    that needs the model. hot: taken past the web framework.
    """

    method: str
    path: str
    operation: str
    summary: str
    hot: bool = False


_MODEL: Final = "/v2/models/{model}"
_VERSION: Final = f"{_MODEL}/versions/{{version}}"

ROUTES: Final = (
    Route("GET", "/", "health", "Tell that the process lives"),
    Route("GET", "/version", "version", "Name the revision, image and model that answer; 503 until they can"),
    Route("POST", "/score", "score", "Score one input", hot=True),
    Route("GET", "/v2", "server_metadata", "Name the server and the extensions of the protocol that it knows"),
    Route("GET", "/v2/health/live", "live", "Tell that the process lives"),
    Route("GET", "/v2/health/ready", "ready", "Tell whether the model is loaded"),
    Route("GET", _MODEL, "model_metadata", "Describe the model's inputs and outputs"),
    Route("GET", _VERSION, "model_version_metadata", "Describe the model's inputs and outputs"),
    Route("GET", f"{_MODEL}/ready", "model_ready", "Tell whether the model is loaded"),
    Route("GET", f"{_VERSION}/ready", "model_version_ready", "Tell whether this version of the model is loaded"),
    Route("POST", f"{_MODEL}/infer", "infer", "Infer outputs from input tensors", hot=True),
    Route("POST", f"{_VERSION}/infer", "infer_version", "Infer outputs from input tensors", hot=True),
    Route("GET", "/metrics", "metrics", "Count requests, errors and seconds, for Prometheus"),
    Route("GET", "/openapi.json", "openapi", "Describe this API"),
    Route("GET", "/docs", "docs", "Try this API in the browser"),
)
