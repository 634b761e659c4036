"""What `POST /score` takes and answers, as JSON Schema and an example; from metadata or the code's schema. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiapp_serving.engine import ModelMetadata, TensorMetadata
from aiapp_serving.json_examples import is_readable, item_of, nested, shape_of, value_of

Schema = dict[str, Any]
_ARRAY: Final = {"type": "array", "items": {}}
_NAMED_ARRAYS: Final = {"type": "object", "additionalProperties": {}}


@dataclass(frozen=True, slots=True)
class Described:
    """A schema, an example of it, and the schemas that it refers to as `#/components/schemas/<name>`.

    has_example: False where only the author knows what fits.
    """

    schema: Schema
    example: Any = None
    has_example: bool = True
    definitions: Mapping[str, Schema] = field(default_factory=dict)


def score_input(metadata: ModelMetadata, code: Mapping[str, Any] | None) -> Described:
    """Return what may stand as `input`.

    code: the schema of what the user's code takes, `{}` for anything; None: a model that serves itself.
    """
    inputs = metadata.inputs
    if code is None and inputs:
        return _rows(inputs[0]) if len(inputs) == 1 else _members(inputs)
    if code == _ARRAY and len(inputs) == 1:
        return _whole(inputs[0])
    if code == _NAMED_ARRAYS and inputs:
        return _named(inputs)
    if not code or code == _NAMED_ARRAYS:
        return Described(dict(code or {}), None, has_example=False)
    definitions = code.get("$defs", {})
    own = {name: value for name, value in code.items() if name != "$defs"}
    moved = {f"Input.{name}": _moved(schema) for name, schema in definitions.items()}
    return Described(_moved(own), value_of(own, definitions), definitions=moved)


def score_result(metadata: ModelMetadata, code: Mapping[str, Any] | None) -> Schema:
    """Return what stands as `result`."""
    if code is not None or not metadata.outputs:
        return {"description": "What the app's run() returns."}
    output = metadata.outputs[0]
    row = () if output.shape[1:] == (1,) else output.shape[1:]  # one number for a row of one column
    one: Schema = {"enum": list(output.labels)} if output.labels else items_schema(output, row)
    many = {"type": "array", "items": one}
    return {"description": f"{output.name}: of one row, or a list of one for each row.", "anyOf": [one, many]}


def items_schema(tensor: TensorMetadata, shape: tuple[int, ...]) -> Schema:
    """Return lists in lists of this shape."""
    if not shape:
        return _item_schema(tensor.datatype)
    length = {} if shape[0] < 0 else {"minItems": shape[0], "maxItems": shape[0]}
    return {"type": "array", "items": items_schema(tensor, shape[1:]), **length}


def _item_schema(datatype: str) -> Schema:
    if datatype == "BYTES":
        return {"type": "string"}
    if datatype == "BOOL":
        return {"type": "boolean"}
    return {"type": "number" if datatype.startswith("FP") else "integer"}


def _rows(tensor: TensorMetadata) -> Described:
    """One row, or several; a row may be an object where its columns have names."""
    row = items_schema(tensor, tensor.shape[1:])
    choices = [row]
    if tensor.columns:
        choices.append(_object(dict.fromkeys(tensor.columns, _item_schema(tensor.datatype))))
    choices += [{"type": "array", "items": choice} for choice in choices]
    if not is_readable(tensor):
        return Described({"anyOf": choices}, None, has_example=False)
    example: Any = nested(shape_of(tensor)[1:], item_of(tensor.datatype))
    if tensor.columns:
        example = dict.fromkeys(tensor.columns, item_of(tensor.datatype))
    return Described({"anyOf": choices}, example)


def _members(inputs: tuple[TensorMetadata, ...]) -> Described:
    """A member for each input: one row in each, or as many rows in each."""
    one = _object({tensor.name: items_schema(tensor, tensor.shape[1:]) for tensor in inputs})
    many = _object({tensor.name: items_schema(tensor, tensor.shape) for tensor in inputs})
    example = {tensor.name: nested(shape_of(tensor)[1:], item_of(tensor.datatype)) for tensor in inputs}
    readable = all(map(is_readable, inputs))
    return Described({"anyOf": [one, many]}, example if readable else None, has_example=readable)


def _whole(tensor: TensorMetadata) -> Described:
    readable = is_readable(tensor)
    example = nested(shape_of(tensor), item_of(tensor.datatype)) if readable else None
    return Described(items_schema(tensor, tensor.shape), example, has_example=readable)


def _named(inputs: tuple[TensorMetadata, ...]) -> Described:
    parts = {tensor.name: _whole(tensor) for tensor in inputs}
    schema = _object({name: part.schema for name, part in parts.items()})
    readable = all(part.has_example for part in parts.values())
    example = {name: part.example for name, part in parts.items()} if readable else None
    return Described(schema, example, has_example=readable)


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _moved(schema: Any) -> Any:
    """Return the schema with its references led from `$defs` to where OpenAPI keeps schemas."""
    if isinstance(schema, list):
        return [_moved(item) for item in schema]
    if isinstance(schema, Mapping):
        return {name: _moved(item) for name, item in schema.items()}
    if isinstance(schema, str) and schema.startswith("#/$defs/"):  # of `$ref`, or of a discriminator's mapping
        return schema.replace("#/$defs/", "#/components/schemas/Input.")
    return schema
