"""What is asked of a server and what it must answer. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

JSON_TYPE: Final = {"Content-Type": "application/json"}
BINARY_TYPE: Final = "application/octet-stream"
LENGTH: Final = "Inference-Header-Content-Length"
TOLERANCE: Final = 1e-3
"""Of sums of 1024 products in FP32, whose order libraries choose for themselves."""

Read = Callable[[bytes, Mapping[str, str]], Sequence[float]]
"""From body and headers (names in small letters) of an answer to its numbers."""


@dataclass(frozen=True, slots=True)
class Request:
    """One POST, the numbers that its answer must hold, and how they are read."""

    path: str
    body: bytes
    read: Read
    expected: tuple[float, ...]
    headers: Mapping[str, str] = field(default_factory=lambda: dict(JSON_TYPE))

    def problem(self, status: int, headers: Mapping[str, str], body: bytes) -> str | None:
        """Return what is wrong with an answer, None for a right one."""
        if status != 200:
            return f"status {status}: {body[:300]!r}"
        try:
            numbers = self.read(body, headers)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return f"unreadable ({error!r}): {body[:300]!r}"
        if len(numbers) != len(self.expected):
            return f"{len(numbers)} numbers for {len(self.expected)}: {body[:300]!r}"
        if not np.allclose(numbers, self.expected, TOLERANCE, TOLERANCE):
            return f"other numbers: {body[:300]!r}"
        return None


def v2_json(path: str, name: str, rows: NDArray[Any], expected: Sequence[float]) -> Request:
    """Ask in the Open Inference Protocol, everything as JSON."""
    tensor = {"name": name, "shape": list(rows.shape), "datatype": "FP32", "data": rows.ravel().tolist()}
    return Request(path, _json({"inputs": [tensor]}), _first_output, tuple(expected))


def v2_binary(path: str, name: str, rows: NDArray[Any], expected: Sequence[float]) -> Request:
    """Ask by the binary tensor extension, in both directions."""
    raw = rows.astype("<f4").tobytes()
    tensor = {"name": name, "shape": list(rows.shape), "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    output = {"name": "output", "parameters": {"binary_data": True}}
    head = _json({"inputs": [tensor], "outputs": [output]})
    headers = {"Content-Type": BINARY_TYPE, LENGTH: str(len(head))}
    return Request(path, head + raw, _binary_output, tuple(expected), headers)


def rows_json(path: str, member: str, answer: str | None, rows: Any, expected: Sequence[float]) -> Request:
    """Ask by a protocol of one member with the rows; answer: the member with the results, None for the bare list."""

    def read(body: bytes, _: Mapping[str, str]) -> Sequence[float]:
        document = json.loads(body)
        return _flat(document if answer is None else document[answer])

    return Request(path, _json({member: rows}), read, tuple(expected))


def raw(path: str, rows: NDArray[Any], expected: Sequence[float]) -> Request:
    """Send nothing but the numbers, and take nothing else."""
    headers = {"Content-Type": BINARY_TYPE}
    return Request(path, rows.astype("<f4").tobytes(), _raw_output, tuple(expected), headers)


def echoed(body: bytes, headers: Mapping[str, str]) -> Request:
    """Expect the same bytes back, told by their count and sum."""
    return Request("/", body, lambda answered, _: _fingerprint(answered), tuple(_fingerprint(body)), dict(headers))


def swallowed(body: bytes, size: int) -> Request:
    """Expect `size` zero bytes for a body that nobody looks at."""
    return Request("/", body, lambda answered, _: list(answered), (0.0,) * size, {"Content-Type": BINARY_TYPE})


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _fingerprint(body: bytes) -> list[float]:
    return [float(len(body)), float(np.frombuffer(body, np.uint8).sum(dtype=np.int64))]


def _first_output(body: bytes, _: Mapping[str, str]) -> Sequence[float]:
    return _flat(json.loads(body)["outputs"][0]["data"])


def _binary_output(body: bytes, headers: Mapping[str, str]) -> Sequence[float]:
    return _raw_output(body[int(headers[LENGTH.lower()]) :], headers)


def _raw_output(body: bytes, _: Mapping[str, str]) -> Sequence[float]:
    numbers: list[float] = np.frombuffer(body, "<f4").tolist()
    return numbers


def _flat(values: Any) -> Sequence[float]:
    numbers: list[float] = np.asarray(values, dtype=np.float64).ravel().tolist()
    return numbers
