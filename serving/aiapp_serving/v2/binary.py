"""Tensors as raw bytes behind the JSON of a request or an answer (the extension `binary_tensor_data`). Pure."""

import math
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aiapp_serving.engine import TensorMetadata
from aiapp_serving.errors import InvalidInput, Refused
from aiapp_serving.v2.datatypes import Datatype

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
_LENGTH: Final = struct.Struct("<I")


def split(body: bytes, header_length: str) -> tuple[bytes, memoryview]:
    """Return the JSON and the bytes behind it.

    Raises:
        Refused: 400, the length is none of this body.
    """
    if not (header_length.isascii() and header_length.isdecimal() and len(header_length) <= 12):
        raise Refused(400, f"the header {HEADER_LENGTH} must be a number of bytes, got {header_length[:32]!a}")
    length = int(header_length)
    if length > len(body):
        raise Refused(400, f"the header {HEADER_LENGTH} says {length} bytes, the body has {len(body)}")
    return body[:length], memoryview(body)[length:]


def from_bytes(raw: memoryview, datatype: Datatype, shape: tuple[int, ...], where: str) -> NDArray[Any]:
    """Return raw bytes, little-endian and row by row, as an array; NaN is kept, as it is how values are left out.

    Raises:
        InvalidInput: they are not as many as the shape says, or no values of the datatype.
    """
    count = 1
    for length in shape:
        count *= length
    if datatype.name == "BYTES":
        items = np.empty(count, object)
        items[:] = _texts(raw, count, where)
        return items.reshape(shape)
    if len(raw) != count * datatype.dtype.itemsize:
        expected = f"{count * datatype.dtype.itemsize} bytes for {datatype.name} of the shape {list(shape)}"
        raise InvalidInput(f"{where}: expected {expected}, got binary_data_size {len(raw)}")
    if datatype.name == "BOOL" and count and np.frombuffer(raw, np.uint8).max() > 1:
        raise InvalidInput(f"{where}: expected bytes of 0 or 1 for BOOL, got another")
    return np.frombuffer(raw, datatype.dtype).reshape(shape)


def raw_shape(known: TensorMetadata, datatype: Datatype, size: int, where: str) -> tuple[int, ...]:
    """Return the shape of a body that is nothing but an input's values; any number of rows is one, if it must be.

    Raises:
        InvalidInput: the bytes do not decide it.
    """
    if datatype.name == "BYTES":
        if known.shape not in ((1,), (-1,), (-1, 1), (1, 1)):
            raise InvalidInput(f"{where}: raw bytes alone are one text, the model takes the shape {list(known.shape)}")
        return tuple(1 for _ in known.shape)
    free = [axis for axis, length in enumerate(known.shape) if length == -1]
    shape = list(known.shape)
    if len(free) == 2 and free[0] == 0:
        shape[free.pop(0)] = 1
    if len(free) > 1:
        raise InvalidInput(f"{where}: the number of bytes does not decide the shape {shape}; send JSON before them")
    if free:
        row = datatype.dtype.itemsize * math.prod(length for length in shape if length != -1)
        if not row or size % row:
            raise InvalidInput(f"{where}: {size} bytes are no multiple of the {row} that the shape {shape} takes")
        shape[free[0]] = size // row
    return tuple(shape)


def from_raw(raw: memoryview, datatype: Datatype, shape: tuple[int, ...], where: str) -> NDArray[Any]:
    """Return a body that is nothing but an input's values as an array; a text comes without its length."""
    if datatype.name == "BYTES":
        text = np.empty(shape, object)
        text.flat[0] = bytes(raw)
        return text
    return from_bytes(raw, datatype, shape, where)


def to_bytes(array: NDArray[Any]) -> bytes | memoryview:
    """Return an array's values, of a datatype of the protocol, as raw bytes; each text behind its length."""
    if array.dtype.kind not in "OUS":
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    parts: list[bytes] = []
    for item in array.ravel().tolist():
        text = item if isinstance(item, bytes) else str(item).encode()
        parts += [_LENGTH.pack(len(text)), text]
    return b"".join(parts)


def _texts(raw: memoryview, count: int, where: str) -> list[bytes]:
    """Read `count` texts, each behind its length."""
    texts: list[bytes] = []
    at = 0
    for number in range(count):
        if at + 4 > len(raw):
            raise InvalidInput(f"{where}: the bytes end before the length of text {number} of {count}")
        (length,) = _LENGTH.unpack_from(raw, at)
        at += 4
        if at + length > len(raw):
            raise InvalidInput(f"{where}: text {number} says {length} bytes, {len(raw) - at} are left")
        texts.append(bytes(raw[at : at + length]))
        at += length
    if at != len(raw):
        raise InvalidInput(f"{where}: {len(raw) - at} bytes are left over after {count} texts")
    return texts
