"""What a file is, by its first bytes and its end, never by its name. Nothing is loaded or run."""

import io
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

from aiapp_serving.formats.protobuf import BadWire, Field, fields

HEAD_BYTES: Final = 64 * 1024


class Kind(StrEnum):
    """What a file looks like, in words for errors."""

    ONNX = "ONNX"
    ORT = "onnxruntime's own ORT format"
    SKOPS = "skops"
    PICKLE = "pickle"
    JOBLIB = "a compressed file, as joblib writes its pickles"
    TORCH = "torch, a zip with a pickle"
    NUMPY_OBJECTS = "numpy with Python objects, which are pickles"
    KERAS = "Keras"
    HDF5 = "HDF5, as Keras writes it"
    SAFETENSORS = "safetensors, weights without a model"
    YAML_PYTHON = "YAML with Python tags"
    ZIP = "zip"
    OTHER = "no model that is known"


UNSAFE: Final = frozenset(
    {Kind.PICKLE, Kind.JOBLIB, Kind.TORCH, Kind.NUMPY_OBJECTS, Kind.KERAS, Kind.HDF5, Kind.YAML_PYTHON}
)
"""Formats that can run code of their author when they are loaded."""
_COMPRESSED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"]\x00\x00", b"\x04\x22\x4d\x18", b"ZF")
_ZLIB: Final = tuple(bytes((0x78, level)) for level in (0x01, 0x5E, 0x9C, 0xDA))
_YAML_TAG: Final = re.compile(rb"!!python/|tag:yaml\.org,2002:python/")
_OBJECT_ARRAY: Final = re.compile(rb"\x93NUMPY.{0,64}'descr': *(?:'[|<>=]?O|\[[^\n]*'[|<>=]?O)", re.DOTALL)
_ONNX_FIELDS: Final = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_HIGHEST_IR: Final = 64


def kind_of(path: Path) -> Kind:
    """Return what the file's bytes look like.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(b"PK\x03\x04") or zipfile.is_zipfile(path):
        return _zip_kind(path)
    return of_bytes(head)


def of_bytes(head: bytes) -> Kind:
    """Return what a file that begins like this is; zips are for kind_of."""
    tests: tuple[tuple[Callable[[bytes], object], Kind], ...] = (
        (_is_compressed, Kind.JOBLIB),
        (_is_hdf5, Kind.HDF5),
        (_is_ort, Kind.ORT),
        (_OBJECT_ARRAY.match, Kind.NUMPY_OBJECTS),
        (_is_pickle, Kind.PICKLE),
        (_begins_like_onnx, Kind.ONNX),
        (_is_safetensors, Kind.SAFETENSORS),
        (_YAML_TAG.search, Kind.YAML_PYTHON),
    )
    return next((kind for test, kind in tests if test(head)), Kind.OTHER)


def _is_compressed(head: bytes) -> bool:
    return head.startswith((*_COMPRESSED, *_ZLIB))


def _is_hdf5(head: bytes) -> bool:
    return head.startswith(b"\x89HDF\r\n\x1a\n")


def _is_ort(head: bytes) -> bool:
    return head[4:8] == b"ORTM"


def _zip_kind(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:10_000]
            if "schema.json" in names:
                return Kind.SKOPS
            if any(name.endswith("data.pkl") for name in names):
                return Kind.TORCH
            if {"config.json", "model.weights.h5"} & set(names):
                return Kind.KERAS
            for name in names:
                if name.endswith(".npy"):
                    with archive.open(name) as member:
                        if of_bytes(member.read(1024)) is Kind.NUMPY_OBJECTS:
                            return Kind.NUMPY_OBJECTS
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, EOFError):
        return Kind.ZIP
    return Kind.OTHER if names and all(name.endswith(".npy") for name in names) else Kind.ZIP


def _begins_like_onnx(head: bytes) -> bool:
    """Tell whether there are only fields of a ModelProto, from its version on; the first big one may be cut off."""
    found: dict[int, Field] = {}
    try:
        for field in fields(memoryview(head), 0, len(head)):
            if field.number not in _ONNX_FIELDS:
                return False
            found.setdefault(field.number, field)
    except BadWire:
        pass
    version = found.get(1)
    return version is not None and version.wire == 0 and 0 < version.end <= _HIGHEST_IR


def _is_pickle(head: bytes) -> bool:
    """Tell whether these are a pickle's instructions to its end, or its first bytes with some of them after."""
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and len(head) > 2:
        return True
    count = 0
    try:
        for operation, _, _ in pickletools.genops(io.BytesIO(head)):
            count += 1
            if operation.name == "STOP":
                return True
    except Exception:  # noqa: BLE001 - whatever the instructions' readers raise says only that it is none
        return count > 50 and head[:1] in b"(c]}li"
    return False


def _is_safetensors(head: bytes) -> bool:
    if len(head) < 9 or head[8:9] != b"{":
        return False
    (size,) = struct.unpack("<Q", head[:8])
    return b'"dtype"' in head[:4096] or b"__metadata__" in head[:4096] or bool(size > len(head))
