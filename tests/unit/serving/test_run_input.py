"""What the annotation of run's parameter makes of JSON and of tensors."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiapp_serving.errors import InvalidInput, ScriptError
from aiapp_serving.run_input import RunInput, run_input
from aiapp_serving.scoring import load_scorer

IMPORTS = """
import dataclasses, typing, typing_extensions
from collections.abc import Mapping
import numpy, pydantic
import numpy as np
from numpy.typing import NDArray
class Flower(pydantic.BaseModel):
    petals: list[float]
    name: str = "unknown"
@dataclasses.dataclass
class Point:
    x: float
    y: int
class Row(typing_extensions.TypedDict):
    text: str
"""


@pytest.fixture(autouse=True)
def own_imports() -> Iterator[None]:
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop("score", None)


def takes(folder: Path, annotation: str) -> RunInput:
    path = folder / "score.py"
    path.write_text(f"{IMPORTS}\ndef run(input{annotation}): return input\n")
    run = load_scorer(path).run
    assert run is not None
    return run_input(run, f"{path}: run")


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize("annotation", ["", ": typing.Any", ": object", ": 'typing.Any'"])
def test_no_annotation_takes_the_value_as_it_came(tmp_path: Path, annotation: str) -> None:
    made = takes(tmp_path, annotation)
    assert made.from_json({"a": [1, "b"]}) == {"a": [1, "b"]}
    assert made.from_tensors({"x": np.array([[1, 2]])}) == [[1, 2]]
    assert "takes one tensor, got 2: x, y" in refusal(lambda: made.from_tensors({"x": np.ones(1), "y": np.ones(1)}))
    assert made.schema == {}


@pytest.mark.parametrize(
    ("annotation", "value", "dtype"),
    [
        (": numpy.ndarray", [[1, 2], [3, 4]], "int64"),
        (": np.ndarray", [["a", "b"]], "object"),
        (": 'NDArray[np.float32]'", [[1, 2.5]], "float32"),
        (": NDArray[np.int8]", [1, 127], "int8"),
        (": NDArray[np.int64]", [1.0, 2.0], "int64"),
        (": NDArray[np.floating]", [1.5], "float64"),
        (": NDArray[np.float32]", [], "float32"),
    ],
)
def test_an_array_is_made_of_lists(tmp_path: Path, annotation: str, value: Any, dtype: str) -> None:
    array = takes(tmp_path, annotation).from_json(value)
    assert isinstance(array, np.ndarray)
    assert (array.dtype, array.tolist()) == (np.dtype(dtype), value)


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (": numpy.ndarray", [[1, 2], [3]], "input: expected rows of equal length"),
        (": numpy.ndarray", [1, "x"], "input: expected numbers or text, got both"),
        (": numpy.ndarray", [1, None], "input: expected numbers or text, got null"),
        (": numpy.ndarray", {"a": 1}, "input: expected numbers or text, got an object"),
        (": numpy.ndarray", [2**70], "input: expected numbers"),
        (": NDArray[np.float32]", ["secret"], "input: expected float32, got text"),
        (": NDArray[np.float32]", [1e300], "float32, got numbers that it cannot hold"),
        (": NDArray[np.int8]", [300], "int8, got numbers that it cannot hold"),
        (": NDArray[np.int64]", [1.5], "int64, got numbers that it cannot hold"),
        (": NDArray[np.uint8]", [-1], "uint8, got numbers that it cannot hold"),
        (": Mapping[str, np.ndarray]", [1], "input: expected an object of named lists, got a list"),
        (": dict[str, NDArray[np.float32]]", {"x": ["a"]}, "input.x: expected float32, got text"),
        (": Flower", {"petals": [1, "secret"]}, "input.petals.1: Input should be a valid number, unable to parse"),
        (": Flower", {}, "input.petals: is missing"),
        (": Point", {"x": 1, "y": 2.5}, "input.y: Input should be a valid integer"),
        (": Row", {"text": 5}, "input.text: Input should be a valid string, got a whole number"),
        (": list[float]", "abc", "input: Input should be a valid list, got text"),
    ],
)
def test_a_wrong_input_names_the_place_and_never_the_value(
    tmp_path: Path, annotation: str, value: Any, words: str
) -> None:
    made = takes(tmp_path, annotation)
    text = refusal(lambda: made.from_json(value))
    assert words in text
    assert "secret" not in text


def test_many_problems_are_cut(tmp_path: Path) -> None:
    made = takes(tmp_path, ": list[float]")
    assert refusal(lambda: made.from_json(["x"] * 1000)).endswith("and 995 more")


def test_named_arrays_come_from_objects_and_tensors(tmp_path: Path) -> None:
    made = takes(tmp_path, ": Mapping[str, NDArray[np.float32]]")
    for given in (made.from_json({"a": [1], "b": [2]}), made.from_tensors({"a": np.array([1]), "b": np.array([2])})):
        assert {name: (array.dtype, array.tolist()) for name, array in given.items()} == {
            "a": (np.float32, [1]),
            "b": (np.float32, [2]),
        }


def test_checked_types_are_made_and_described(tmp_path: Path) -> None:
    flower = takes(tmp_path, ": Flower")
    assert flower.from_json({"petals": [1]}).name == "unknown"
    assert flower.schema["properties"]["petals"]["items"] == {"type": "number"}
    assert flower.from_tensors({"petals": np.array([1.5])}).petals == [1.5]
    numbers = takes(tmp_path, ": list[float]")
    assert numbers.from_tensors({"any": np.array([1, 2])}) == [1.0, 2.0]


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (": 'Nowhere'", "the annotation Nowhere means nothing there"),
        (": np.random.Generator", "cannot be checked against the annotation Generator (Pydantic"),
    ],
)
def test_an_annotation_that_says_nothing_is_refused_at_the_start(tmp_path: Path, annotation: str, words: str) -> None:
    with pytest.raises(ScriptError, match=r"score\.py: run") as caught:
        takes(tmp_path, annotation)
    assert words in str(caught.value)
