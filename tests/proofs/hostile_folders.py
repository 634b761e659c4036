"""Folders with what no model has: bombs, lies, links, devices, and metadata that tells of another model."""

import io
import json
import os
import socket
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from aiapp_serving.errors import ModelFault
from proofs.hostile_case import Case
from proofs.hostile_onnx import model

_NONE = (ModelFault.NO_MODEL,)
_BAD_ZIP = (ModelFault.CORRUPT,)


def cases() -> Iterator[Case]:
    """Give them all."""
    yield from _archives()
    yield from _entries()
    yield from _weights()
    yield from _metadata()


def archive(entries: list[tuple[zipfile.ZipInfo | str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        for name, data in entries:
            target.writestr(name, data, compression)
    return buffer.getvalue()


def _archives() -> Iterator[Case]:
    schema = ("schema.json", b"{}")
    unsafe = ("../x", "/abs", "a/../../b", "..\\x", "C:x", "a\x07b", "./a", "a//b")
    for name in unsafe:
        yield Case(f"entry {name!r}", {"m.skops": archive([schema, (name, b"x")])}, (ModelFault.UNSAFE_PATH,))
    cut_at_nul = archive([schema, ("ab", b"x")]).replace(b"ab", b"a\x00")
    yield Case("entry with NUL", {"m": cut_at_nul}, (ModelFault.UNSAFE_PATH,))
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    yield Case("entry is a link", {"m": archive([schema, (link, b"/etc/passwd")])}, (ModelFault.UNSAFE_ENTRY_TYPE,))
    twins = (ModelFault.DUPLICATE_ENTRY,)
    yield Case("case twins", {"m": archive([schema, ("a", b""), ("A", b"")])}, twins)
    yield Case("same name", {"m": archive([schema, ("aa", b""), ("ab", b"")]).replace(b"ab", b"aa")}, twins)
    nested = archive([("a", b"x")])
    yield Case("nested zip", {"m": archive([schema, ("inner", nested)])}, (ModelFault.UNSAFE_FORMAT,))
    large = (ModelFault.TOO_LARGE,)
    bomb = archive([schema, ("zeros", bytes(64 * 1024 * 1024))], zipfile.ZIP_DEFLATED)
    yield Case("bomb of zeros", {"m": bomb}, large)
    yield Case("many entries", {"m": archive([schema, *((f"{n}", b"") for n in range(10_001))])}, large)
    good = archive([schema, ("a", b"content of a")])
    yield Case("wrong CRC", {"m": good.replace(b"content of a", b"content of b")}, _BAD_ZIP)
    yield Case("bytes before", {"m": b"#!/bin/sh\n" + good}, _BAD_ZIP)
    encrypted = bytearray(good)
    encrypted[good.index(b"PK\x01\x02") + 8] |= 1
    yield Case("encrypted", {"m": bytes(encrypted)}, (ModelFault.UNSUPPORTED,))
    for size in (10, 40, len(good) // 2, len(good) - 1):
        yield Case(f"zip cut at {size}", {"m": good[:size]}, (ModelFault.UNSUPPORTED,))
    yield Case("no skops", {"m": good}, _BAD_ZIP)
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    yield Case("deep schema", {"m": archive([("schema.json", deep)])}, _BAD_ZIP)
    yield Case("entries in each other", {"m": _overlapping()}, _BAD_ZIP)


def _overlapping() -> bytes:
    """Return an archive in which the second name leads to the content of the first."""
    data = bytearray(archive([("schema.json", b"{}"), ("other.json", b"{}")]))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)
    data[second + 46 : second + 56] = b"schema2jso"
    return bytes(data)


def _entries() -> Iterator[Case]:
    kinds: dict[str, Callable[[Path], None]] = {
        "FIFO": lambda folder: os.mkfifo(folder / "model.onnx"),
        "socket": _socket,
        "link to a file": lambda folder: (folder / "model.onnx").symlink_to("/etc/passwd"),
        "link to itself": lambda folder: (folder / "model.onnx").symlink_to("model.onnx"),
        "link to a folder": lambda folder: (folder / "models").symlink_to("/etc"),
        "link to a device": lambda folder: (folder / "model.onnx").symlink_to("/dev/zero"),
    }
    for label, make in kinds.items():
        yield Case(label, {}, (ModelFault.UNSAFE_ENTRY_TYPE,), make)
        yield Case(f"{label} beside a model", {"m": model()}, (ModelFault.UNSAFE_ENTRY_TYPE,), make)
    for name in ("a\x1b[31mb", "a\nb", "a\rb", "\x7f", "\u202eb"):
        yield Case(f"name {name!r}", {name: model()}, (ModelFault.UNSAFE_PATH,))
    yield Case("deep folders", {"d/" * 40 + "m": model()}, (ModelFault.TOO_LARGE,))
    yield Case("no file", {}, _NONE)
    for name in ("model.onnx", "model.skops", "model.pkl"):
        yield Case(f"empty {name}", {name: b""}, _NONE)
        yield Case(f"text as {name}", {name: b"hello"}, _NONE)
        yield Case(f"zeros as {name}", {name: bytes(1000)}, _NONE)
        yield Case(f"a program as {name}", {name: b"\x7fELF" + bytes(100)}, _NONE)


def _socket(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)  # a socket's address is at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("model.onnx")
    finally:
        os.chdir(here)


def _weights() -> Iterator[Case]:
    tensor = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    headers = {
        "whole": tensor,
        "overlap": tensor[:-1] + ',"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        "twice": tensor[:-1] + "," + tensor[1:],
        "another shape": tensor.replace("[1]", "[9]"),
    }
    faults = (ModelFault.UNSUPPORTED,)
    for label, header in headers.items():
        data = struct.pack("<Q", len(header)) + header.encode() + bytes(4)
        yield Case(f"safetensors {label}", {"model.safetensors": data}, faults)
        yield Case(f"safetensors {label} as ONNX", {"model.onnx": data}, faults)
    yield Case("safetensors header of 2^63", {"m": struct.pack("<Q", 2**63) + tensor.encode()}, faults)


def _metadata() -> Iterator[Case]:
    one = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}
    lies: dict[str, object] = {
        "another name": {"inputs": [one | {"name": "z"}]},
        "another type": {"inputs": [one | {"datatype": "INT64"}]},
        "another width": {"inputs": [one | {"shape": [-1, 5]}]},
        "another rank": {"inputs": [one | {"shape": [4]}]},
        "a shape of text": {"inputs": [one | {"shape": "4"}]},
        "a negative shape": {"inputs": [one | {"shape": [-5, 4]}]},
        "one input more": {"inputs": [one, one]},
        "no input": {"inputs": []},
        "five columns": {"inputs": [one | {"parameters": {"columns": list("abcde")}}]},
        "a column twice": {"inputs": [one | {"parameters": {"columns": list("abca")}}]},
        "labels of numbers": {"outputs": [one | {"name": "y", "parameters": {"labels": ["a"]}}]},
        "a list": [],
        "text": "x",
        "null": None,
        "an empty name": {"name": ""},
        "a name of control characters": {"name": "a\x1b[31m"},
        "inputs of text": {"inputs": "x"},
        "parameters of text": {"parameters": "x"},
    }
    texts = {f"metadata with {label}": json.dumps(document).encode() for label, document in lies.items()}
    texts |= {
        "metadata of 10 MB": b'{"name": "' + b"a" * 10_000_000 + b'"}',
        "metadata nested deep": b"[" * 100_000 + b"]" * 100_000,
        "metadata with NaN": b'{"version": NaN}',
        "metadata cut off": b'{"name": "a',
        "metadata that is empty": b"",
        "metadata of another encoding": '{"name": "ä"}'.encode("latin-1"),
    }
    for label, text in texts.items():
        yield Case(label, {"m": model(), "metadata.json": text}, (ModelFault.SCHEMA_MISMATCH,))
    link = partial(os.symlink, "/etc/passwd")
    make: Callable[[Path], None] = lambda folder: link(folder / "metadata.json")  # noqa: E731
    yield Case("metadata by link", {"m": model()}, (ModelFault.UNSAFE_ENTRY_TYPE,), make)
