"""Trains the example's models on scikit-learn's digits and writes them as versions: `python train.py FOLDER`.

A version is a folder with model.npz, metadata.json, golden/digits.json and, written last, SHA256SUMS: a version without
it is not released. The cases in golden/ are asked before every release with this version. 1 saw few pictures, 2 is
better, 3 is damaged on purpose: one byte changed after its sums were written.
"""

import base64
import hashlib
import json
import shutil
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import ask
from pictures import to_grid

Floats = NDArray[np.float64]
Layers = list[tuple[Floats, Floats]]

SEED: Final = 20
HELD_OUT: Final = 500
"""Pictures that no version was trained on; their number of all 1,797."""
FEW: Final = 120
LABELS: Final = tuple("0123456789")
CANDIDATES: Final = 150
"""Held-out pictures that golden cases are chosen from."""
ENLARGED: Final = 4
"""Pixels that a cell of a golden case's picture is wide."""


def held_out() -> tuple[Floats, NDArray[np.int64]]:
    """Return the pictures kept for the test, shape (500, 8, 8) of 0..16, and their digits, shape (500,)."""
    pictures, digits = _shuffled()
    return pictures[-HELD_OUT:], digits[-HELD_OUT:]


def write_models(folder: Path) -> list[str]:
    """Train all versions into `folder`/1, /2, /3 and return a line about each, as they were written.

    On one thread: a matrix product summed by several threads differs in its last bits from run to run.
    """
    with threadpool_limits(1):
        return _write_versions(folder)


def trained(units: int, inputs: Floats, digits: NDArray[np.int64]) -> MLPClassifier:
    """Return a network of one hidden layer; inputs: pictures as rows of 64 numbers from 0 to 1."""
    return MLPClassifier((units,), max_iter=400, random_state=SEED).fit(inputs, digits)


def training_pictures() -> tuple[Floats, NDArray[np.int64]]:
    """Return the pictures to learn from, shape (1297, 8, 8) of 0..16, and their digits."""
    pictures, digits = _shuffled()
    return pictures[:-HELD_OUT], digits[:-HELD_OUT]


def _write_versions(folder: Path) -> list[str]:
    pictures, truth = training_pictures()
    train = pictures.reshape(len(pictures), -1) / 16
    started = time.perf_counter()
    few = LogisticRegression(C=0.1, max_iter=2000).fit(train[:FEW], truth[:FEW])
    told = [_write(folder / "1", [(few.coef_.T, few.intercept_)], f"logistic regression, {FEW} pictures", started)]
    for version, units in (("2", 64), ("3", 96)):
        started = time.perf_counter()
        network = trained(units, train, truth)
        layers = list(zip(network.coefs_, network.intercepts_, strict=True))
        told.append(_write(folder / version, layers, f"network of {units} units, {len(train)} pictures", started))
    _damage(folder / "3" / "model.npz")
    told.append("model 3 is damaged now: one byte of it changed after its sums were written")
    return told


def _shuffled() -> tuple[Floats, NDArray[np.int64]]:
    data: Any = load_digits()
    order = np.random.default_rng(SEED).permutation(len(data.target))
    return data.images[order], data.target[order]


def _write(folder: Path, layers: Layers, trained_on: str, started: float) -> str:
    accuracy = _accuracy(layers)
    _emptied(folder)
    arrays = {f"{name}{i}": part for i, layer in enumerate(layers) for name, part in zip("Wb", layer, strict=True)}
    np.savez(folder / "model.npz", allow_pickle=False, **arrays)
    about = {"accuracy": accuracy, "held_out": HELD_OUT, "labels": LABELS, "trained_on": trained_on}
    (folder / "metadata.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    _write_golden_cases(folder / "golden", layers)
    _write_sums(folder)
    seconds = time.perf_counter() - started
    return f"model {folder.name}: {trained_on}, {accuracy:.1%} right on {HELD_OUT} others ({seconds:.1f} s)"


def _damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _accuracy(layers: Layers) -> float:
    pictures, digits = held_out()
    return float((_outputs(layers, pictures).argmax(axis=1) == digits).mean())


def _outputs(layers: Layers, pictures: Floats) -> Floats:
    values = pictures.reshape(len(pictures), -1) / 16
    for weights, biases in layers[:-1]:
        values = np.maximum(values @ weights + biases, 0)
    weights, biases = layers[-1]
    return np.asarray(values @ weights + biases)


def _write_golden_cases(folder: Path, layers: Layers) -> None:
    """Write a case for every digit that this model knows.

    Its picture is the unseen one that the model is surest of, whichever image reads it.
    """
    digits = held_out()[1][:CANDIDATES]
    is_right = np.eye(len(LABELS), dtype=bool)[digits]
    outputs = [_outputs(layers, grids) for grids in _grids()]
    margins = np.min([out[is_right] - np.where(is_right, -np.inf, out).max(axis=1) for out in outputs], axis=0)
    surest = [int(np.where(digits == digit, margins, -np.inf).argmax()) for digit in range(len(LABELS))]
    cases = [_golden_case(_pngs()[index], LABELS[digits[index]]) for index in surest if margins[index] > 0]
    folder.mkdir()
    (folder / "digits.json").write_text(json.dumps({"cases": cases}, indent=1) + "\n", encoding="utf-8")


def _golden_case(png: bytes, label: str) -> dict[str, Any]:
    """Return a picture as clients send it, and the label that must come first."""
    return {
        "name": f"digit-{label}",
        "request": {"path": "/score", "body": {"input": json.dumps([base64.b64encode(png).decode()])}},
        "expect": {"jsonPath": "$.result[0][0][0][0]", "equals": label},
    }


@cache
def _grids() -> tuple[Floats, Floats]:
    """Return the candidates as image 1 and as image 2 see them."""
    seen = [np.stack([to_grid(png, centred=centred) for png in _pngs()]) for centred in (False, True)]
    return seen[0], seen[1]


@cache
def _pngs() -> tuple[bytes, ...]:
    shades = (held_out()[0][:CANDIDATES] / 16 * 255).round().astype(np.uint8)
    cell = np.ones((ENLARGED, ENLARGED), dtype=np.uint8)
    return tuple(ask.encode_png(np.kron(picture, cell).tolist()) for picture in shades)


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _write_sums(folder: Path) -> None:
    """Write what `sha256sum` prints of all files; last, because its presence says that the version is complete."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    sums = [(hashlib.sha256(file.read_bytes()).hexdigest(), file.relative_to(folder).as_posix()) for file in files]
    text = "".join(f"{sha256}  {path}\n" for sha256, path in sums)
    (folder / "SHA256SUMS").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python train.py FOLDER   (writes FOLDER/1, FOLDER/2, FOLDER/3)")
    for line in write_models(Path(sys.argv[1])):
        print(line)
