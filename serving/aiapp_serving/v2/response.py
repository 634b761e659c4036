"""A model's outputs to the protocol's answer, as JSON or with raw bytes behind it. Pure."""

from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from aiapp_serving.answer import JSON, Answer
from aiapp_serving.engine import Tensors
from aiapp_serving.errors import Refused
from aiapp_serving.v2.binary import HEADER_LENGTH, to_bytes
from aiapp_serving.v2.datatypes import name_of
from aiapp_serving.v2.requested import RequestedOutputs

_JSON: Final = (JSON,)
_OCTETS: Final = ("Content-Type", "application/octet-stream")


class ResponseWriter:
    """Writes the answers of one model."""

    def __init__(self, model: str, version: str) -> None:
        self._about: dict[str, Any] = {"model_name": model, "model_version": version}

    def write(self, tensors: Tensors, asked: RequestedOutputs, identity: str | None) -> Answer:
        """Return the answer; the outputs in the order they were asked for.

        Raises:
            TypeError: the model gave what is no tensor of the protocol.
            Refused: 500, a number that JSON cannot hold, such as NaN, where raw bytes were not asked for.
        """
        outputs: list[dict[str, Any]] = []
        raw: list[bytes] = []
        for name in asked.names or tensors:
            array = tensors[name]
            output: dict[str, Any] = {"name": name, "datatype": name_of(array), "shape": array.shape}
            if asked.binary is None or name in asked.binary:
                raw.append(to_bytes(array))
                output["parameters"] = {"binary_data_size": len(raw[-1])}
            else:
                output["data"] = _data(array, name)
            outputs.append(output)
        document = self._about | ({"outputs": outputs} if identity is None else {"id": identity, "outputs": outputs})
        header = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        if b"null" in header:
            _check_finite(tensors, asked)
        if not raw:
            return Answer(200, _JSON, header)
        return Answer(200, (_OCTETS, (HEADER_LENGTH, str(len(header)))), b"".join((header, *raw)))


def _data(array: NDArray[Any], name: str) -> Any:
    """Return the values in one row, in a form that orjson writes: numbers as their shortest text of their own size."""
    if array.dtype.kind not in "OUS":
        return np.ascontiguousarray(array).ravel()
    try:
        return [item.decode() if isinstance(item, bytes) else item for item in array.ravel().tolist()]
    except UnicodeDecodeError:
        problem = f"output {name} is no UTF-8 text, which JSON cannot hold"
        raise Refused(500, f"{problem}; ask for it with the parameter binary_data") from None


def _check_finite(tensors: Tensors, asked: RequestedOutputs) -> None:
    """Refuse to write NaN or infinity as null; looked for only where the written JSON has a null."""
    for name in asked.names or tensors:
        array = tensors[name]
        if asked.binary is None or name in asked.binary or array.dtype.kind != "f":
            continue
        if not np.isfinite(array).all():
            at = [int(number) for number in np.argwhere(~np.isfinite(array))[0]]
            problem = f"output {name} has {array[tuple(at)]} at {at}, which JSON cannot hold"
            raise Refused(500, f"{problem}; ask for it with the parameter binary_data")
