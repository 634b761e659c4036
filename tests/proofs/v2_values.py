"""What each client of the V2 protocol asks, and what must come back; imported in environments of the clients' own."""

import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Case = tuple[str, Callable[[str], bool]]
"""What is asked, and a function that asks it at an address and tells whether the answer is right."""
Ask = Callable[[str, str, NDArray[Any], bool, bool], NDArray[Any]]
"""From address, datatype, values, whether they go and whether they come as raw bytes to the values that came."""


def _ends(kind: str) -> NDArray[Any]:
    limits = np.iinfo(kind)
    return np.array([[limits.min, 7, limits.max]], kind)


VALUES: Final[dict[str, NDArray[Any]]] = {
    "BOOL": np.array([[True, False, True]]),
    **{f"INT{bits}": _ends(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": _ends(f"uint{bits}") for bits in (8, 16, 32, 64)},
    "FP16": np.array([[1.5, -0.0, 65504]], np.float16),
    "FP32": np.array([[1.1, -2.5e-38, 3.4e38]], np.float32),
    "FP64": np.array([[1.1, -2.5e-308, 1.7e308]]),
    "BYTES": np.array([[b"plain", "zw\u00f6lf".encode(), b""]], np.object_),
}


def round_trips(ask: Ask, forms: dict[str, tuple[tuple[bool, bool], ...]]) -> Iterator[Case]:
    """Give the cases of every datatype in each of its forms, which are told as (goes, comes) as raw bytes."""
    for datatype, ways in forms.items():
        for goes, comes in ways:
            yield _round_trip(ask, datatype, goes=goes, comes=comes)


def tell(package: str, cases: Iterator[Case]) -> None:
    """Ask at the address, and as many, as the command line says; print what came of it as a line of JSON."""
    address, count = sys.argv[1], int(sys.argv[2])
    asked, failures = 0, []
    for name, is_right in islice(cases, count):
        asked += 1
        try:
            problem = "" if is_right(address) else "another answer than it must be"
        except Exception as error:  # noqa: BLE001 - whatever the client makes of it is what its user sees
            problem = f"{type(error).__name__}: {error}"
        if problem:
            failures.append(f"{package}, {name}: {problem}")
    sys.stdout.write(json.dumps({"version": version(package), "asked": asked, "failures": failures}) + "\n")


def _round_trip(ask: Ask, datatype: str, *, goes: bool, comes: bool) -> Case:
    array = VALUES[datatype]
    form = {True: "raw bytes", False: "JSON"}

    def is_right(address: str) -> bool:
        return _same(ask(address, datatype, array, goes, comes), array)

    return f"{datatype} as {form[goes]}, back as {form[comes]}", is_right


def _same(found: NDArray[Any], array: NDArray[Any]) -> bool:
    if array.dtype != np.object_:
        return (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
    texts = [item if isinstance(item, bytes) else str(item).encode() for item in found.ravel()]
    return (found.shape, texts) == (array.shape, array.ravel().tolist())
