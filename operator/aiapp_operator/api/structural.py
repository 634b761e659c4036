"""Turns the JSON schema that pydantic writes into the structural schema that the API server asks for."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

REWRITTEN: Final = (
    "title",
    "$defs",
    "additionalProperties",
    "default",
    "properties",
    "items",
    "anyOf",
    "const",
    "$ref",
)
"""Keywords that a structural schema does not know, or knows in another form."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the structural schema of `model`: no references, no unions, a type everywhere.

    An optional field is one not required: the API server drops nulls, so absent and null mean the same.

    Raises:
        ValueError: a field is a union other than `X or null`.
    """
    written = model.model_json_schema(by_alias=True)
    return _converted(written, written.get("$defs", {}))


def _converted(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    schema = _inlined(schema, definitions)
    result = _type(schema) | _description(schema)
    result |= {key: value for key, value in schema.items() if key not in REWRITTEN and key not in result}
    if "const" in schema:
        result["enum"] = [schema["const"]]
    result |= _default(schema)
    if "properties" in schema:
        result["properties"] = {name: _converted(field, definitions) for name, field in schema["properties"].items()}
    if isinstance(schema.get("items"), Mapping):
        result.setdefault("x-kubernetes-list-type", "atomic")
        result["items"] = _converted(schema["items"], definitions)
    if isinstance(schema.get("additionalProperties"), Mapping):
        result["additionalProperties"] = _converted(schema["additionalProperties"], definitions)
    return result


def _type(schema: Mapping[str, Any]) -> Schema:
    if schema.get("x-kubernetes-int-or-string"):
        # The one union that a structural schema knows: its types stand inside of anyOf, none outside.
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    if "type" not in schema:
        raise ValueError(f"a structural schema needs one type, this has none or several: {schema}")
    return {"type": schema["type"]}


def _description(schema: Mapping[str, Any]) -> Schema:
    return {"description": " ".join(schema["description"].split())} if "description" in schema else {}


def _inlined(schema: Mapping[str, Any], definitions: Mapping[str, Schema]) -> Schema:
    """Put what a reference or `X or null` stands for in its place; what is said beside it wins."""
    result = dict(schema)
    while "$ref" in result or _optional_of(result) is not None:
        if "$ref" in result:
            target: Mapping[str, Any] = definitions[result.pop("$ref").removeprefix("#/$defs/")]
        else:
            target = _optional_of(result) or {}
            del result["anyOf"]
        result = {**target, **result}
    return result


def _optional_of(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    branches = schema.get("anyOf", ())
    kept = [branch for branch in branches if branch.get("type") != "null"]
    return kept[0] if len(branches) == 2 and len(kept) == 1 else None


def _default(schema: Mapping[str, Any]) -> Schema:
    """Return the default to declare: none for what is empty anyway, `{}` for objects, whose fields have their own."""
    default = schema.get("default")
    if default in (None, "", [], {}):
        return {}
    return {"default": {} if isinstance(default, dict) else default}
