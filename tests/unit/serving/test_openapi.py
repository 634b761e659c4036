"""What the OpenAPI document says of an app."""

from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel, Field, TypeAdapter
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from aiapp_serving.engine import ModelMetadata, TensorMetadata
from aiapp_serving.openapi import document
from aiapp_serving.openapi_parts import DATATYPES
from aiapp_serving.route_table import ROUTES
from aiapp_serving.settings import Release

RELEASE = Release(12, "sha256:" + "a" * 64, "42", "sha256:" + "b" * 64)
ROWS = TensorMetadata("input", "FP32", (-1, 2), ("length", "width"))
LABELS = TensorMetadata("label", "INT64", (-1,), labels=("setosa", "virginica"))
IRIS = ModelMetadata("iris", "onnx_onnxv1", (ROWS,), (LABELS,), {"scikit-learn": "1.7"})
COLUMNS = ModelMetadata("wine", "", (TensorMetadata("age", "INT64", (-1, 1)), TensorMetadata("kind", "BYTES", (-1, 1))))


class Flower(BaseModel):
    length: Annotated[float, Field(gt=0)]
    kinds: Annotated[list[str], Field(min_length=2)]
    next: "Flower | None" = None


CODE = TypeAdapter(list[Flower]).json_schema()
DOCUMENTS = {
    "tensor": document(IRIS, RELEASE, None),
    "tensors": document(COLUMNS, RELEASE, None),
    "whole": document(IRIS, RELEASE, {"type": "array", "items": {}}),
    "named": document(COLUMNS, RELEASE, {"type": "object", "additionalProperties": {}}),
    "typed": document(ModelMetadata(), RELEASE, CODE),
    "anything": document(ModelMetadata(), Release(), {}),
    "no metadata": document(ModelMetadata(), Release(), None),
}


def media(found: dict[str, Any], path: str = "/score") -> dict[str, Any]:
    body: dict[str, Any] = found["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return body


def problems(found: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """Hold a value against a schema of the document, as a client made from the document would."""
    registry = Registry[Any]().with_resource("app", DRAFT202012.create_resource(found))
    moved = {"$id": "app", **schema, "components": found["components"]}
    return [error.message for error in Draft202012Validator(moved, registry=registry).iter_errors(value)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_openapi_3_1(name: str) -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENTS[name]).iter_errors()) == []


def test_the_validator_sees_a_fault() -> None:
    broken = {**DOCUMENTS["tensor"], "paths": {"/": {"get": {"responses": {"200": {}}}}}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors()) != []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_its_examples_fit_its_schemas(name: str) -> None:
    found = DOCUMENTS[name]
    for path in ("/score", "/v2/models/{model}/infer"):
        body = media(found, path)
        assert "example" not in body or problems(found, body["schema"], body["example"]) == []


def test_only_what_its_author_alone_knows_has_no_example() -> None:
    assert {name for name, found in DOCUMENTS.items() if "example" not in media(found)} == {"anything", "no metadata"}


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("tensor", {"length": 0.5, "width": 0.5}),
        ("tensors", {"age": [1], "kind": ["text"]}),
        ("whole", [[0.5, 0.5]]),
        ("named", {"age": [[1]], "kind": [["text"]]}),
        ("typed", [{"length": 0.5, "kinds": ["text", "text"], "next": None}]),
    ],
)
def test_the_example_is_what_the_model_takes(name: str, example: object) -> None:
    assert media(DOCUMENTS[name])["example"] == {"input": example}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tensor", [1]),
        ("tensor", {"length": 1}),
        ("tensor", {"length": 1, "width": "wide"}),
        ("tensors", {"age": ["old"], "kind": ["a"]}),
        ("named", {"age": [[1]]}),
        ("typed", [{"length": 0, "kinds": ["a", "b"]}]),
        ("typed", [{"length": 1, "kinds": ["a"]}]),
    ],
)
def test_a_wrong_input_does_not_fit(name: str, wrong: object) -> None:
    found = DOCUMENTS[name]
    assert problems(found, media(found)["schema"], {"input": wrong}) != []
    assert problems(found, media(found)["schema"], {**media(found)["example"], "more": 1}) != []


def test_results_are_the_labels() -> None:
    answer = DOCUMENTS["tensor"]["components"]["schemas"]["ScoreAnswer"]
    for right in ("setosa", ["setosa", "virginica"]):
        assert problems(DOCUMENTS["tensor"], answer, {"result": right}) == []
    assert problems(DOCUMENTS["tensor"], answer, {"result": "rosa"}) != []


@pytest.mark.parametrize("datatype", DATATYPES)
def test_each_datatype_has_an_example_of_its_own_kind(datatype: str) -> None:
    found = document(ModelMetadata("m", "", (TensorMetadata("x", datatype, (-1, 2)),)), RELEASE, None)
    body = media(found, "/v2/models/{model}/versions/{version}/infer")
    assert problems(found, body["schema"], body["example"]) == []
    assert problems(found, media(found)["schema"], media(found)["example"]) == []
    kind = {"BYTES": str, "BOOL": bool}.get(datatype, float if datatype.startswith("FP") else int)
    assert {type(item) for row in body["example"]["inputs"][0]["data"] for item in row} == {kind}


def test_a_tensor_too_large_to_read_has_no_example() -> None:
    found = document(ModelMetadata("m", "", (TensorMetadata("x", "FP32", (-1, 3, 224, 224)),)), RELEASE, None)
    assert "example" not in media(found)
    assert "example" not in media(found, "/v2/models/{model}/infer")


def test_every_answer_names_its_release_and_request() -> None:
    for operations in DOCUMENTS["tensor"]["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                assert {"AIApp-Revision", "AIApp-Image", "AIApp-Model", "X-Request-ID"} <= answer["headers"].keys()


def test_errors_are_problems() -> None:
    answers = DOCUMENTS["tensor"]["paths"]["/score"]["post"]["responses"]
    assert set(answers) == {"200", "400", "404", "406", "413", "415", "422", "500", "503"}
    for status, answer in answers.items():
        assert set(answer["content"]) == {"application/json" if status == "200" else "application/problem+json"}
    assert "Retry-After" in answers["503"]["headers"]


def test_it_has_every_address_of_the_app() -> None:
    found = DOCUMENTS["tensor"]["paths"]
    assert {(method.upper(), path) for path in found for method in found[path]} == {(r.method, r.path) for r in ROUTES}


def test_the_page_finds_model_and_release() -> None:
    found = DOCUMENTS["tensor"]
    assert found["info"]["title"] == "iris"
    assert found["x-aiapp-model"]["inputs"][0]["parameters"] == {"columns": ["length", "width"]}
    assert found["x-aiapp-model"]["outputs"][0]["parameters"] == {"labels": ["setosa", "virginica"]}
    assert found["x-aiapp-release"]["model"] == {"version": "42", "digest": "sha256:" + "b" * 64}
