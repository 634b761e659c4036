"""What /openapi.json of a running app shows can be sent as it is, and the page at /docs comes with its files."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from aiapp_serving.page import files
from proofs.hostile_onnx import model
from stand_ins.app_process import AppProcess, app_process

TYPED = """
from dataclasses import dataclass

@dataclass
class Flower:
    length: float
    kinds: list[str]

def run(input: list[Flower]):
    return [flower.length for flower in input]
"""
WHOLE = """
import numpy

metadata = {
    "name": "sums",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}],
    "outputs": [{"name": "sum", "datatype": "FP32", "shape": [-1]}],
}

def run(input: numpy.ndarray):
    return input.sum(axis=1)
"""
ANYTHING = "def run(input):\n    return input\n"
FOUR = {
    "name": "four",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4], "parameters": {"columns": ["a", "b", "c", "d"]}}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}],
}
"""Of a model that serves itself."""


def asked(app: AppProcess, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


@pytest.fixture(scope="module", params=[TYPED, WHOLE, ANYTHING, None], ids=["typed", "whole", "anything", "model"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    folder: Path = tmp_path_factory.mktemp("app")
    (folder / "model").mkdir()
    if request.param is None:
        (folder / "model" / "model.onnx").write_bytes(model())
        (folder / "model" / "metadata.json").write_text(json.dumps(FOUR))
    with app_process(folder, request.param, "--model", "model", AIAPP_REVISION="12", AIAPP_MODEL_VERSION="3") as app:
        app.wait_until_it_answers("/version", 200)
        yield app


@pytest.fixture(scope="module")
def described(app: AppProcess) -> dict[str, Any]:
    status, _, content = asked(app, "GET", "/openapi.json")
    assert status == 200
    found: dict[str, Any] = json.loads(content)
    return found


def test_the_document_is_openapi(described: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_each_address_and_example_gets_what_it_promises(app: AppProcess, described: dict[str, Any]) -> None:
    sent = []
    for template, operations in described["paths"].items():
        for method, operation in operations.items():
            names = {one["name"]: one["example"] for one in operation.get("parameters", ())}
            media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "requestBody" in operation and "example" not in media:
                continue
            path = template.format(**names)
            status, headers, content = asked(app, method.upper(), path, media.get("example"))
            assert status == 200, (method, path, media.get("example"), content)
            kind = headers["content-type"].partition(";")[0]
            assert kind in operation["responses"]["200"]["content"], path
            assert {name.lower() for name in operation["responses"]["200"]["headers"]} <= set(headers), path
            sent.append(path)
    assert f"/v2/models/{described['x-aiapp-model']['name']}/ready" in sent
    assert ("/score" in sent) == (described["x-aiapp-model"]["inputs"] != [] or has_schema(described))


def has_schema(described: dict[str, Any]) -> bool:
    """Tell whether the code says what it takes."""
    media = described["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]
    return bool(media["schema"]["properties"]["input"])


def test_the_page_is_served_with_its_files(app: AppProcess) -> None:
    for path, answer in files().items():
        status, headers, content = asked(app, "GET", path)
        assert (status, content) == (200, answer.body), path
        assert {name: headers.get(name.lower()) for name, _ in answer.headers} == dict(answer.headers)
