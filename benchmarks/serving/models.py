"""The models that every arm serves, made once a run from data that scikit-learn ships and fixed random numbers."""

import json
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ROWS: Final = 64
WIDTH: Final = 1024
LAYERS: Final = 75
"""Of WIDTH x WIDTH numbers, 4 MiB each: a model of about 300 MB that answers within tens of milliseconds."""
OPSET: Final = 21
IRIS_ROW: Final = (6.1, 2.8, 4.7, 1.2)

SCORE: Final = '''\
"""Iris by scikit-learn, as it is."""

import os

import joblib


def init():
    global model
    model = joblib.load(os.path.join(os.environ["AIAPP_MODEL_DIR"], "iris.joblib"))


def run(input):
    return model.predict(input)
'''


def make(folder: Path) -> None:
    """Write iris as joblib and ONNX, the product of 64 x 1024 numbers as numpy and ONNX, and the large one."""
    _iris(folder)
    weights = np.random.default_rng(6).standard_normal((WIDTH, 1), np.float32)
    np.save(folder / "weights.npy", weights)
    _products(folder / "dot-onnx", [weights])
    layers = list(_layers())
    np.save(folder / "large.npy", reduce(np.matmul, layers, batch()[:1]))
    _products(folder / "large-onnx", layers)


def batch() -> NDArray[np.float32]:
    """Return the 64 rows that are asked about."""
    return np.random.default_rng(8).standard_normal((ROWS, WIDTH), np.float32)


def expected_dot(folder: Path) -> list[float]:
    product: list[float] = (batch() @ np.load(folder / "weights.npy")).ravel().tolist()
    return product


def expected_large(folder: Path) -> list[float]:
    """Return what the large model answers to the first row, as multiplied when it was made."""
    product: list[float] = np.load(folder / "large.npy").ravel().tolist()
    return product


def _layers() -> Iterator[NDArray[np.float32]]:
    """Return matrices that keep numbers of the size they were."""
    rng = np.random.default_rng(7)
    for _ in range(LAYERS):
        yield rng.standard_normal((WIDTH, WIDTH), np.float32) / np.float32(WIDTH**0.5)


def _iris(folder: Path) -> None:
    import joblib  # noqa: PLC0415 - of this benchmark's own environment, like the others below
    from skl2onnx import to_onnx  # noqa: PLC0415
    from sklearn.datasets import load_iris  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    rows, classes = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(rows, classes)
    served = folder / "iris-sklearn"
    served.mkdir()
    joblib.dump(model, served / "iris.joblib")
    (folder / "score.py").write_text(SCORE)
    (folder / "iris.joblib").symlink_to(served / "iris.joblib")
    packed = folder / "iris-onnx"
    packed.mkdir()
    converted = to_onnx(model, rows[:1].astype(np.float32), options={"zipmap": False}, target_opset=OPSET)
    (packed / "model.onnx").write_bytes(converted.SerializeToString())
    outputs = [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
    ]
    _metadata(packed, {"name": "X", "datatype": "FP32", "shape": [-1, 4]}, outputs)


def _products(folder: Path, layers: list[NDArray[np.float32]]) -> None:
    """Write a model that multiplies its input with each of the matrices in turn."""
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    folder.mkdir()
    names = ["rows", *(f"after_{number}" for number in range(len(layers) - 1)), "output"]
    nodes = [
        helper.make_node("MatMul", [names[number], f"weights_{number}"], [names[number + 1]])
        for number in range(len(layers))
    ]
    weights = [numpy_helper.from_array(array, f"weights_{number}") for number, array in enumerate(layers)]
    taken = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, WIDTH])
    given = helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, layers[-1].shape[1]])
    graph = helper.make_graph(nodes, "products", [taken], [given], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.save(model, folder / "model.onnx")
    outputs = [{"name": "output", "datatype": "FP32", "shape": [-1, layers[-1].shape[1]]}]
    _metadata(folder, {"name": "rows", "datatype": "FP32", "shape": [-1, WIDTH]}, outputs)


def _metadata(folder: Path, taken: dict[str, Any], outputs: list[dict[str, Any]]) -> None:
    document = {"name": "model", "platform": "onnx_onnxv1", "inputs": [taken], "outputs": outputs}
    (folder / "metadata.json").write_text(json.dumps(document))
