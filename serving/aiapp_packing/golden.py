"""Golden cases of a packed model: rows whose answers it must give again, asked by /score and by V2. Pure."""

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aiapp_packing.choices import Choices
from aiapp_packing.conversion import PROBABILITIES
from aiapp_serving.engine import ModelMetadata, Tensors

MOST: Final = 10
"""Rows that become cases."""


def golden_cases(
    rows: NDArray[Any], outputs: Tensors, model: ModelMetadata, label: str, choices: Choices
) -> dict[str, Any]:
    """Return the content of golden/packed.json: two cases a row, of the rows that the model is surest of.

    label: see prove.
    """
    first, taken = model.outputs[0].name, model.inputs[0]
    cases: list[dict[str, Any]] = []
    values = outputs[first].tolist()
    expected = _label if label else partial(_number, choices.tolerance)
    for row in _chosen(outputs, first, label):
        value = values[row]
        named = choices.labels[value] if choices.labels else _one(value)
        given = rows[row].tolist()
        body = {"input": given}
        cases.append(_case(f"row-{row}-score", "/score", body, "$.result", expected(named)))
        asked = {"name": taken.name, "datatype": taken.datatype, "shape": [1, len(given)], "data": given}
        v2 = {"inputs": [asked], "outputs": [{"name": first}]}
        path = f"/v2/models/{model.name}/infer"
        cases.append(_case(f"row-{row}-v2", path, v2, "$.outputs[0].data", expected(_flat(value))))
    return {"cases": cases}


def _chosen(outputs: Tensors, first: str, label: str) -> list[int]:
    """Return rows: of a classifier the surest of every class, else the first ones."""
    values = outputs[first]
    if not label:
        return list(range(min(MOST, len(values))))
    probabilities = outputs.get(PROBABILITIES)
    surest = np.zeros(len(values)) if probabilities is None else probabilities.reshape(len(values), -1).max(axis=1)
    found = [int(np.where(values == label, surest, -np.inf).argmax()) for label in dict.fromkeys(values.tolist())]
    return sorted(found)[:MOST]


def _one(value: Any) -> Any:
    """Return what /score answers for a row: the number itself where the output has one column."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _label(value: Any) -> dict[str, Any]:
    return {"equals": value}


def _number(tolerance: float, value: Any) -> dict[str, Any]:
    largest = max(1.0, *(abs(number) for number in _flat(value)))
    return {"equals": value, "tolerance": tolerance * largest}


def _flat(value: Any) -> list[Any]:
    return list(np.ravel(value).tolist()) if isinstance(value, list) else [value]


def _case(name: str, path: str, body: dict[str, Any], json_path: str, expected: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "request": {"path": path, "body": body},
        "expect": {"jsonPath": json_path, **expected},
    }
