"""Values that fit a JSON Schema or a tensor: what the OpenAPI document shows and the page at /docs sends. Pure."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiapp_serving.engine import TensorMetadata

MAX_VALUES: Final = 1024
"""An example is for reading: of a larger tensor there is none."""
_MAX_DEPTH: Final = 12
"""A schema that holds itself comes to an end where a list or an optional field can be left out."""
_TEXT_BY_FORMAT: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "user@contoso.com",
    "uri": "https://contoso.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def item_of(datatype: str) -> object:
    """Return one item of a tensor of this datatype."""
    if datatype == "BYTES":
        return "text"
    if datatype == "BOOL":
        return False
    return 0.5 if datatype.startswith("FP") else 1


def shape_of(tensor: TensorMetadata) -> tuple[int, ...]:
    """Return the shape with one item along each axis that takes any number."""
    return tuple(1 if length < 0 else length for length in tensor.shape)


def nested(shape: tuple[int, ...], item: object) -> object:
    """Return lists in lists of this shape."""
    if not shape:
        return item
    return [nested(shape[1:], item) for _ in range(shape[0])]


def is_readable(tensor: TensorMetadata) -> bool:
    """Tell whether an example of the tensor is short enough to be shown."""
    count = 1
    for length in shape_of(tensor):
        count *= length
    return 0 < count <= MAX_VALUES


def value_of(schema: object, definitions: Mapping[str, Any], depth: int = 0) -> Any:
    """Return a value that fits, as far as the schema can be satisfied without trying: patterns are not.

    definitions: what the schema's `$ref`s name, by the last part of their path.
    """
    if not isinstance(schema, Mapping) or not schema:  # anything will do; most of what is scored is numbers
        return 1
    if "$ref" in schema:
        return value_of(definitions.get(str(schema["$ref"]).rpartition("/")[2], {}), definitions, depth + 1)
    for given in (*schema.get("examples", ())[:1], *schema.get("enum", ())[:1]):
        return given
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return value_of(_shortest(schema[word], depth), definitions, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return _BY_TYPE.get(kind or "", _null)(schema, definitions, depth)


def _shortest(choices: list[Any], depth: int) -> Any:
    """Return the first choice, or the one that ends, such as null, once a schema has gone deep into itself."""
    plain = [choice for choice in choices if isinstance(choice, Mapping) and choice.get("type") == "null"]
    return plain[0] if plain and depth > _MAX_DEPTH // 2 else choices[0]


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> object:
    if depth > _MAX_DEPTH:
        return {}
    fields = schema.get("properties", {})
    wanted = fields if depth <= _MAX_DEPTH // 2 else schema.get("required", ())
    return {name: value_of(fields.get(name), definitions, depth + 1) for name in wanted}


def _array(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> object:
    if depth > _MAX_DEPTH:
        return []
    first = [value_of(part, definitions, depth + 1) for part in schema.get("prefixItems", ())]
    least = schema.get("minItems", 0)
    count = max(least, 0 if schema.get("maxItems") == 0 or schema.get("items") is False else 1)
    if first or (depth > _MAX_DEPTH // 2 and not least):
        count = max(len(first), least)
    rest = [value_of(schema.get("items"), definitions, depth + 1) for _ in range(count - len(first))]
    return [*first, *rest]


def _number(schema: Mapping[str, Any], step: float) -> Any:
    """Return the lowest number that is allowed, the highest where there is no lowest, else `step`."""
    step = schema.get("multipleOf", step)
    low = schema.get("minimum", schema.get("exclusiveMinimum", None))
    high = schema.get("maximum", schema.get("exclusiveMaximum", None))
    if low is not None:
        value = math.ceil(low / step) * step if "multipleOf" in schema else low
        value = value + step if "minimum" not in schema and value == low else value
        return value if high is None or value <= high else (low + high) / 2
    if high is None:
        return step
    value = math.floor(high / step) * step if "multipleOf" in schema else high
    return value - step if "maximum" not in schema and value == high else value


def _integer(schema: Mapping[str, Any], _: Mapping[str, Any], __: int) -> object:
    return int(_number(schema, 1))


def _decimal(schema: Mapping[str, Any], _: Mapping[str, Any], __: int) -> object:
    return _number(schema, 0.5)


def _string(schema: Mapping[str, Any], _: Mapping[str, Any], __: int) -> object:
    text = _TEXT_BY_FORMAT.get(schema.get("format", ""), "text")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", MAX_VALUES)]


def _null(*_: object) -> object:
    return None


_BY_TYPE: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], int], object]]] = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "number": _decimal,
    "string": _string,
    "boolean": lambda *_: True,
    "null": _null,
}
