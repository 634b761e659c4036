"""A model's outputs to the protocol's answer, as JSON or with raw bytes behind it. Pure."""

from typing import Any, Final, NoReturn

import numpy as np
import orjson
from numpy.typing import NDArray

from aiapp_serving.answer import JSON, Answer
from aiapp_serving.engine import Tensors
from aiapp_serving.errors import InvalidInput, Refused
from aiapp_serving.v2.binary import HEADER_LENGTH, to_bytes
from aiapp_serving.v2.datatypes import name_of
from aiapp_serving.v2.requested import RequestedOutputs
from aiapp_serving.v2.values import shown

_JSON: Final = (JSON,)
_OCTETS: Final = ("Content-Type", "application/octet-stream")


_KEPT: Final = 256
"""Heads of outputs that are kept written; a model answers in few shapes."""


class ResponseWriter:
    """Writes the answers of one model."""

    def __init__(self, model: str, version: str) -> None:
        self._about = orjson.dumps({"model_name": model, "model_version": version})[:-1]
        self._heads: dict[tuple[str, np.dtype[Any], tuple[int, ...]], bytes] = {}

    def write(self, tensors: Tensors, asked: RequestedOutputs, identity: str | None) -> Answer:
        """Return the answer; the outputs in the order they were asked for.

        Raises:
            TypeError: the model gave what is no tensor of the protocol.
            InvalidInput: the client asks for an output that the model did not give.
            Refused: 500, a number that JSON cannot hold, such as NaN, where raw bytes were not asked for.
        """
        outputs: list[bytes] = []
        raw: list[bytes | memoryview] = []
        for name in asked.names or tensors:
            if (array := tensors.get(name)) is None:
                raise InvalidInput(f"outputs: the model gave no {shown(name)}; it gave {', '.join(tensors)}")
            head = self._head(name, array)
            if asked.binary is None or name in asked.binary:
                raw.append(to_bytes(array))
                form = b'"parameters":{"binary_data_size":%d}}' % len(raw[-1])
            else:
                form = b'"data":%b}' % _data(array, name)
            outputs.append(head + form)
        named = b"" if identity is None else b',"id":%b' % orjson.dumps(identity)
        header = b'%b%b,"outputs":[%b]}' % (self._about, named, b",".join(outputs))
        if not raw:
            return Answer(200, _JSON, header)
        return Answer(200, (_OCTETS, (HEADER_LENGTH, str(len(header)))), b"".join((header, *raw)))

    def _head(self, name: str, array: NDArray[Any]) -> bytes:
        """Return an output's JSON up to its values."""
        key = (name, array.dtype, array.shape)
        if (head := self._heads.get(key)) is None:
            head = orjson.dumps({"name": name, "datatype": name_of(array), "shape": array.shape})[:-1] + b","
            if len(self._heads) < _KEPT:
                self._heads[key] = head
        return head


def _data(array: NDArray[Any], name: str) -> bytes:
    """Return the values in one row as JSON: numbers as their shortest text of their own size."""
    if array.dtype.kind not in "OUS":
        data = orjson.dumps(array.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)
        if b"null" in data:  # what orjson makes of NaN and infinity
            _refuse_infinite(array, name)
        return data
    try:
        return orjson.dumps([item.decode() if isinstance(item, bytes) else item for item in array.ravel().tolist()])
    except UnicodeDecodeError:
        problem = f"output {name} is no UTF-8 text, which JSON cannot hold"
        raise Refused(500, f"{problem}; ask for it with the parameter binary_data") from None


def _refuse_infinite(array: NDArray[Any], name: str) -> NoReturn:
    at = [int(number) for number in np.argwhere(~np.isfinite(array))[0]]
    problem = f"output {name} has {array[tuple(at)]} at {at}, which JSON cannot hold"
    raise Refused(500, f"{problem}; ask for it with the parameter binary_data")
