"""What `run` takes, decided by the annotation of its parameter: JSON, an array, named arrays, or what pydantic checks.

Each kind makes run's argument from the value of `{"input": ...}` and from the tensors of a V2 request.
"""

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aiapp_serving.engine import Tensors
from aiapp_serving.errors import InvalidInput, ScriptError
from aiapp_serving.scoring import describe

type_of_array = np.dtype[Any]
MAX_PROBLEMS = 5
"""Told of one wrong input."""
JSON_KINDS = {
    bool: "true or false",
    dict: "an object",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "text",
    type(None): "null",
}


class RunInput(Protocol):
    """Makes the argument of `run`; raises InvalidInput, whose text names the place, what was expected and what came."""

    schema: Mapping[str, Any]
    """JSON schema of the value of `input`; `{}` takes anything."""
    arrays: bool
    """Whether run sees arrays, which the model's metadata can be held against."""

    def from_json(self, value: Any) -> Any:
        """Make it from the value of `input`."""

    def from_tensors(self, tensors: Tensors) -> Any:
        """Make it from the inputs of a V2 request."""


def run_input(run: Callable[..., Any], where: str) -> RunInput:
    """Return how to make the argument of `run`; `where` names it in errors.

    Raises:
        ScriptError: nothing can be made for its annotation.
    """
    annotation = _annotation(run, where)
    if annotation in {Any, object, inspect.Parameter.empty}:
        return Plain()
    if _is_array(annotation):
        return Array(_dtype(annotation))
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    named = origin in {dict, collections.abc.Mapping, collections.abc.MutableMapping}
    if named and arguments[0] is str and _is_array(arguments[1]):
        return NamedArrays(_dtype(arguments[1]))
    return Validated(annotation, where)


class Plain:
    """No annotation: the JSON value as it came; one tensor as nested lists."""

    schema: Mapping[str, Any] = {}
    arrays = False

    def from_json(self, value: Any) -> Any:
        """Return it as it is."""
        return value

    def from_tensors(self, tensors: Tensors) -> Any:
        """Return the one tensor as nested lists."""
        return _only(tensors).tolist()


class Array:
    """`numpy.ndarray`, `NDArray[np.float32]`: all rows of a request at once, so the array is the batch."""

    schema: Mapping[str, Any] = {"type": "array", "items": {}}
    arrays = True

    def __init__(self, dtype: type_of_array | None) -> None:
        self._dtype = dtype

    def from_json(self, value: Any) -> Any:
        """Return a list, whose rows are equally long, as an array."""
        return array_of(value, self._dtype, "input")

    def from_tensors(self, tensors: Tensors) -> Any:
        """Return the one tensor."""
        name = next(iter(tensors), "input")
        return _cast(_only(tensors), self._dtype, name)


class NamedArrays:
    """`Mapping[str, numpy.ndarray]`: all tensors by their names."""

    schema: Mapping[str, Any] = {"type": "object", "additionalProperties": {}}
    arrays = True

    def __init__(self, dtype: type_of_array | None) -> None:
        self._dtype = dtype

    def from_json(self, value: Any) -> Any:
        """Return an object of lists as arrays."""
        if not isinstance(value, dict):
            raise InvalidInput(f"input: expected an object of named lists, got {kind_of(value)}")
        return {name: array_of(item, self._dtype, f"input.{name}"[:80]) for name, item in value.items()}

    def from_tensors(self, tensors: Tensors) -> Any:
        """Return them as they are, of the annotated type."""
        return {name: _cast(array, self._dtype, name) for name, array in tensors.items()}


class Validated:
    """Any other type, checked by pydantic: a model, a dataclass, a TypedDict, `list[float]`."""

    arrays = False

    def __init__(self, annotation: Any, where: str) -> None:
        import pydantic  # noqa: PLC0415 - takes a tenth of a second, and most apps need none of it

        try:
            self._adapter = pydantic.TypeAdapter(annotation)
            self.schema: Mapping[str, Any] = self._adapter.json_schema()
        except (pydantic.PydanticUserError, TypeError, NameError) as error:
            name = getattr(annotation, "__name__", str(annotation))[:100]
            raise ScriptError(
                f"{where}: requests cannot be checked against the annotation {name} ({describe(error)}); "
                "use numpy.ndarray, Mapping[str, numpy.ndarray], a type that pydantic knows (a model, "
                "a dataclass, a TypedDict, list[float]), or none"
            ) from error
        self._refusal = pydantic.ValidationError

    def from_json(self, value: Any) -> Any:
        """Return it checked, with the defaults of its type."""
        try:
            return self._adapter.validate_python(value)
        except self._refusal as error:
            found = error.errors(include_url=False, include_context=False)
            told = [_problem(item) for item in found[:MAX_PROBLEMS]]
            if len(found) > MAX_PROBLEMS:
                told.append(f"and {len(found) - MAX_PROBLEMS} more")
            raise InvalidInput("; ".join(told)) from None

    def from_tensors(self, tensors: Tensors) -> Any:
        """Return the one tensor as nested lists, or an object of them, checked."""
        if self.schema.get("type") == "object" or "$ref" in self.schema:
            return self.from_json({name: array.tolist() for name, array in tensors.items()})
        return self.from_json(_only(tensors).tolist())


def array_of(value: Any, dtype: type_of_array | None, place: str) -> NDArray[Any]:
    """Return a JSON value as an array of numbers or of text.

    Raises:
        InvalidInput: its rows differ in length, it mixes kinds, or a value is out of the type's range.
    """
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{place}: expected rows of equal length") from None
    if array.dtype.kind == "U":
        if not all(isinstance(item, str) for item in np.asarray(value, dtype=object).flat):
            raise InvalidInput(f"{place}: expected numbers or text, got both")
        array = array.astype(object)
    elif array.dtype.kind not in "biuf":
        odd = next((item for item in array.flat if not isinstance(item, int | float)), value)
        raise InvalidInput(f"{place}: expected numbers or text, got {kind_of(odd)}")
    return _cast(array, dtype, place)


def kind_of(value: object) -> str:
    """Return what a JSON value is, never its content."""
    return JSON_KINDS.get(type(value), type(value).__name__)


def _cast(array: NDArray[Any], dtype: type_of_array | None, place: str) -> NDArray[Any]:
    if dtype is None or array.dtype == dtype:
        return array
    if dtype.kind in "OUST":
        if array.dtype.kind != "O":
            raise InvalidInput(f"{place}: expected text, got {array.dtype}")
        return array.astype(dtype)
    if array.size == 0:
        return array.astype(dtype)
    if array.dtype.kind == "O" or (dtype.kind == "f" and array.dtype.kind not in "biuf"):
        found = "text" if array.dtype.kind == "O" else str(array.dtype)
        raise InvalidInput(f"{place}: expected {dtype}, got {found}")
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(dtype)
    whole = dtype.kind in "iu"
    same = np.array_equal(cast, array) if whole else bool(np.all(np.isfinite(cast) == np.isfinite(array)))
    if not same:
        raise InvalidInput(f"{place}: expected {dtype}, got numbers that it cannot hold")
    return cast


def _only(tensors: Tensors) -> NDArray[Any]:
    if len(tensors) != 1:
        names = ", ".join(tensors)[:200]
        raise InvalidInput(
            f"the app takes one tensor, got {len(tensors)}: {names}; run(input: Mapping[str, numpy.ndarray]) takes all"
        )
    return next(iter(tensors.values()))


def _problem(found: Mapping[str, Any]) -> str:
    """Return one sentence of pydantic's finding: place, expected, got."""
    place = ".".join(map(str, ("input", *found["loc"])))[:100]
    if found["type"] == "missing":
        return f"{place}: is missing"
    return f"{place}: {found['msg'][:300]}, got {kind_of(found['input'])}"


def _is_array(annotation: Any) -> bool:
    return annotation is np.ndarray or typing.get_origin(annotation) is np.ndarray


def _dtype(annotation: Any) -> type_of_array | None:
    """Return the type of NDArray[np.float32], None where any will do."""
    for argument in typing.get_args(annotation)[1:]:
        for scalar in typing.get_args(argument):
            if isinstance(scalar, type) and issubclass(scalar, np.generic):
                try:
                    return np.dtype(scalar)
                except TypeError:  # an abstract one, such as np.floating
                    return None
    return None


def _annotation(run: Callable[..., Any], where: str) -> Any:
    """Return the annotation of the first parameter, which may be written as text."""
    try:
        first = next(iter(inspect.signature(run).parameters.values()))
    except ValueError:  # a function in C that does not tell its arguments
        return Any
    if not isinstance(first.annotation, str):
        return first.annotation
    function = inspect.unwrap(run)
    names = getattr(function, "__globals__", None) or getattr(type(function).__call__, "__globals__", {})
    holder = types.SimpleNamespace(__annotations__={first.name: first.annotation})
    try:
        return typing.get_type_hints(holder, globalns=names, include_extras=True)[first.name]
    except (NameError, SyntaxError, TypeError, AttributeError) as error:
        raise ScriptError(
            f"{where}: the annotation {first.annotation[:100]} means nothing there ({error}); import or define it"
        ) from error
