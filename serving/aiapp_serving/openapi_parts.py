"""What the OpenAPI document of any app has: answers, headers, errors and the messages of the V2 protocol. Pure."""

from typing import Any, Final

from aiapp_models import contract

Node = dict[str, Any]
DATATYPES: Final = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "FP32", "FP64", "BYTES"),
)
ANSWERS: Final = {
    "health": "text",
    "version": "Version",
    "score": "ScoreAnswer",
    "server_metadata": "ServerMetadata",
    "live": "Live",
    "ready": "Ready",
    "model_metadata": "ModelMetadata",
    "model_version_metadata": "ModelMetadata",
    "model_ready": "Ready",
    "model_version_ready": "Ready",
    "infer": "InferAnswer",
    "infer_version": "InferAnswer",
    "metrics": "text",
    "openapi": "object",
    "docs": "page",
}
"""What each operation answers with 200: one of SCHEMAS, or what is no JSON of a known form."""

_TEXT: Final = {"type": "string"}
_ANY_OBJECT: Final = {"type": "object"}
_SHAPE: Final = {"type": "array", "items": {"type": "integer", "minimum": 0}}
_DATATYPE: Final = {"enum": list(DATATYPES)}
ERRORS: Final = {
    400: "The body is not what was announced, such as no JSON; `detail` gives the place.",
    404: "There is no such model or version.",
    406: "Accept names nothing that is answered.",
    413: "The body is larger than the app takes.",
    415: "The Content-Type is not one that the operation takes.",
    422: "The input does not fit the model; `detail` names the place, what was expected and what came.",
    500: "The app failed on this request; its log names the cause under the `id`.",
    503: "The model is being loaded, or too many requests wait: come again after Retry-After seconds.",
}


def reference(kind: str, name: str) -> Node:
    """Return a reference into the document's components."""
    return {"$ref": f"#/components/{kind}/{name}"}


def record(required: str, **properties: Any) -> Node:
    """Return the schema of an object; `required`: names with a space between them."""
    return {"type": "object", "properties": properties, "required": required.split()}


def answered(content: Node) -> Node:
    """Return the answers of an operation whose status is 200 with this content."""
    headers = {name: reference("headers", name) for name in HEADERS if name != "Retry-After"}
    return {"200": {"description": "As asked.", "headers": headers, "content": content}}


HEADERS: Final[Node] = {
    contract.HEADER_REVISION: {"description": "The release that answers; none outside of a cluster.", "schema": _TEXT},
    contract.HEADER_IMAGE: {"description": "Its image, sha256:...; none where unknown.", "schema": _TEXT},
    contract.HEADER_MODEL: {"description": "Its model, version@sha256:...; none where unknown.", "schema": _TEXT},
    "X-Request-ID": {"description": "The request's own, or a new one; the app's log has it.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer"}},
}
SCHEMAS: Final[Node] = {
    "Problem": record(
        "type title status detail id",
        type=_TEXT,
        title=_TEXT,
        status={"type": "integer"},
        detail={**_TEXT, "description": "Cause and fix, one sentence."},
        id={**_TEXT, "description": "The request's, as in X-Request-ID."},
        error={**_TEXT, "description": "The same as `detail`, where clients of the V2 protocol read it."},
    ),
    "Version": record(
        "revision image model runtime",
        revision={"type": ["integer", "null"]},
        image={"type": ["string", "null"]},
        model=record("version digest", version={"type": ["string", "null"]}, digest={"type": ["string", "null"]}),
        runtime=_TEXT,
    ),
    "ServerMetadata": record("name version extensions", name=_TEXT, version=_TEXT, extensions={"type": "array"}),
    "Live": record("live", live={"type": "boolean"}),
    "Ready": record("ready", ready={"type": "boolean"}),
    "TensorMetadata": record(
        "name datatype shape",
        name=_TEXT,
        datatype=_DATATYPE,
        shape={"type": "array", "items": {"type": "integer", "minimum": -1}},
        parameters=_ANY_OBJECT,
    ),
    "ModelMetadata": record(
        "name platform inputs outputs",
        name=_TEXT,
        versions={"type": "array", "items": _TEXT},
        platform=_TEXT,
        inputs={"type": "array", "items": reference("schemas", "TensorMetadata")},
        outputs={"type": "array", "items": reference("schemas", "TensorMetadata")},
        parameters=_ANY_OBJECT,
    ),
    "RequestedOutput": record("name", name=_TEXT, parameters=_ANY_OBJECT),
    "OutputTensor": record(
        "name datatype shape",
        name=_TEXT,
        datatype=_DATATYPE,
        shape=_SHAPE,
        data={"type": "array", "description": "Left out where the values follow the JSON as bytes."},
        parameters=_ANY_OBJECT,
    ),
    "InferAnswer": record(
        "model_name outputs",
        model_name=_TEXT,
        model_version=_TEXT,
        id=_TEXT,
        parameters=_ANY_OBJECT,
        outputs={"type": "array", "items": reference("schemas", "OutputTensor")},
    ),
}


def tensor_schema(name: str | None, datatype: str | None) -> Node:
    """Return an input of a V2 request; without a name any input."""
    return record(
        "name datatype shape",
        name=_TEXT if name is None else {"const": name},
        datatype=_DATATYPE if datatype is None else {"const": datatype},
        shape=_SHAPE,
        data={"type": "array", "description": "The values, nested or flat; left out where they follow as bytes."},
        parameters=_ANY_OBJECT,
    )


def infer_schema(inputs: list[Node]) -> Node:
    """Return a V2 request with these inputs in any order."""
    items: Node = {"anyOf": inputs} if len(inputs) > 1 else inputs[0]
    outputs = {"type": "array", "items": reference("schemas", "RequestedOutput")}
    return record(
        "inputs",
        id=_TEXT,
        model_name={**_TEXT, "description": "May repeat the model that the address names."},
        parameters=_ANY_OBJECT,
        inputs={"type": "array", "items": items, "minItems": 1},
        outputs=outputs,
    )


def problems() -> Node:
    """Return the answers that tell of errors, by status."""
    content = {"application/problem+json": {"schema": reference("schemas", "Problem")}}
    by_status: Node = {}
    for status, description in ERRORS.items():
        names = [name for name in HEADERS if name != "Retry-After" or status == 503]
        headers = {name: reference("headers", name) for name in names}
        by_status[str(status)] = {"description": description, "headers": headers, "content": content}
    return by_status
