"""An estimator of scikit-learn as the bytes of a model file."""

import re
import warnings
from collections.abc import Collection, Iterator
from typing import Any, Final

from aiapp_packing.choices import Choices
from aiapp_packing.errors import PackingError

INPUT: Final = "input"
LABEL: Final = "label"
PROBABILITIES: Final = "probabilities"
PREDICTION: Final = "prediction"
_OPSETS: Final = {"": 21, "ai.onnx.ml": 3}
"""Versions of ONNX's operators, as far as the converters go: IsolationForest's knows no later one of `ai.onnx.ml`."""
_OWN_NAMES: Final = {
    "output_label": LABEL,
    "output_probability": PROBABILITIES,
    "label": LABEL,
    "probabilities": PROBABILITIES,
    "scores": PROBABILITIES,
    "variable": PREDICTION,
}


def is_classifier(estimator: Any) -> bool:
    """Tell a classifier, whose answers are labels, from what answers with numbers."""
    return getattr(estimator, "classes_", None) is not None


def has_probabilities(estimator: Any) -> bool:
    """Tell whether a classifier knows how sure it is, which an SVC does only when told to."""
    return is_classifier(estimator) and hasattr(estimator, "predict_proba")


def to_onnx(estimator: Any, columns: int, width: int, choices: Choices) -> bytes:
    """Convert by skl2onnx: probabilities as one array, and outputs by names of our own.

    columns: of a row. width: numbers that the estimator predicts for a row.

    Raises:
        PackingError: a step has no converter; it is named.
    """
    import skl2onnx  # noqa: PLC0415 - takes seconds, and is on laptops alone
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType  # noqa: PLC0415

    kind = FloatTensorType if choices.datatype == "FP32" else DoubleTensorType
    options = {id(estimator): {"zipmap": False}} if is_classifier(estimator) else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of attributes of scikit-learn that skl2onnx still reads
            table = [(INPUT, kind([None, columns]))]
            model = skl2onnx.convert_sklearn(
                estimator, choices.name, table, options=options, target_opset=_OPSETS, naming=""
            )
    except (RuntimeError, NotImplementedError, NameError, TypeError, ValueError) as error:
        fix = "pack it with --format skops, or replace the step by one of scikit-learn's own that has a converter"
        first = str(error).strip().partition("\n")[0]
        raise PackingError(f"{_culprit(estimator, first)} cannot be converted to ONNX: {first}", fix) from error
    kept = (LABEL, PROBABILITIES) if has_probabilities(estimator) else (LABEL, PREDICTION)
    renamed = _renamed(model, kept)
    _widen(renamed, width)
    content: bytes = renamed.SerializeToString()
    return content


def to_skops(estimator: Any) -> bytes:
    """Write by skops, which needs no converter: the app's image then needs scikit-learn.

    Raises:
        PackingError: something in it cannot be written.
    """
    import skops.io  # noqa: PLC0415 - on laptops alone

    try:
        content: bytes = skops.io.dumps(estimator)
    except Exception as error:  # of anybody's classes
        fix = "serve it with a score.py of your own instead (docs/models.md)"
        raise PackingError(f"skops cannot write {type(estimator).__name__}: {error}", fix) from error
    return content


def _renamed(model: Any, kept: Collection[str]) -> Any:
    """Give the outputs our names, whatever converter made them, and leave out what the estimator has no word for."""
    renamed = {output.name: _OWN_NAMES.get(output.name, output.name) for output in model.graph.output}
    for output in list(model.graph.output):
        output.name = renamed[output.name]
        if output.name not in kept:
            model.graph.output.remove(output)
    for node in model.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = renamed.get(name, name)
    return model


def _widen(model: Any, width: int) -> None:
    """Declare a prediction as wide as it is: of trees with several outputs, skl2onnx says that there is one."""
    for output in model.graph.output:
        lengths = output.type.tensor_type.shape.dim
        if output.name == PREDICTION and len(lengths) > 1:
            lengths[1].dim_value = width


def _culprit(estimator: Any, message: str) -> str:
    """Name the step that a converter's message speaks of."""
    found = re.search(r"<class '(?:[\w<>]+\.)*(\w+)'>", message) or re.match(r"(\w+)", message)
    kind = found[1] if found else ""
    for name, step in _steps(estimator):
        if type(step).__name__ == kind:
            return f"the step {name!a} ({kind})"
    return f"this {type(estimator).__name__}"


def _steps(estimator: Any) -> Iterator[tuple[str, Any]]:
    for attribute in ("steps", "transformer_list", "transformers", "estimators"):
        for entry in getattr(estimator, attribute, None) or ():
            if isinstance(entry, tuple):
                yield entry[0], entry[1]
                yield from _steps(entry[1])
