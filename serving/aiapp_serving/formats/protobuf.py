"""The wire format of protocol buffers, as far as ONNX files need it: which fields there are and where. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

VARINT: Final = 0
BYTES: Final = 2
_FIXED: Final = {1: 8, 5: 4}


class BadWire(Exception):  # noqa: N818 - it never leaves this package
    """These bytes are no message; the text says where."""


class Field(NamedTuple):
    """number, wire type and, of BYTES, where its content begins and ends; of VARINT its value is `end`."""

    number: int
    wire: int
    start: int
    end: int


def fields(data: memoryview, start: int, end: int) -> Iterator[Field]:
    """Give the fields of the message between two places; contents are skipped, not read.

    Raises:
        BadWire: a field goes past the end, or its kind is unknown.
    """
    place = start
    while place < end:
        tag, place = _varint(data, place, end)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, place = _varint(data, place, end)
            yield Field(number, wire, place, value)
            continue
        if wire == BYTES:
            size, place = _varint(data, place, end)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise BadWire(f"field {number} at byte {place} is of the unknown kind {wire}")
        if not number or place + size > end:
            raise BadWire(f"field {number} at byte {place} has {size} bytes, {end - place} are there")
        yield Field(number, wire, place, place + size)
        place += size


def _varint(data: memoryview, place: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= end:
            raise BadWire(f"it ends at byte {end}, within a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise BadWire(f"the number before byte {place} is too long")
