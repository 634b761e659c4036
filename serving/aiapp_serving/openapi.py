"""The OpenAPI 3.1 document of one app: its operations, with the schemas and examples of its own model. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from aiapp_serving import __version__
from aiapp_serving.engine import ModelMetadata, TensorMetadata
from aiapp_serving.json_examples import is_readable, item_of, nested, shape_of
from aiapp_serving.openapi_parts import (
    ANSWERS,
    HEADERS,
    SCHEMAS,
    Node,
    answered,
    infer_schema,
    problems,
    record,
    reference,
    tensor_schema,
)
from aiapp_serving.route_table import ROUTES, Route
from aiapp_serving.score_schema import Described, score_input, score_result
from aiapp_serving.settings import Release

_RUNTIME: Final = f"aiapp/{__version__}"
_FIRST_VERSION: Final = "1"
"""What V2 clients may call a version that has no name."""
_WITHOUT_JSON: Final = {
    "text": {"text/plain": {"schema": {"type": "string"}}},
    "page": {"text/html": {"schema": {"type": "string"}}},
    "object": {"application/json": {"schema": {"type": "object"}}},
}
_BINARY: Final = (
    "JSON, then the bytes of its tensors; the header Inference-Header-Content-Length tells the JSON's size."
)
_ALWAYS_ANSWERED: Final = {"health", "metrics", "live", "docs"}
"""Operations that need no model."""


def document(metadata: ModelMetadata, release: Release, input_schema: Mapping[str, Any] | None) -> Node:
    """Return the document.

    input_schema: JSON Schema of what the user's code takes as `input`, `{}` for anything; None: there is no such code.
    """
    version = release.model_version or _FIRST_VERSION
    given = score_input(metadata, input_schema)
    infer = _infer_body(metadata)
    bodies = {"score": _score_body(given), "infer": infer, "infer_version": infer}
    names = {"model": metadata.name, "version": version}
    paths: dict[str, Node] = {}
    for route in ROUTES:
        node = _operation(route, bodies.get(route.operation), names)
        paths.setdefault(route.path, {})[route.method.lower()] = node
    score_answer = record("result", result=score_result(metadata, input_schema))
    schemas = {**SCHEMAS, "ScoreAnswer": score_answer, **given.definitions}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": metadata.name,
            "version": version,
            "description": "An app served by AIApp: the operations of its own, and the Open Inference Protocol V2.",
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": schemas, "headers": HEADERS},
        "x-aiapp-model": _model(metadata, version),
        "x-aiapp-release": release.document(_RUNTIME),
    }


def _operation(route: Route, body: Node | None, names: Mapping[str, str]) -> Node:
    content = _WITHOUT_JSON.get(ANSWERS[route.operation]) or {
        "application/json": {"schema": reference("schemas", ANSWERS[route.operation])}
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}
        for name, example in names.items()
        if f"{{{name}}}" in route.path
    ]
    node: Node = {"operationId": route.operation, "summary": route.summary}
    if parameters:
        node["parameters"] = parameters
    if body:
        node["requestBody"] = {"required": True, "content": body}
    return {**node, "responses": {**answered(content), **_errors(route, has_body=body is not None)}}


def _errors(route: Route, *, has_body: bool) -> Node:
    if has_body:
        return problems()
    expected = [] if route.operation in _ALWAYS_ANSWERED else ["503"]
    expected += ["404"] if "{model}" in route.path else []
    return {status: problem for status, problem in problems().items() if status in expected}


def _score_body(given: Described) -> Node:
    media: Node = {"schema": {**record("input", input=given.schema), "additionalProperties": False}}
    if given.has_example:
        media["example"] = {"input": given.example}
    return {"application/json": media}


def _infer_body(metadata: ModelMetadata) -> Node:
    tensors = [tensor_schema(one.name, one.datatype) for one in metadata.inputs] or [tensor_schema(None, None)]
    media: Node = {"schema": infer_schema(tensors)}
    if metadata.inputs and all(map(is_readable, metadata.inputs)):
        media["example"] = {"inputs": [_tensor_example(tensor) for tensor in metadata.inputs]}
    return {"application/json": media, "application/octet-stream": {"schema": {"description": _BINARY}}}


def _tensor_example(tensor: TensorMetadata) -> Node:
    shape = shape_of(tensor)
    data = nested(shape, item_of(tensor.datatype))
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(shape), "data": data}


def _model(metadata: ModelMetadata, version: str) -> Node:
    """Return the model as the V2 protocol describes it, for the page."""
    return {
        "name": metadata.name,
        "versions": [version],
        "platform": metadata.platform,
        "inputs": [_tensor(tensor) for tensor in metadata.inputs],
        "outputs": [_tensor(tensor) for tensor in metadata.outputs],
        "parameters": {"frameworks": dict(metadata.frameworks)},
    }


def _tensor(tensor: TensorMetadata) -> Node:
    names = {"columns": list(tensor.columns), "labels": list(tensor.labels)}
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(tensor.shape),
        "parameters": {name: items for name, items in names.items() if items},
    }
