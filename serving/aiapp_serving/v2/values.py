"""Values of a tensor in JSON to an array: none is turned into another kind of value. Pure."""

from itertools import chain
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from aiapp_serving.errors import InvalidInput
from aiapp_serving.v2.datatypes import Datatype

SHOWN: Final = 40
"""Characters of a wrong value that its error repeats."""
SHORT: Final = 64
"""Values up to which Python is quicker than numpy at finding the largest."""


def array_of(
    data: Any, datatype: Datatype, shape: tuple[int, ...], columns: tuple[str, ...], where: str
) -> NDArray[Any]:
    """Return `data`, flat or nested as `shape` says, as an array of that shape.

    where: the input's name for errors. columns: names along the last axis, may be empty.

    Raises:
        InvalidInput: it holds other values, or more or fewer; the text names the column and row.
    """
    if type(data) is not list:
        raise InvalidInput(f"{where}: data must be a list, got {shown(data)}")
    flat = data if not data or type(data[0]) is not list else _flattened(data, shape, where)
    count = 1
    for length in shape:
        count *= length
    if len(flat) != count:
        raise InvalidInput(f"{where}: expected {count} values for the shape {list(shape)}, got {len(flat)}")
    if not datatype.fits_kinds(flat):
        _refuse(flat, datatype, columns, shape, where)
    if (array := _converted(flat, datatype)) is None:
        _refuse(flat, datatype, columns, shape, where)
    return array.reshape(shape)


def _converted(flat: list[Any], datatype: Datatype) -> NDArray[Any] | None:
    """Return numbers, truth values or texts as an array, none if a number is too large; each way where it is quick."""
    try:
        if datatype.bounds is None:
            return np.array(flat, datatype.dtype)
        least, most = datatype.bounds
        if len(flat) <= SHORT:
            return np.array(flat, datatype.dtype) if least <= min(flat) and max(flat) <= most else None
        wide = np.fromiter(flat, np.float64, len(flat))
    except OverflowError:
        return None
    return wide.astype(datatype.dtype) if least <= wide.min() and wide.max() <= most else None


def shown(value: object) -> str:
    """Return a JSON value as its error shows it: its kind, and it itself where it is short."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            cut = value if len(value) <= SHOWN else value[: SHOWN - 1] + "\N{HORIZONTAL ELLIPSIS}"
            return (
                f'text "{cut.encode("ascii", "backslashreplace").decode()}"' if cut.isprintable() else f"text {cut!a}"
            )
        case list():
            return "a list"
        case dict():
            return "an object"
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**SHOWN else "a number of many digits"
    return text[:SHOWN]


def _flattened(data: list[Any], shape: tuple[int, ...], where: str) -> list[Any]:
    """Return nested lists as one, whose lengths are those of the shape at every level."""
    level = data
    for depth, length in enumerate(shape):
        if depth:
            if any(type(item) is not list for item in level):
                raise InvalidInput(f"{where}: data is nested less deep in places than the shape {list(shape)}")
            lengths = {len(item) for item in level}
            level = list(chain.from_iterable(level))
        else:
            lengths = {len(level)}
        if lengths != {length}:
            found = ", ".join(str(one) for one in sorted(lengths)[:3])
            problem = f"lists of {found} values where the shape {list(shape)} says {length}"
            raise InvalidInput(f"{where}: data has {problem}")
    if level and type(level[0]) is list:
        raise InvalidInput(f"{where}: data is nested deeper than the shape {list(shape)}")
    return level


def _refuse(
    flat: list[Any], datatype: Datatype, columns: tuple[str, ...], shape: tuple[int, ...], where: str
) -> NoReturn:
    """Refuse the first value that the datatype does not hold."""
    for index, value in enumerate(flat):
        if not _fits(value, datatype):
            place = _place(index, columns, shape)
            raise InvalidInput(f"{where}: {place}: expected {_expected(value, datatype)}, got {shown(value)}")
    raise InvalidInput(f"{where}: data has a value that {datatype.name} does not hold")


def _fits(value: Any, datatype: Datatype) -> bool:
    if type(value) not in datatype.json:
        return False
    if datatype.bounds and not datatype.bounds[0] <= value <= datatype.bounds[1]:
        return False
    try:
        np.array(value, datatype.dtype)
    except OverflowError:
        return False
    return True


def _expected(value: Any, datatype: Datatype) -> str:
    if type(value) in datatype.json:
        return f"{datatype.expected} that {datatype.name} holds"
    return datatype.expected


def _place(index: int, columns: tuple[str, ...], shape: tuple[int, ...]) -> str:
    """Return where a value is, counted from 0: by its column and row where there are columns."""
    if columns and len(shape) > 1 and shape[-1] == len(columns):
        row, column = divmod(index, len(columns))
        return f"column {columns[column]}" + (f", row {row}" if row or index >= len(columns) or shape[0] > 1 else "")
    at = [int(number) for number in np.unravel_index(index, shape)] if shape else []
    return f"value {at}"
