"""scikit-learn's estimators as they are, whatever file they came from."""

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aiapp_serving.engine import ModelMetadata, TensorMetadata, Tensors
from aiapp_serving.formats import rows
from aiapp_serving.v2.datatypes import DATATYPES

PLATFORM: Final = "sklearn"
INPUT: Final = "input"
PREDICTION: Final = "prediction"
PROBABILITIES: Final = "probabilities"
_NAMELESS: Final = "X does not have valid feature names"
"""How scikit-learn begins to warn an estimator that knows the names of its columns and is given an array."""


class EstimatorEngine:
    """`predict` as the first output, and `predict_proba` as the second where there is one."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self.metadata = _metadata(estimator)
        if self.metadata.inputs[0].columns:
            # Rows come in the order of the names. Once for the process: catch_warnings is not safe among threads.
            warnings.filterwarnings("ignore", _NAMELESS, UserWarning)

    def score(self, value: Any) -> object:
        """See Engine."""
        return rows.score(self.metadata, self.infer, value)

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """See Engine."""
        table = inputs[self.metadata.inputs[0].name]
        return {name: self._output(name, table) for name in outputs or [one.name for one in self.metadata.outputs]}

    def _output(self, name: str, table: NDArray[Any]) -> NDArray[Any]:
        if name == PROBABILITIES:
            return np.asarray(self._estimator.predict_proba(table), dtype=np.float64)
        predicted = np.asarray(self._estimator.predict(table))
        datatype = self.metadata.outputs[0].datatype
        return predicted.astype(DATATYPES[datatype].dtype, copy=False)


def _metadata(estimator: Any) -> ModelMetadata:
    classes = getattr(estimator, "classes_", None)
    datatype = "FP64" if classes is None else _datatype(np.asarray(classes))
    outputs = [TensorMetadata(PREDICTION, datatype, (-1,))]
    if classes is not None and hasattr(estimator, "predict_proba"):
        outputs.append(TensorMetadata(PROBABILITIES, "FP64", (-1, len(classes))))
    columns = tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
    width = int(getattr(estimator, "n_features_in_", -1))
    return ModelMetadata(
        platform=PLATFORM, inputs=(TensorMetadata(INPUT, "FP64", (-1, width), columns),), outputs=tuple(outputs)
    )


def _datatype(classes: NDArray[Any]) -> str:
    return {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}.get(classes.dtype.kind, "BYTES")
