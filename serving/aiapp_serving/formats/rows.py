"""`POST /score` of a model with named tensors: JSON in, arrays in the model's types, results with labels. Pure."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aiapp_serving.engine import ModelMetadata, TensorMetadata, Tensors
from aiapp_serving.errors import InvalidInput, ModelError, ModelFault
from aiapp_serving.v2.datatypes import DATATYPES, Datatype

_LISTS: Final = frozenset({list})
_KINDS: Final = {"b": "true or false", "O": "text", "f": "a number", "i": "a whole number", "u": "a whole number"}
"""What people call values, by numpy's kind of their type."""
_WORDS: Final = {str: "text", bool: "a boolean", type(None): "null", list: "a list", dict: "an object"}

Infer = Callable[[Tensors, Sequence[str]], Tensors]


def score(metadata: ModelMetadata, infer: Infer, value: Any) -> object:
    """Return the first output for one row or several: as many results as the value has rows.

    Raises:
        InvalidInput: the value does not fit; the text names the column and row.
    """
    tensors, single = to_tensors(metadata.inputs, value)
    output = metadata.outputs[0]
    return result(output, infer(tensors, (output.name,))[output.name], single=single)


def to_tensors(inputs: Sequence[TensorMetadata], value: Any) -> tuple[Tensors, bool]:
    """Return what the model takes and whether the value was one row.

    Raises:
        InvalidInput: see score.
    """
    if len(inputs) == 1:
        array, single = _array(inputs[0], value)
        return {inputs[0].name: array}, single
    names = [tensor.name for tensor in inputs]
    _check_names(value, names, "input", "input")
    arrays = {tensor.name: _array(tensor, value[tensor.name]) for tensor in inputs}
    singles = {single for _, single in arrays.values()}
    if len(singles) > 1:
        raise InvalidInput("input: some members are one row and others are lists of rows; give all of them alike")
    return {name: array for name, (array, _) in arrays.items()}, singles.pop()


def result(output: TensorMetadata, array: NDArray[Any], *, single: bool) -> object:
    """Return an output as JSON has it, with labels instead of their numbers; a row of one value is that value.

    Raises:
        ModelError: SchemaMismatch; a number has no label.
    """
    if len(output.shape) == 2 and output.shape[1] == 1 and array.ndim == 2:
        array = array[:, 0]
    if output.labels:
        array = _labelled(output, array)
    of_all = array.tolist() if array.dtype.kind in "OUS" else np.ascontiguousarray(array)
    return of_all[0] if single else of_all


def _labelled(output: TensorMetadata, array: NDArray[Any]) -> NDArray[Any]:
    numbers, most = array.ravel().tolist(), len(output.labels) - 1
    if numbers and (min(numbers) < 0 or max(numbers) > most):
        strange = next(number for number in numbers if not 0 <= number <= most)
        problem = f"output {output.name} gave {strange}, and metadata.json labels 0 to {most}"
        raise ModelError(ModelFault.SCHEMA_MISMATCH, f"{problem}; give a label to each number that the model can give")
    return np.array([output.labels[number] for number in numbers], dtype=object).reshape(array.shape)


def _array(tensor: TensorMetadata, value: Any) -> tuple[NDArray[Any], bool]:
    """Return the value as the tensor with its first axis, and whether that axis had to be added."""
    rank = max(1, len(tensor.shape))
    rows, single = _rows(tensor, value, rank)
    datatype = DATATYPES[tensor.datatype]
    if not _fits(_leaves(rows, rank), datatype):
        raise InvalidInput(_misfit(tensor, value))
    try:
        array = np.array(rows, datatype.dtype)
    except (ValueError, OverflowError):
        raise InvalidInput(_misfit(tensor, value)) from None
    if array.ndim != rank or any(want not in {-1, got} for want, got in zip(tensor.shape, array.shape, strict=False)):
        raise InvalidInput(_wrong_shape(tensor, value, array.shape[1:] if single else array.shape, single=single))
    return array, single


def _leaves(rows: list[Any], rank: int) -> list[Any] | None:
    """Return the values of lists nested as deep as the rank, None if they are not; most often one row of them."""
    for _ in range(rank - 1):
        if not _LISTS.issuperset(map(type, rows)):
            return None
        rows = rows[0] if len(rows) == 1 else list(chain.from_iterable(rows))
    return rows


def _fits(values: list[Any] | None, datatype: Datatype) -> bool:
    """Tell whether the values are of the kinds that stand for the type and, as far as numpy does not, within it."""
    if values is None or not datatype.fits_kinds(values):
        return False
    bounds = datatype.bounds
    return not bounds or not values or (bounds[0] <= min(values) and max(values) <= bounds[1])


def _rows(tensor: TensorMetadata, value: Any, rank: int) -> tuple[Any, bool]:
    if isinstance(value, dict):
        return [_by_column(tensor, value, "input")], True
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_by_column(tensor, row, f"row {number}") for number, row in enumerate(value)], False
    if value == []:
        raise InvalidInput(f"input is empty; give {_expected(tensor)}")
    depth, first = 0, value
    while isinstance(first, list) and first:
        depth, first = depth + 1, first[0]
    if depth == rank - 1:
        return [value], True
    if depth == rank:
        return value, False
    raise InvalidInput(f"input is {_nested(depth)}; give {_expected(tensor)}, or a list of such rows")


def _by_column(tensor: TensorMetadata, row: Any, place: str) -> list[Any]:
    if not tensor.columns:
        raise InvalidInput(f"{place} is an object, and metadata.json names no columns; give {_expected(tensor)}")
    _check_names(row, tensor.columns, place, "column")
    return [row[column] for column in tensor.columns]


def _check_names(value: Any, names: Sequence[str], place: str, kind: str) -> None:
    listed = ", ".join(names)
    if not isinstance(value, dict):
        raise InvalidInput(f"{place} is {_word(value)}; give an object with: {listed}")
    missing = [name for name in names if name not in value]
    if missing:
        raise InvalidInput(f"{place} has no {kind} {', '.join(missing)}; expected {listed}")
    if len(value) > len(names):
        extra = ", ".join(ascii(name)[:64] for name in value if name not in names)
        raise InvalidInput(f"{place} has an unknown {kind} {extra[:200]}; expected {listed}")


def _misfit(tensor: TensorMetadata, value: Any) -> str:
    """Return where the first value is that is not of the tensor's type, or that rows differ in length."""
    datatype = DATATYPES[tensor.datatype]
    for place, item in _places(tensor, value, "", 0):
        if type(item) not in datatype.json:
            return f"{place}: expected {_KINDS[datatype.dtype.kind]}, got {_word(item)}"
        if not _holds(datatype, item):
            return f"{place}: expected {tensor.datatype}, got {str(item)[:32]}, which is out of its range"
    return f"input: rows differ in length; give {_expected(tensor)} each"


def _places(tensor: TensorMetadata, value: Any, place: str, depth: int) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{place} column {name}".lstrip(), item) for name, item in value.items()]
    if not isinstance(value, list):
        return [(place or "input", value)]
    last = not (value and isinstance(value[0], list | dict))
    found = []
    for number, item in enumerate(value):
        if last and tensor.columns and number < len(tensor.columns):
            where = f"{place} column {tensor.columns[number]}"
        elif depth == 0 and not last:
            where = f"row {number}"
        else:
            where = f"{place} column {number}" if last and len(tensor.shape) == 2 else f"{place}[{number}]"
        found += _places(tensor, item, where.lstrip(), depth + 1)
    return found


def _holds(datatype: Datatype, item: Any) -> bool:
    if not _fits([item], datatype):
        return False
    try:
        np.array(item, datatype.dtype)
    except OverflowError:
        return False
    return True


def _wrong_shape(tensor: TensorMetadata, value: Any, got: Sequence[int], *, single: bool) -> str:
    if len(tensor.shape) == 2 and not isinstance(value, dict):
        listed = f" ({', '.join(tensor.columns)})" if tensor.columns else ""
        if tensor.shape[1] not in {-1, got[-1]}:
            return f"input: expected {tensor.shape[1]} columns{listed}, got {got[-1]}"
    wanted = tensor.shape[1:] if single else tensor.shape
    return f"input: expected shape {_shape(wanted)}, got {_shape(got)}"


def _shape(shape: Sequence[int]) -> str:
    return "[" + ", ".join("any" if length == -1 else str(length) for length in shape) + "]"


def _expected(tensor: TensorMetadata) -> str:
    words = _KINDS[DATATYPES[tensor.datatype].dtype.kind]
    match tensor.shape[1:]:
        case ():
            return words
        case (length,):
            count = "" if length == -1 else f"{length} "
            return f"a list of {count}values, each {words}"
        case shape:
            return f"lists of shape {_shape(shape)}, each value {words}"


def _nested(depth: int) -> str:
    return "one value" if not depth else f"lists {depth} deep"


def _word(item: Any) -> str:
    return _WORDS.get(type(item), str(item)[:32])
