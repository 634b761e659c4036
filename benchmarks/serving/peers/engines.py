"""What every hand-written server calls for an answer; needs numpy, and the library of the one engine that is asked."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Predict = Callable[[Array], Array]

ENGINE: Final = "BENCH_ENGINE"
MODELS: Final = "BENCH_MODELS"
FLOATS: Final = {"FP32": np.float32, "FP64": np.float64}


def load() -> Predict:
    """Return the engine that the environment names: `scikit-learn` and `onnx` know iris, `dot` one product."""
    return {"scikit-learn": _sklearn, "onnx": _onnx, "dot": _dot}[os.environ[ENGINE]](Path(os.environ[MODELS]))


def tensor(given: dict[str, Any]) -> Array:
    """Read the first input of a V2 JSON request, and check nothing."""
    first = given["inputs"][0]
    return np.array(first["data"], FLOATS[first["datatype"]]).reshape(first["shape"])


def answer(result: Array) -> dict[str, Any]:
    """Return the V2 JSON answer of one output."""
    datatype = "INT64" if result.dtype == np.int64 else "FP32"
    output = {"name": "output", "shape": list(result.shape), "datatype": datatype, "data": result.ravel().tolist()}
    return {"model_name": "model", "outputs": [output]}


def _sklearn(models: Path) -> Predict:
    import joblib  # noqa: PLC0415 - an engine loads its own library only

    model = joblib.load(models / "iris.joblib")
    predict: Predict = model.predict
    return predict


def _onnx(models: Path) -> Predict:
    import onnxruntime as ort  # noqa: PLC0415

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(models / "iris-onnx" / "model.onnx", options, providers=["CPUExecutionProvider"])
    name, wanted = session.get_inputs()[0].name, [session.get_outputs()[0].name]
    return lambda rows: session.run(wanted, {name: rows.astype(np.float32, copy=False)})[0]


def _dot(models: Path) -> Predict:
    weights: Array = np.load(models / "weights.npy")
    return lambda rows: rows @ weights
