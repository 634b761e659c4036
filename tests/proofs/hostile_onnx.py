"""ONNX files that lead out of the folder, ask for what nobody has, or are broken."""

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from aiapp_serving.errors import ModelFault
from proofs.hostile_case import Case

OUTSIDE = b"\x00\x00\x80\x3f" * 4
_EXTERNAL = (ModelFault.UNSAFE_EXTERNAL_DATA,)
_BROKEN = (ModelFault.CORRUPT, ModelFault.UNSUPPORTED, ModelFault.NO_MODEL, ModelFault.UNSAFE_EXTERNAL_DATA)
LOCATIONS = (
    *("../outside.bin", "a/../../outside.bin", "/etc/passwd", "/dev/zero", "missing.bin", "", ".", "..", "a//b"),
    *("..\\outside.bin", "C:\\outside.bin", "weights.bin\x00", "*/_ORT_MEM_ADDR_/*", "~/x", "file:///etc/passwd"),
    *("link.bin", "hard.bin", "linked/outside.bin", "./weights.bin", "folder"),
)


def model(location: str | None = None, operator: str = "Add", opset: int = 20, domain: str = "") -> bytes:
    """Return a model that adds four numbers to each row, kept in `location` or in itself."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4], [1.0, 2.0, 3.0, 4.0])
    if location is not None:
        weights = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
        weights.external_data.add(key="location", value=location)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 4]) for name in "xy"]
    node = helper.make_node(operator, ["x", "w"], ["y"], domain=domain)
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weights])
    imports = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    data: bytes = helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()
    return data


def cases(seed: int) -> Iterator[Case]:
    """Give them all; flips of single bits may leave a model that is whole."""
    for location in LOCATIONS:
        yield Case(f"external data {location!r}", {"m.onnx": model(location)}, _EXTERNAL, _links)
    good = model()
    yield Case("external data within an If", {"m.onnx": _nested("../outside.bin")}, _EXTERNAL)
    unsupported = (ModelFault.UNSUPPORTED,)
    yield Case("unknown operator", {"m.onnx": model(operator="Explode")}, unsupported)
    yield Case("custom operator", {"m.onnx": model(operator="Run", domain="attacker.example")}, unsupported)
    yield Case("opset too new", {"m.onnx": model(opset=9_999)}, unsupported)
    for dims in ([2**40], [2**31, 2**31], [-(2**60)], [2**62, 4]):
        yield Case(f"huge weights {dims}", {"m.onnx": _dims(dims)}, unsupported)
        yield Case(f"huge input {dims}", {"m.onnx": _huge_input(dims)}, unsupported, may_load=dims[0] < 0)
    for size in range(1, len(good), max(1, len(good) // 30)):
        yield Case(
            f"cut off at {size}", {"m.onnx": good[:size]}, (ModelFault.CORRUPT if size > 1 else ModelFault.NO_MODEL,)
        )
    yield Case("two ONNX files", {"a.onnx": good, "b": good}, (ModelFault.NO_MODEL,))
    yield Case("zeros after", {"m.onnx": good + bytes(64)}, (ModelFault.NO_MODEL,))
    yield Case("a zip after", {"m.onnx": good + b"PK\x05\x06" + bytes(18)}, unsupported)
    draw = random.Random(seed)  # noqa: S311 - the same faults every time
    for bit in draw.sample(range(len(good) * 8), 60):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        yield Case(f"bit {bit} flipped", {"m.onnx": bytes(flipped)}, _BROKEN, may_load=True)


def _links(folder: Path) -> None:
    outside = folder.parent / "outside.bin"
    outside.write_bytes(OUTSIDE)
    (folder / "weights.bin").write_bytes(OUTSIDE)
    os.link(outside, folder / "hard.bin")
    (folder / "folder").mkdir()


def _link(folder: Path, name: str) -> None:
    (folder.parent / "outside.bin").write_bytes(OUTSIDE)
    (folder / name).symlink_to(folder.parent / "outside.bin")


def link_cases() -> Iterator[Case]:
    """Give folders in which the data is a symbolic link, seen before the model is."""
    for name in ("link.bin", "a.data"):
        make = partial(_link, name=name)
        yield Case(f"data by link {name}", {"m.onnx": model(name)}, (ModelFault.UNSAFE_ENTRY_TYPE,), make)


def _dims(dims: list[int]) -> bytes:
    found = onnx.load_from_string(model())
    found.graph.initializer[0].ClearField("dims")
    found.graph.initializer[0].dims.extend(dims)
    data: bytes = found.SerializeToString()
    return data


def _huge_input(dims: list[int]) -> bytes:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", ends[:1], ends[1:])
    imports = [helper.make_opsetid("", 20)]
    data: bytes = helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()
    return data


def _nested(location: str) -> bytes:
    inner = onnx.load_from_string(model(location)).graph
    del inner.input[:]
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    ends = [
        helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4]),
    ]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    data: bytes = helper.make_model(graph, ir_version=10).SerializeToString()
    return data
