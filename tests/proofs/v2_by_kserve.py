"""Asks with KServe's own client; runs in an environment of KServe's, whose packages contradict the product's."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx  # type: ignore[import-not-found]
from kserve import InferenceRESTClient, RESTConfig  # type: ignore[import-not-found]
from kserve.protocol.infer_type import InferInput, InferRequest, RequestedOutput  # type: ignore[import-not-found]
from numpy.typing import NDArray

from proofs.v2_values import VALUES, Case, round_trips, tell

WAYS = tuple((goes, comes) for goes in (False, True) for comes in (False, True))
FORMS = dict.fromkeys(VALUES, WAYS) | {"FP16": ((True, False), (True, True))}  # it sends no FP16 as JSON


def ask(address: str, datatype: str, array: NDArray[Any], goes: bool, comes: bool) -> NDArray[Any]:
    tensor = InferInput("x", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=goes)
    wanted = [RequestedOutput("x", parameters={"binary_data": comes})]
    request = InferRequest("model", [tensor], request_id="k-1", request_outputs=wanted)
    answer = _asked(lambda client: client.infer(address, request, model_name="model"))
    if (answer.id, answer.model_name) != ("k-1", "model"):
        raise ValueError(f"the answer is to {answer.id!r} of {answer.model_name!r}")
    found: NDArray[Any] = answer.outputs[0].as_numpy()
    return found


def cases() -> Iterator[Case]:
    yield "server live", lambda address: bool(_asked(lambda client: client.is_server_live(address)))
    yield "server ready", lambda address: bool(_asked(lambda client: client.is_server_ready(address)))
    yield "model ready", lambda address: bool(_asked(lambda client: client.is_model_ready(address, "model")))
    yield "why it is refused", _is_told_why
    yield from round_trips(ask, FORMS)


def _is_told_why(address: str) -> bool:
    try:
        _asked(lambda client: client.infer(address, InferRequest("other", []), model_name="other"))
    except httpx.HTTPStatusError as error:
        return "no model 'other'" in error.response.json()["error"]  # its text has the status alone
    return False


def _asked(question: Callable[[Any], Awaitable[Any]]) -> Any:
    async def ask_once() -> Any:
        async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0)) as client:
            return await question(client)

    return asyncio.run(ask_once())


if __name__ == "__main__":
    tell("kserve", cases())
