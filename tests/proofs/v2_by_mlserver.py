"""Asks with the types and codecs of MLServer, over HTTP; runs in an environment of MLServer's."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
from mlserver.codecs import NumpyCodec, StringCodec  # type: ignore[import-not-found]
from mlserver.types import (  # type: ignore[import-not-found]
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataServerResponse,
)
from numpy.typing import NDArray

from proofs.v2_values import VALUES, Case, round_trips, tell

JSON_ONLY = ((False, False),)


def ask(address: str, datatype: str, array: NDArray[Any], goes: bool, comes: bool) -> NDArray[Any]:  # noqa: ARG001
    if datatype == "BYTES":
        tensor = StringCodec.encode_input("x", [item.decode() for item in array.ravel()], use_bytes=False)
    else:
        tensor = NumpyCodec.encode_input("x", array)
    body = InferenceRequest(id="m-1", inputs=[tensor]).model_dump_json().encode()
    answer = InferenceResponse.model_validate(_answered(f"{address}/v2/models/model/infer", body))
    if answer.id != "m-1":
        raise ValueError(f"the answer is to {answer.id!r}")
    if datatype == "BYTES":
        return np.array(StringCodec.decode_output(answer.outputs[0]), np.object_).reshape(array.shape)
    found: NDArray[Any] = NumpyCodec.decode_output(answer.outputs[0])
    return found.reshape(answer.outputs[0].shape)


def cases() -> Iterator[Case]:
    yield "server metadata", _reads_the_server
    yield "model metadata", _reads_the_model
    yield from round_trips(ask, dict.fromkeys(VALUES, JSON_ONLY))


def _reads_the_server(address: str) -> bool:
    return bool(MetadataServerResponse.model_validate(_answered(f"{address}/v2")).name == "aiapp")


def _reads_the_model(address: str) -> bool:
    return bool(MetadataModelResponse.model_validate(_answered(f"{address}/v2/models/model")).versions == ["1"])


def _answered(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    tell("mlserver", cases())
