"""Asks with Triton's own client."""

from collections.abc import Iterator
from typing import Any

import tritonclient.http as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from proofs.v2_values import VALUES, Case, round_trips, tell

WAYS = tuple((goes, comes) for goes in (False, True) for comes in (False, True))
FORMS = dict.fromkeys(VALUES, WAYS) | {"FP16": ((True, True),)}  # of which the client itself knows raw bytes alone


def ask(address: str, datatype: str, array: NDArray[Any], goes: bool, comes: bool) -> NDArray[Any]:
    tensor = triton.InferInput("x", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=goes)
    with _client(address) as client:
        answer = client.infer("model", [tensor], outputs=[triton.InferRequestedOutput("x", binary_data=comes)])
    found: NDArray[Any] = answer.as_numpy("x")
    return found


def cases() -> Iterator[Case]:
    yield "server live", lambda address: bool(_client(address).is_server_live())
    yield "server ready", lambda address: bool(_client(address).is_server_ready())
    yield "model ready", lambda address: bool(_client(address).is_model_ready("model", "1"))
    yield "no such model", lambda address: not _client(address).is_model_ready("other")
    yield "server metadata", lambda address: _client(address).get_server_metadata()["name"] == "aiapp"
    yield "model metadata", lambda address: _client(address).get_model_metadata("model")["name"] == "model"
    yield "why it is refused", _is_told_why
    yield from round_trips(ask, FORMS)


def _is_told_why(address: str) -> bool:
    try:
        _client(address).infer("other", [])
    except InferenceServerException as error:
        return "no model 'other'" in str(error)
    return False


def _client(address: str) -> Any:
    return triton.InferenceServerClient(address.removeprefix("http://"))


if __name__ == "__main__":
    tell("tritonclient", cases())
