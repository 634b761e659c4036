"""Inference requests by the grammar of the protocol: each part drawn for itself, most right, some that lie."""

import json
import random
from typing import Any, Final

NAMES: Final = ("X", "X", "X", "X", "Y", "", "x" * 300, "\u00e9\n", 7, None)
SIZES: Final = {"BOOL": 1, "FP16": 2, "FP32": 4, "FP64": 8} | {
    f"{sign}INT{bits}": bits // 8 for sign in ("", "U") for bits in (8, 16, 32, 64)
}
DATATYPES: Final = (*SIZES, "BYTES")
SHAPES: Final[tuple[list[int], ...]] = ([1, 4], [1, 4], [3, 4], [4], [], [2, 2, 2], [100_001, 4], [0, 4])
LENGTHS: Final = (-1, 0, 2**31, 2**63, 1.5, True, "4", None, 10**30)
NUMBERS: Final = (
    0,
    1,
    -1,
    127,
    128,
    -129,
    255,
    65_536,
    2**31,
    2**63,
    2**64,
    10**40,
    1.5,
    -0.0,
    1e38,
    1e39,
    1e308,
    65_520,
)
OTHERS: Final[tuple[Any, ...]] = (True, False, None, "", "a", "\ud83d\ude00", [], {}, [1])
PARAMETERS: Final[tuple[Any, ...]] = (
    *({}, None, 1, [], {"binary_data": True}, {"binary_data": 1}, {"binary_data_output": True}, {"classification": 2}),
    *({"binary_data_output": "yes"}, {"sequence_id": 7}, {"shared_memory_region": "r"}, {"mine": [1, {"a": None}]}),
)


def written(chance: random.Random) -> bytes:
    """Return a request; behind its JSON come the bytes that its inputs announce, or about as many."""
    behind = bytearray()
    request: dict[str, Any] = {}
    if chance.random() < 0.3:
        request["id"] = chance.choice(("a", '\u00e9"', "i" * 300, 1, None))
    if chance.random() < 0.3:
        request["parameters"] = chance.choice(PARAMETERS)
    if chance.random() < 0.4:
        request["outputs"] = [_output(chance) for _ in range(chance.choice((0, 1, 1, 2)))]
    if chance.random() < 0.05:
        request[chance.choice(("model_name", "other"))] = chance.choice(("m", "n", 1))
    request["inputs"] = [_input(chance, behind) for _ in range(chance.choice((0, 1, 1, 1, 1, 1, 2, 3)))]
    if chance.random() < 0.1:
        del behind[: chance.randrange(1, 9)]
    if chance.random() < 0.1:
        behind += chance.randbytes(chance.randrange(1, 9))
    return json.dumps(request, separators=(",", ":")).encode() + bytes(behind)


def json_length(body: bytes) -> int:
    """Return where the JSON of a request ends; it is ASCII, what is behind it may be anything."""
    return json.JSONDecoder().raw_decode(body.decode("latin-1"))[1]


def _input(chance: random.Random, behind: bytearray) -> dict[str, Any]:
    datatype = "FP32" if chance.random() < 0.5 else chance.choice((*DATATYPES, "FLOAT", "fp32", 1))
    shape: list[Any] = list(chance.choice(SHAPES))
    count = 1
    for length in shape:
        count = min(count * length, 64)
    if shape and chance.random() < 0.1:
        shape[chance.randrange(len(shape))] = chance.choice(LENGTHS)
    item: dict[str, Any] = {"name": chance.choice(NAMES), "shape": shape, "datatype": datatype}
    if chance.random() < 0.05:
        del item[chance.choice(tuple(item))]
    if chance.random() < 0.4:
        values = _texts(chance, count) if datatype == "BYTES" else chance.randbytes(count * SIZES.get(str(datatype), 4))
        if datatype == "BOOL" and chance.random() < 0.8:
            values = bytes(byte & 1 for byte in values)
        behind += values
        size = len(values) if chance.random() < 0.9 else chance.choice((len(values) + 1, 0, -1, 2**62, 2**70, 1.0, "4"))
        item["parameters"] = {"binary_data_size": size}
        if chance.random() < 0.95:
            return item
    item["data"] = _data(chance, count, str(datatype))
    return item


def _data(chance: random.Random, count: int, datatype: str) -> Any:
    right: tuple[Any, ...] = NUMBERS[:3] if "INT" in datatype else NUMBERS
    if datatype in {"BOOL", "BYTES"}:
        right = (True, False) if datatype == "BOOL" else ("", "a", "\u00e9")
    values: list[Any] = [chance.choice(right) for _ in range(count)]
    if values and chance.random() < 0.2:
        values[chance.randrange(count)] = chance.choice((*NUMBERS, *OTHERS))
    if chance.random() < 0.1:
        values = values[: chance.randrange(count + 1)] or [1]
    if chance.random() < 0.4:
        width = chance.choice((4, 4, 2, 3))
        return [values[at : at + width] for at in range(0, len(values), width)]
    return values if chance.random() < 0.97 else chance.choice((None, "a", {}, 1))


def _texts(chance: random.Random, count: int) -> bytes:
    parts: list[bytes] = []
    for _ in range(count):
        text = chance.randbytes(chance.randrange(6))
        length = len(text) if chance.random() < 0.97 else chance.choice((len(text) + 1, 2**32 - 1))
        parts += [length.to_bytes(4, "little"), text]
    return b"".join(parts)


def _output(chance: random.Random) -> Any:
    item: dict[str, Any] = {"name": chance.choice(("Y", "Y", "Y", "Z", "", 1))}
    if chance.random() < 0.5:
        item["parameters"] = chance.choice(PARAMETERS)
    return item if chance.random() < 0.95 else chance.choice((None, "Y", {}, {"name": "Y", "form": 1}))
