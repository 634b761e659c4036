"""Model folders whose loading would run code, in every packing that people use, under names that lie."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import zipfile
import zlib
from collections.abc import Iterator

import cloudpickle  # type: ignore[import-untyped]
import joblib
import numpy as np

from aiapp_serving.errors import ModelFault
from proofs.hostile_case import Case

NAMES = ("model.pkl", "model.onnx", "model.skops", "model", "weights.safetensors")


class Payload:
    """Makes the canary's folder when it is unpickled."""

    def __init__(self, canary: str) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.canary,)


def packings(canary: str) -> Iterator[tuple[str, bytes]]:
    """Give the payload by how it is packed."""
    payload = Payload(canary)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle protocol {protocol}", pickle.dumps(payload, protocol)
        yield f"pickle protocol {protocol} in a list", pickle.dumps([1, {"a": payload}], protocol)
    whole = pickle.dumps(payload)
    yield "pickle by hand", f"cos\nmkdir\n(V{canary}\ntR.".encode()
    yield "pickle by hand, by INST", f"(V{canary}\nios\nmkdir\n.".encode()
    yield "cloudpickle", cloudpickle.dumps(lambda: payload)
    yield "dill-like", pickle.dumps((eval, (f"__import__('os').mkdir({canary!r})",))) + whole
    yield "zlib", zlib.compress(whole)
    yield "gzip", gzip.compress(whole)
    yield "bz2", bz2.compress(whole)
    yield "xz", lzma.compress(whole)
    yield "lzma", lzma.compress(whole, format=lzma.FORMAT_ALONE)
    for method in ("zlib", "gzip", "bz2", "lzma", "xz"):
        buffer = io.BytesIO()
        joblib.dump(payload, buffer, compress=(method, 3))
        yield f"joblib {method}", buffer.getvalue()
    plain = io.BytesIO()
    joblib.dump(payload, plain)
    yield "joblib", plain.getvalue()
    array = io.BytesIO()
    np.save(array, np.array([payload], dtype=object))
    yield "npy of objects", array.getvalue()
    arrays = io.BytesIO()
    np.savez(arrays, a=np.zeros(2), b=np.array([payload], dtype=object))
    yield "npz of objects", arrays.getvalue()
    yield "torch zip", _zip({"archive/data.pkl": whole, "archive/version": b"3"})
    yield "keras zip", _zip({"config.json": b'{"class_name": "Lambda"}', "model.weights.h5": b"\x89HDF\r\n\x1a\n"})
    yield "hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100)
    yield "yaml", f"!!python/object/apply:os.mkdir ['{canary}']\n".encode()


def cases(canary: str) -> Iterator[Case]:
    """Give every packing under two names, and every name."""
    for number, (label, data) in enumerate(packings(canary)):
        for name in (NAMES[number % len(NAMES)], NAMES[(number + 1) % len(NAMES)]):
            yield Case(f"{label} as {name}", {name: data}, (ModelFault.UNSAFE_FORMAT,))
    whole = pickle.dumps(Payload(canary))
    yield Case("two pickles", {"a": whole, "b": whole}, (ModelFault.NO_MODEL,))
    yield Case("a pickle below", {"a/b/c/model.onnx": whole}, (ModelFault.UNSAFE_FORMAT,))


def _zip(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()
