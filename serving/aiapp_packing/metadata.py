"""metadata.json of a packed model: what it takes and answers, as the Open Inference Protocol writes it. Pure."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from aiapp_packing.choices import Choices
from aiapp_packing.conversion import PROBABILITIES, is_classifier
from aiapp_packing.errors import PackingError
from aiapp_serving.engine import ModelMetadata, TensorMetadata

_MAKERS: Final = {"onnx": ("scikit-learn", "skl2onnx", "onnx"), "skops": ("scikit-learn", "skops")}


def metadata(estimator: Any, columns: int, own: ModelMetadata, choices: Choices) -> dict[str, Any]:
    """Describe a model: what the runtime finds in its file, and what its author calls it.

    Raises:
        PackingError: columns or labels are not as many as the model has, or labels stand for no whole numbers.
    """
    if choices.columns and len(choices.columns) != columns:
        problem = f"{len(choices.columns)} column names are given, the rows have {columns} columns"
        raise PackingError(problem, "give one name a column, in their order")
    (table,) = own.inputs
    taken: dict[str, Any] = {"name": table.name, "datatype": table.datatype, "shape": [-1, columns]}
    if names := choices.columns or table.columns:
        taken["parameters"] = {"columns": list(names)}
    classes = class_names(estimator, choices)
    first = own.outputs[0].name
    return {
        "name": choices.name,
        "platform": own.platform,
        "inputs": [taken],
        "outputs": [_output(one, classes, choices.labels if one.name == first else ()) for one in own.outputs],
        "parameters": {"frameworks": _frameworks(choices)},
    }


def class_names(estimator: Any, choices: Choices) -> tuple[str, ...]:
    """Return what people call a classifier's classes; empty for all other estimators.

    Raises:
        PackingError: the labels given do not fit its classes.
    """
    classes = np.asarray(estimator.classes_).tolist() if is_classifier(estimator) else []
    if not choices.labels:
        return tuple(str(one) for one in classes)
    if classes != list(range(len(choices.labels))):
        problem = f"{len(choices.labels)} labels are given, the classes are {', '.join(map(str, classes)) or 'none'}"
        raise PackingError(problem, "labels name the classes 0, 1, 2, ...: leave them out, or give one for each")
    return choices.labels


def _output(own: TensorMetadata, classes: tuple[str, ...], labels: tuple[str, ...]) -> dict[str, Any]:
    described: dict[str, Any] = {"name": own.name, "datatype": own.datatype, "shape": list(own.shape)}
    if labels:
        described["parameters"] = {"labels": list(labels)}
    if own.name == PROBABILITIES and own.shape[1:] == (len(classes),):
        described["parameters"] = {"columns": list(classes)}
    return described


def _frameworks(choices: Choices) -> Mapping[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _MAKERS[choices.format]}}
