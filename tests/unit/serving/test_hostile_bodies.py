"""What is wrong with a request's body, and the answer that names it."""

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from aiapp_serving.endpoints import Endpoints
from aiapp_serving.engine import ModelMetadata, TensorMetadata, Tensors
from aiapp_serving.errors import InvalidInput, Refused
from aiapp_serving.settings import Release

JSON_TYPE = {"CONTENT_TYPE": "application/json"}
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


class Echo:
    """Gives back what it gets; divides by nothing."""

    metadata = ModelMetadata("iris", "", (TensorMetadata("X", "FP32", (-1, 4), COLUMNS),))

    def score(self, value: Any) -> object:
        return float("nan") if value == "nan" else value

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:  # noqa: ARG002
        return inputs


ENDPOINTS = Endpoints(Echo(), Release())


def tensor(**changes: object) -> bytes:
    given = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]} | changes
    return json.dumps({"inputs": [given]}).encode()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"no JSON", 400, "line 1, column 1"),
        (b"\xef\xbb\xbf{}", 400, "line 1, column 1"),
        (b'{"inputs": NaN}', 400, "NaN is no JSON"),
        (b'{"inputs": 1, "inputs": 2}', 400, "'inputs' is twice"),
        (b"[" * 10_000, 400, "nested deeper than 64"),
        (b"1" * 5_000, 400, "too many digits"),
        (b'{"id": "\\ud800"}', 400, "half of a character"),
        (b"{}", 422, "at least one input"),
        (b'{"inputs": [1], "more": 1}', 422, "unknown: more"),
        (b'{"inputs": [1], "model_name": "wine"}', 422, "the address names the model 'iris', the body text \"wine\""),
        (tensor(name="Y"), 422, "input Y: the model has no such input; it has X"),
        (tensor(data=[5.1, 3.5, "a", 0.2]), 422, 'input X: column petal_length: expected a number, got text "a"'),
        (tensor(data=[5.1, 3.5, True, 0.2]), 422, "column petal_length: expected a number, got true"),
        (tensor(data=[5.1, None, 1.4, 0.2]), 422, "column sepal_width: expected a number, got null"),
        (tensor(data=[5.1, 3.5, 1.4, 1e40]), 422, "petal_width: expected a number that FP32 holds, got 1e+40"),
        (tensor(shape=[2, 4], data=[[1, 2, 3, 4], [1, "a", 3, 4]]), 422, "column sepal_width, row 1: expected"),
        (tensor(shape=[2, 4], data=[[1, 2, 3], [1, 2, 3, 4, 5]]), 422, "data has lists of 3, 5 values"),
        (tensor(data=[1, 2, 3]), 422, "expected 4 values for the shape [1, 4], got 3"),
        (tensor(shape=[1, 5]), 422, "expected the shape [-1, 4] (columns: sepal_length,"),
        (tensor(shape=[0, 4], data=[]), 422, "send at least one row"),
        (tensor(datatype="INT64"), 422, "expected the datatype FP32, got INT64"),
        (tensor(datatype="FLOAT"), 422, "expected one of BOOL"),
        (tensor(shape=[1_000_000, 4]), 413, "at most 100000 rows"),
        (tensor(parameters={"binary_data_size": 16}), 422, "needs the header Inference-Header-Content-Length"),
    ],
)
def test_a_wrong_inference_is_refused_by_what_is_wrong_and_at_once(body: bytes, status: int, words: str) -> None:
    started = time.perf_counter()
    with pytest.raises((Refused, InvalidInput)) as caught:
        ENDPOINTS.infer(body, JSON_TYPE)
    assert time.perf_counter() - started < 0.5
    assert (caught.value.status if isinstance(caught.value, Refused) else 422) == status
    assert words in str(caught.value)


@pytest.mark.parametrize("named", [{}, {"model_name": "iris"}, {"model_name": None}])
def test_the_body_may_repeat_the_model_of_its_address(named: dict[str, object]) -> None:
    body = json.dumps(named | json.loads(tensor())).encode()
    assert ENDPOINTS.infer(body, JSON_TYPE).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"CONTENT_TYPE": "text/plain"}, 415),
        ({"CONTENT_TYPE": "application/json; charset=utf-16"}, 415),
        (JSON_TYPE | {"HTTP_CONTENT_ENCODING": "gzip"}, 415),
        (JSON_TYPE | {"HTTP_ACCEPT": "text/html"}, 406),
        (JSON_TYPE | {"HTTP_ACCEPT": "*/*, application/json;q=0"}, 406),
    ],
)
def test_another_kind_of_body_or_answer_is_refused(headers: dict[str, str], status: int) -> None:
    with pytest.raises(Refused) as caught:
        ENDPOINTS.score(b'{"input": 1}', headers)
    assert caught.value.status == status


def test_nan_is_no_null_in_an_answer() -> None:
    with pytest.raises(TypeError, match="finite numbers"):
        ENDPOINTS.score(b'{"input": "nan"}', JSON_TYPE)
    assert ENDPOINTS.score(b'{"input": null}', JSON_TYPE).body == b'{"result":null}'


def test_raw_bytes_go_in_and_come_out_as_they_are() -> None:
    values = np.array([[1.5, np.nan, 3, 4]], "<f4")
    given = {"name": "X", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}}
    head = json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}}).encode()
    headers = {"HTTP_INFERENCE_HEADER_CONTENT_LENGTH": str(len(head))}
    answer = ENDPOINTS.infer(head + values.tobytes(), headers)
    length = int(dict(answer.headers)["Inference-Header-Content-Length"])
    assert answer.body[length:] == values.tobytes()
    assert json.loads(answer.body[:length])["outputs"][0]["parameters"] == {"binary_data_size": 16}


RAW_ALONE = {"HTTP_INFERENCE_HEADER_CONTENT_LENGTH": "0", "CONTENT_TYPE": "application/octet-stream"}


def of_one_input(datatype: str, *shape: int) -> Endpoints:
    echo = Echo()
    echo.metadata = ModelMetadata("any", "", (TensorMetadata("X", datatype, shape),))
    return Endpoints(echo, Release())


@pytest.mark.parametrize(
    ("endpoints", "body", "shape", "behind"),
    [
        (ENDPOINTS, bytes(32), [2, 4], bytes(32)),
        (of_one_input("INT16", 2, 3), bytes(range(12)), [2, 3], bytes(range(12))),
        (of_one_input("FP64", -1, -1), bytes(24), [1, 3], bytes(24)),
        (of_one_input("BYTES", -1, 1), b"a text", [1, 1], b"\x06\x00\x00\x00a text"),
    ],
)
def test_a_body_of_raw_bytes_alone_is_the_one_input(
    endpoints: Endpoints, body: bytes, shape: list[int], behind: bytes
) -> None:
    answer = endpoints.infer(body, RAW_ALONE)
    length = int(dict(answer.headers)["Inference-Header-Content-Length"])
    assert json.loads(answer.body[:length])["outputs"][0]["shape"] == shape
    assert answer.body[length:] == behind


@pytest.mark.parametrize(
    ("endpoints", "body", "words"),
    [
        (ENDPOINTS, bytes(15), "15 bytes are no multiple of the 16"),
        (ENDPOINTS, b"", "holds no value"),
        (of_one_input("INT8", 2, 3), bytes(7), "expected 6 bytes for INT8"),
        (of_one_input("INT8", 2, -1, -1), bytes(6), "does not decide the shape"),
        (of_one_input("BYTES", 2), b"a", "are one text"),
    ],
)
def test_raw_bytes_that_do_not_decide_the_shape_are_refused(endpoints: Endpoints, body: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        endpoints.infer(body, RAW_ALONE)


def test_an_output_that_a_model_without_metadata_does_not_give_is_refused_by_name() -> None:
    asked = json.loads(tensor()) | {"outputs": [{"name": "Z"}]}
    with pytest.raises(InvalidInput, match='the model gave no text "Z"; it gave X'):
        ENDPOINTS.infer(json.dumps(asked).encode(), JSON_TYPE)


def test_whole_numbers_of_any_length_are_answered_exactly() -> None:
    body = b'{"input":[18446744073709551616,-99999999999999999999,0.5,"a"]}'
    assert ENDPOINTS.score(body, JSON_TYPE).body == b'{"result":[18446744073709551616,-99999999999999999999,0.5,"a"]}'


@pytest.mark.parametrize("wrong", [True, None, "1", 1e39, 10**400])
def test_one_wrong_value_among_very_many_is_found(wrong: object) -> None:
    data: list[object] = [0.5] * 4_000
    data[2_001] = wrong
    with pytest.raises(InvalidInput, match="column sepal_width, row 500"):
        ENDPOINTS.infer(tensor(shape=[1_000, 4], data=data), JSON_TYPE)


@pytest.mark.parametrize(
    ("datatype", "data", "wrong"),
    [
        ("BOOL", [True, False], 1),
        *((f"UINT{size}", [0, 2**size - 1], 2**size) for size in (8, 16, 32, 64)),
        *((f"INT{size}", [-(2 ** (size - 1)), 2 ** (size - 1) - 1], 2 ** (size - 1)) for size in (8, 16, 32, 64)),
        *((f"FP{size}", [0.5, -1], "1") for size in (16, 32, 64)),
        ("BYTES", ["a", "\u00e9"], 1),
    ],
)
def test_every_datatype_comes_back_and_takes_no_other_kind(datatype: str, data: list[object], wrong: object) -> None:
    echo = Echo()
    echo.metadata = ModelMetadata("any")
    endpoints = Endpoints(echo, Release())
    body = tensor(datatype=datatype, shape=[2], data=data)
    output = json.loads(endpoints.infer(body, JSON_TYPE).body)["outputs"][0]
    assert (output["datatype"], output["data"]) == (datatype, data)
    with pytest.raises(InvalidInput, match=r"value \[1\]"):
        endpoints.infer(tensor(datatype=datatype, shape=[2], data=[data[0], wrong]), JSON_TYPE)
