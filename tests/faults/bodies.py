"""PURE: the bytes of one answer, right or as a fault makes them."""

from dataclasses import dataclass
from typing import Final

from faults.script import Fault, Kind

PIECE: Final = 16 * 1024
"""Bytes that are written at once."""

_PARTIAL_THEN = frozenset({Kind.PARTIAL_THEN_FIN, Kind.PARTIAL_THEN_RST, Kind.PARTIAL_THEN_HANG})


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, how many bytes the headers promise, and the range they say it is."""

    sent: bytes
    promised: int
    labelled: str


def answer(data: bytes, start: int, end: int, fault: Fault | None) -> Answer:
    """Return the answer for the bytes from `start` up to `end` of `data`."""
    right, label = data[start:end], f"{start}-{max(start, end - 1)}"
    if fault is None:
        return Answer(right, len(right), label)
    cut = len(right) * fault.at // 100
    if fault.kind in _PARTIAL_THEN:
        return Answer(right[:cut], len(right), label)
    if fault.kind is Kind.RANGE_MISLABELLED:
        label = f"{start + 1}-{end}"
    sent = _damaged(right, data[:start], fault.kind, cut)
    return Answer(sent, len(sent), label)


def _damaged(right: bytes, before: bytes, kind: Kind, at: int) -> bytes:
    match kind:
        case Kind.HALF_AS_SUCCESS:
            return right[: len(right) // 2]
        case Kind.FLIPPED_BIT:
            return _flipped(right, at)
        case Kind.SWAPPED:
            return bytes(byte ^ 0xFF for byte in right)
        case Kind.EXTRA_BYTES:
            return right + b"\0" * (1 + at)
        case Kind.WRONG_RANGE:
            return (before + right)[-len(right) - 1 : -1] if before else _turned(right)
        case _:
            return right


def _flipped(content: bytes, at: int) -> bytes:
    if not content:
        return content
    return content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]


def _turned(content: bytes) -> bytes:
    """Return the bytes of a range that began one byte late."""
    return content[1:] + content[:1]
