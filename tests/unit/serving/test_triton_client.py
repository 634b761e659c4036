"""A client of the V2 protocol that nobody of this project wrote, against the server as a process."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from stand_ins.app_process import AppProcess, app_process

ECHO = """
from collections.abc import Mapping
import numpy

def run(input: Mapping[str, numpy.ndarray]) -> Mapping[str, numpy.ndarray]:
    if "fail" in input:
        raise ZeroDivisionError("of the app alone")
    return input
"""
VALUES: dict[str, NDArray[Any]] = {
    "BOOL": np.array([[True, False, True]]),
    **{
        f"{kind}INT{bits}": np.array(
            [[np.iinfo(f"{kind.lower()}int{bits}").min, 7, np.iinfo(f"{kind.lower()}int{bits}").max]],
            dtype=f"{kind.lower()}int{bits}",
        )
        for kind in ("", "U")
        for bits in (8, 16, 32, 64)
    },
    "FP16": np.array([[1.5, -0.0, 65504]], np.float16),
    "FP32": np.array([[1.1, -2.5e-38, 3.4e38]], np.float32),
    "FP64": np.array([[1.1, -2.5e-308, 1.7e308]]),
    "BYTES": np.array([[b"plain", "é".encode(), b""]], dtype=np.object_),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    with app_process(tmp_path_factory.mktemp("echo"), ECHO, AIAPP_MODEL_VERSION="3", AIAPP_REVISION="12") as app:
        app.wait_until_it_answers("/version", 200)
        yield app


@pytest.fixture
def client(app: AppProcess) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{app.port}") as client:
        yield client


def tensor(name: str, array: NDArray[Any], *, binary: bool) -> Any:
    made = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def outputs(*names: str, binary: bool) -> list[Any]:
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


def test_it_sees_a_live_and_ready_server(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("model")
    assert client.is_model_ready("model", "3")
    assert not client.is_model_ready("other")
    assert not client.is_model_ready("model", "4")


def test_it_reads_what_server_and_model_are(client: Any) -> None:
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    for version in ("", "3"):
        found = client.get_model_metadata("model", version)
        assert found["name"] == "model"
        assert found["versions"] == ["3"]


WAYS = [
    (datatype, asked, answered)
    for datatype in VALUES
    for asked in (True, False)
    for answered in (True, False)
    if datatype != "FP16" or (asked and answered)  # the client itself knows FP16 as bytes only
]


@pytest.mark.parametrize(("datatype", "asked", "answered"), WAYS)
def test_every_datatype_goes_there_and_back(client: Any, datatype: str, *, asked: bool, answered: bool) -> None:
    array = VALUES[datatype]
    result = client.infer("model", [tensor("x", array, binary=asked)], outputs=outputs("x", binary=answered))
    assert result.get_output("x")["datatype"] == datatype
    found = result.as_numpy("x")
    if datatype == "BYTES":
        items = [item if isinstance(item, bytes) else item.encode() for item in found.ravel()]
        assert (found.shape, items) == (array.shape, array.ravel().tolist())
    else:
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_only_the_outputs_asked_for_come_back(client: Any) -> None:
    inputs = [tensor(name, VALUES["FP32"], binary=True) for name in ("x", "y")]
    result = client.infer("model", inputs, model_version="3", outputs=outputs("y", binary=False), request_id="a-7")
    assert [output["name"] for output in result.get_response()["outputs"]] == ["y"]
    assert result.get_response()["id"] == "a-7"
    assert result.get_response()["model_name"] == "model"
    assert result.get_response()["model_version"] == "3"


def test_parameters_of_a_request_are_taken(client: Any) -> None:
    result = client.infer("model", [tensor("x", VALUES["INT8"], binary=False)], parameters={"mine": 1})
    assert np.array_equal(result.as_numpy("x"), VALUES["INT8"])


@pytest.mark.parametrize(("model", "version", "words"), [("other", "", "no model 'other'"), ("model", "9", "'9'")])
def test_it_reads_why_a_request_is_refused(client: Any, model: str, version: str, words: str) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, [tensor("x", VALUES["INT8"], binary=True)], model_version=version)
    assert words in caught.value.message()
    assert caught.value.status() == "404"


def test_it_reads_that_an_output_is_unknown(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="z") as caught:
        client.infer("model", [tensor("x", VALUES["INT8"], binary=True)], outputs=outputs("z", binary=True))
    assert caught.value.status() in {"400", "422"}


def test_a_failure_of_the_app_keeps_its_words_in_the_log(client: Any, app: AppProcess) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer("model", [tensor("fail", VALUES["INT8"], binary=True)])
    assert caught.value.status() == "500"
    assert "of the app alone" not in caught.value.message()
    assert "of the app alone" in app.log.read_text()
