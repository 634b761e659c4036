"""Weights that an ONNX file keeps in other files: only whole, plain files of the model's own folder."""

import mmap
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats.protobuf import BYTES, BadWire, fields
from aiapp_serving.formats.words import shown

_KEY: Final = b"location"
_MESSAGES: Final = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Messages of ONNX that lead to tensors: kind of the message -> field -> kind of its content."""
_MOST_NESTED: Final = 64
_FIX: Final = "save the model with its weights in the one file, or beside it in files of its folder"


def check_external_data(model: Path, folder: Path) -> frozenset[Path]:
    """Return the files that hold the model's external data.

    Raises:
        ModelError: UnsafeExternalData or Corrupt.
    """
    return frozenset(_checked(location, model, folder) for location in locations(model))


def locations(model: Path) -> frozenset[bytes]:
    """Return the places that the tensors name, of subgraphs and functions too; most models have none.

    Raises:
        ModelError: Corrupt.
    """
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        if mapped.find(_KEY) < 0:
            return frozenset()
        with memoryview(mapped) as data:
            try:
                return frozenset(_locations(data, "model", 0, len(data), 0))
            except BadWire as error:
                raise ModelError(
                    ModelFault.CORRUPT, f"{shown(model.name)} is a broken ONNX file: {error}; upload it again"
                ) from None


def _locations(data: memoryview, kind: str, start: int, end: int, depth: int) -> Iterator[bytes]:
    if depth > _MOST_NESTED:
        raise BadWire(f"graphs are nested more than {_MOST_NESTED} deep")
    inner = _MESSAGES[kind]
    for field in fields(data, start, end):
        content = inner.get(field.number)
        if content is None or field.wire != BYTES:
            continue
        if content == "entry":
            yield from _location(data, field.start, field.end)
        else:
            yield from _locations(data, content, field.start, field.end, depth + 1)


def _location(data: memoryview, start: int, end: int) -> Iterator[bytes]:
    """Give the value of a key-value pair whose key is `location`; of a key given twice the last counts."""
    key = value = b""
    for field in fields(data, start, end):
        if field.wire == BYTES and field.number == 1:
            key = bytes(data[field.start : field.end])
        elif field.wire == BYTES and field.number == 2:
            value = bytes(data[field.start : field.end])
    if key == _KEY:
        yield value


def _checked(location: bytes, model: Path, folder: Path) -> Path:
    text = os.fsdecode(location)
    parts = text.split("/")
    if not text.isprintable() or "\\" in text or "*" in text or {"", ".", ".."} & set(parts):
        # The runtime takes a name with `*` for an address in its own memory.
        raise _unsafe(model, text, "is no plain path within the folder")
    path = model.parent
    for part in parts:
        path /= part
        try:
            status = path.lstat()
        except OSError as error:
            raise _unsafe(model, text, f"cannot be read ({error.strerror})") from None
        if stat.S_ISLNK(status.st_mode):
            raise _unsafe(model, text, "is or goes through a symbolic link")
    if not stat.S_ISREG(status.st_mode) or not path.is_relative_to(folder):
        raise _unsafe(model, text, "is no file of the folder")
    if status.st_nlink > 1:
        raise _unsafe(model, text, "is a hard link, so a file of another place as well")
    return path


def _unsafe(model: Path, location: str, problem: str) -> ModelError:
    sentence = f"{shown(model.name)} keeps weights in {shown(location)}, which {problem}; {_FIX}"
    return ModelError(ModelFault.UNSAFE_EXTERNAL_DATA, sentence)
