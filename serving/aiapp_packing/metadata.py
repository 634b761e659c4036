"""metadata.json of a packed model: what it takes and answers, as the Open Inference Protocol writes it. Pure."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from aiapp_packing.choices import Choices
from aiapp_packing.conversion import INPUT, LABEL, PROBABILITIES, is_classifier
from aiapp_packing.errors import PackingError
from aiapp_packing.proof import Outputs

PLATFORMS: Final = {"onnx": "onnx_onnxv1", "skops": "sklearn_skops"}
_MAKERS: Final = {"onnx": ("scikit-learn", "skl2onnx", "onnx"), "skops": ("scikit-learn", "skops")}
_DATATYPES: Final = {"float32": "FP32", "float64": "FP64", "int64": "INT64", "int32": "INT32", "bool": "BOOL"}


def metadata(estimator: Any, columns: int, outputs: Outputs, choices: Choices) -> dict[str, Any]:
    """Describe a model by the outputs that it gave.

    Raises:
        PackingError: columns or labels are not as many as the model has, or labels stand for no whole numbers.
    """
    if choices.columns and len(choices.columns) != columns:
        problem = f"{len(choices.columns)} column names are given, the rows have {columns} columns"
        raise PackingError(problem, "give one name a column, in their order")
    taken: dict[str, Any] = {"name": INPUT, "datatype": choices.datatype, "shape": [-1, columns]}
    if choices.columns:
        taken["parameters"] = {"columns": list(choices.columns)}
    names = class_names(estimator, choices)
    return {
        "name": choices.name,
        "platform": PLATFORMS[choices.format],
        "inputs": [taken],
        "outputs": [_output(name, values, names, choices) for name, values in outputs.items()],
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


def _output(name: str, values: Any, names: tuple[str, ...], choices: Choices) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": name,
        "datatype": _DATATYPES.get(values.dtype.name, "BYTES"),
        "shape": [-1, *values.shape[1:]],
    }
    if name == LABEL and choices.labels:
        described["parameters"] = {"labels": list(choices.labels)}
    if name == PROBABILITIES and values.ndim == 2 and values.shape[1] == len(names):
        described["parameters"] = {"columns": list(names)}
    return described


def _frameworks(choices: Choices) -> Mapping[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _MAKERS[choices.format]}}
