"""A score.py behind the same interface as a model."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aiapp_serving.engine import ModelMetadata, TensorMetadata
from aiapp_serving.errors import InvalidInput
from aiapp_serving.run_input import run_input
from aiapp_serving.script import ScriptEngine

ROWS = ModelMetadata(inputs=(TensorMetadata("x", "FP32", (-1, 2)),), outputs=(TensorMetadata("label", "INT64", (-1,)),))


def engine(run: Callable[[Any], object], metadata: ModelMetadata = ModelMetadata()) -> ScriptEngine:  # noqa: B008
    return ScriptEngine(run, run_input(run, "run"), metadata)


def lists(value: Any) -> object:
    return value


def sums(rows: NDArray[np.float32]) -> object:
    return rows.sum(axis=1)


def one(_rows: NDArray[np.float32]) -> object:
    return [1]


def named(rows: dict[str, NDArray[np.float32]]) -> object:
    return {"total": rows["a"] + rows["b"], "text": ["yes"]}


def test_json_goes_through_run() -> None:
    assert engine(lists).score({"a": 1}) == {"a": 1}
    result = engine(sums).score([[1, 2], [3, 4]])
    assert isinstance(result, np.ndarray)
    assert result.tolist() == [3, 7]


def test_tensors_go_through_run() -> None:
    assert engine(lists).infer({"x": np.array([[1, 2]])}, [])["result"].tolist() == [[1, 2]]
    assert engine(sums, ROWS).infer({"x": np.array([[1, 2]], np.float32)}, [])["label"].tolist() == [3]
    both = {"a": np.array([1], np.float32), "b": np.array([2], np.float32)}
    made = engine(named).infer(both, [])
    assert {name: array.tolist() for name, array in made.items()} == {"total": [3], "text": ["yes"]}
    assert list(engine(named).infer(both, ["text"])) == ["text"]
    with pytest.raises(InvalidInput, match="there is no other; the app answers total, text"):
        engine(named).infer(both, ["other"])


@pytest.mark.parametrize(
    ("value", "words"),
    [([[1, 2, 3]], r"input x: expected the shape \[-1, 2\], got \[1, 3\]"), ([1, 2], r"got \[2\]")],
)
def test_the_metadata_refuses_what_does_not_fit(value: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        engine(sums, ROWS).score(value)


def test_as_many_results_as_rows_where_the_metadata_says_so() -> None:
    assert engine(one).score([[1, 2], [3, 4]]) == [1]
    with pytest.raises(ValueError, match="got 2 rows and must return as many results; it returned 1"):
        engine(one, ROWS).score([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="must return as many"):
        engine(one, ROWS).infer({"x": np.ones((2, 2), np.float32)}, [])


@pytest.mark.parametrize("result", [object(), [[1], [2, 3]], [None], [1 + 2j]])
def test_a_result_that_no_tensor_holds_is_the_fault_of_the_app(result: object) -> None:
    with pytest.raises(TypeError, match=r"run\(\) returned result"):
        engine(lambda _value: result).infer({"x": np.ones(1)}, [])
