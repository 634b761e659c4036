"""A score.py as a model: tensors and JSON go into its `run`, whatever comes out goes to the client."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aiapp_serving.engine import ModelMetadata, TensorMetadata, Tensors
from aiapp_serving.errors import InvalidInput
from aiapp_serving.run_input import RunInput

RESULT: Final = "result"
"""The output's name, where the metadata gives none."""


class ScriptEngine:
    """Calls `run` for the routes; made once it is loaded.

    metadata: of the app itself; it is held against what comes and goes where `run` takes arrays.
    """

    def __init__(self, run: Callable[[Any], object], run_input: RunInput, metadata: ModelMetadata) -> None:
        self._run = run
        self._input = run_input
        self._metadata = metadata

    @property
    def metadata(self) -> ModelMetadata:
        """Return what is known of the app."""
        return self._metadata

    @property
    def input_schema(self) -> Mapping[str, Any]:
        """Return the JSON schema of the value of `input`; `{}` takes anything."""
        return self._input.schema

    def score(self, value: Any) -> object:
        """Return what `run` returns."""
        given = self._input.from_json(value)
        if self._input.arrays and self._metadata.inputs:
            _check_shapes(_named(given, self._metadata.inputs), self._metadata.inputs)
        result = self._run(given)
        self._check_rows(given, result)
        return result

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """Return what `run` returns as tensors; the inputs fit the metadata."""
        given = self._input.from_tensors(inputs)
        result = self._run(given)
        self._check_rows(given, result)
        declared = self._metadata.outputs
        made = tensors_of(result, declared[0].name if len(declared) == 1 else RESULT)
        unknown = [name for name in outputs if name not in made]
        if unknown:
            raise InvalidInput(f"outputs: there is no {unknown[0][:80]}; the app answers {', '.join(made)}")
        return {name: made[name] for name in outputs} if outputs else made

    def _check_rows(self, given: Any, result: object) -> None:
        """Hold the app to as many results as rows, where its metadata begins both shapes with -1."""
        inputs, outputs = self._metadata.inputs, self._metadata.outputs
        batched = self._input.arrays and len(inputs) == len(outputs) == 1
        if not batched or inputs[0].shape[:1] != (-1,) or outputs[0].shape[:1] != (-1,):
            return
        rows = len(next(iter(_named(given, inputs).values())))
        results = next(iter(result.values())) if isinstance(result, Mapping) else result
        if not hasattr(results, "__len__") or len(results) != rows:
            found = len(results) if hasattr(results, "__len__") else type(results).__name__
            raise ValueError(f"run() got {rows} rows and must return as many results; it returned {found}")


def tensors_of(result: object, name: str) -> Tensors:
    """Return what `run` returned as tensors; one that is no mapping is called `name`.

    Raises:
        TypeError: it is neither numbers nor text in rows of equal length.
    """
    named = result if isinstance(result, Mapping) else {name: result}
    return {str(key): _tensor(value, str(key)) for key, value in named.items()}


def _tensor(value: object, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError:
        raise TypeError(f"run() returned {name} in rows of different lengths, which no tensor holds") from None
    if array.dtype.kind == "U":
        array = array.astype(object)
    if array.dtype.kind not in "biufO" or not all(isinstance(item, str | bytes) for item in _objects(array)):
        raise TypeError(f"run() returned {name} of {type(value).__name__}; a tensor holds numbers or text alone")
    return np.atleast_1d(array)


def _objects(array: NDArray[Any]) -> Sequence[object]:
    return array.ravel().tolist() if array.dtype.kind == "O" else ()


def _named(given: Any, inputs: Sequence[TensorMetadata]) -> Tensors:
    return given if isinstance(given, Mapping) else {inputs[0].name: given}


def _check_shapes(given: Tensors, inputs: Sequence[TensorMetadata]) -> None:
    """Refuse arrays that do not fit the metadata.

    Raises:
        InvalidInput: one is missing, unknown, or of another shape.
    """
    expected = {tensor.name: tensor for tensor in inputs}
    for name in [*(set(expected) - set(given)), *(set(given) - set(expected))]:
        what = "is missing" if name in expected else f"is not an input; there are {', '.join(expected)}"
        raise InvalidInput(f"input.{name[:80]}: {what}")
    for name, tensor in expected.items():
        found = given[name].shape
        if not tensor.takes(found):
            raise InvalidInput(f"input {name}: expected the shape {list(tensor.shape)}, got {list(found)}")
