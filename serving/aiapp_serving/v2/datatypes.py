"""The protocol's datatypes, and what numpy calls them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype.

    json: the Python types of its values in JSON, the usual one first. expected: the same for people. bounds: the
    finite numbers it holds, where JSON can say larger ones that numpy would turn into infinity.
    """

    name: str
    dtype: np.dtype[Any]
    json: tuple[type, ...]
    expected: str
    bounds: tuple[float, float] | None = None

    def fits_kinds(self, values: Sequence[Any]) -> bool:
        """Tell whether all values are of the JSON types; nearly always they are of the usual one."""
        kinds = list(map(type, values))
        return kinds.count(self.json[0]) == len(kinds) or all(kind in self.json for kind in set(kinds))


def _of(name: str, dtype: str, *json: type, expected: str) -> Datatype:
    numpy = np.dtype(dtype)
    bounds = (float(np.finfo(numpy).min), float(np.finfo(numpy).max)) if dtype in {"<f2", "<f4"} else None
    return Datatype(name, numpy, json, expected, bounds)


def _whole(name: str, dtype: str) -> Datatype:
    limits = np.iinfo(dtype)
    return _of(name, dtype, int, expected=f"a whole number from {limits.min} to {limits.max}")


DATATYPES: Final = {
    datatype.name: datatype
    for datatype in (
        _of("BOOL", "?", bool, expected="true or false"),
        *(_whole(f"UINT{8 * size}", f"<u{size}") for size in (1, 2, 4, 8)),
        *(_whole(f"INT{8 * size}", f"<i{size}") for size in (1, 2, 4, 8)),
        *(_of(f"FP{8 * size}", f"<f{size}", float, int, expected="a number") for size in (2, 4, 8)),
        _of("BYTES", "O", str, expected="a text"),
    )
}
_NAMES: Final = {datatype.dtype: name for name, datatype in DATATYPES.items()}


def name_of(array: NDArray[Any]) -> str:
    """Return the datatype of an array.

    Raises:
        TypeError: the protocol has none for it.
    """
    if (name := _NAMES.get(array.dtype)) is not None:
        return name
    if array.dtype.kind in "US":
        return "BYTES"
    raise TypeError(f"the protocol has no datatype for numpy's {array.dtype}; return numbers, truth values or text")
