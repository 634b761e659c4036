"""The proof that a packed model answers as its estimator does, on rows that its author chose."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiapp_packing.conversion import PROBABILITIES, has_probabilities, is_classifier
from aiapp_packing.errors import PackingError
from aiapp_packing.rows import Rows
from aiapp_serving.engine import Tensors

Outputs = dict[str, NDArray[Any]]

NAMED: Final = 5
"""Rows that an error names."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared, and by how much the two differed at most."""

    rows: int
    largest: float

    def __str__(self) -> str:
        return f"{self.rows} rows, equal labels and numbers, which differ by {self.largest:.1e} at most"


def as_sent(rows: Rows, datatype: str) -> NDArray[Any]:
    """Return the rows as a client's numbers reach a model with an input of this datatype.

    Raises:
        PackingError: a value is too large for them.
    """
    with np.errstate(over="ignore"):
        sent = rows.astype(np.float32 if datatype == "FP32" else np.float64)
    if lost := np.flatnonzero((np.isinf(sent) & ~np.isinf(rows)).any(axis=1)).tolist():
        raise PackingError(f"row {lost[0]} holds a number too large for FP32", "pack with --datatype FP64")
    return sent


class Answers(NamedTuple):
    """What an estimator itself answers. probabilities: of a classifier that knows them."""

    predictions: NDArray[Any]
    probabilities: NDArray[Any] | None

    @property
    def width(self) -> int:
        """Return how many numbers or labels a row gets."""
        return self.predictions.shape[1] if self.predictions.ndim > 1 else 1

    def named(self, first: str) -> Outputs:
        """Return them by the names of a packed model's outputs, of which `first` is one."""
        answers = {first: self.predictions}
        return answers if self.probabilities is None else {**answers, PROBABILITIES: self.probabilities}


def by_estimator(estimator: Any, rows: Rows) -> Answers:
    """Ask the estimator.

    Raises:
        PackingError: it does not answer these rows, or gives several labels to each.
    """
    name = type(estimator).__name__
    fix = "give a fitted estimator that answers one label or row of numbers a row, and rows as its predict() takes"
    try:
        answers = Answers(np.asarray(estimator.predict(rows)), None)
        several = is_classifier(estimator) and answers.width > 1
        if has_probabilities(estimator) and not several:
            answers = answers._replace(probabilities=np.asarray(estimator.predict_proba(rows)))
    except Exception as error:  # of anybody's classes
        words = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        raise PackingError(f"{name} does not answer the rows: {words}", fix) from error
    if several:
        fix = "pack an estimator for each, or serve them together by a score.py of your own (docs/models.md)"
        raise PackingError(f"{name} gives {answers.width} labels to each row", fix)
    if len(answers.predictions) != len(rows):
        raise PackingError(f"{name} gives {len(answers.predictions)} answers to {len(rows)} rows", fix)
    return answers


def prove(expected: Outputs, got: Tensors, label: str, tolerance: float) -> Proof:
    """Compare what the two answer. label: the output that must be equal; empty: all are numbers.

    Raises:
        PackingError: labels differ, or numbers by more than the tolerance; the rows are named.
    """
    largest, rows = 0.0, 0
    for name, values in expected.items():
        rows = len(values)
        if name not in got:
            fix = "pack it with --format skops"
            raise PackingError(f"the converted model has no output {name!a}, only {', '.join(got)}", fix)
        if got[name].size != values.size or len(got[name]) != rows:
            fix = "pack it with --format skops"
            shapes = f"{list(got[name].shape)}, the estimator {list(values.shape)}"
            raise PackingError(f"the converted model answers {name} of shape {shapes}", fix)
        if name == label:
            _same_labels(values, got[name])
        else:
            largest = max(largest, _close(name, values, got[name].reshape(values.shape), tolerance))
    return Proof(rows, largest)


def _same_labels(expected: NDArray[Any], got: NDArray[Any]) -> None:
    pairs = list(zip(expected.tolist(), got.reshape(-1).tolist(), strict=True))
    wrong = [f"row {row}: {ours!r}, packed {theirs!r}" for row, (ours, theirs) in enumerate(pairs) if ours != theirs]
    if wrong:
        fix = "try --datatype FP64 (numbers of 32 bits fall on the other side of a threshold), else --format skops"
        raise PackingError(f"{len(wrong)} of {len(pairs)} rows get another label: {'; '.join(wrong[:NAMED])}", fix)


def _close(name: str, expected: NDArray[Any], got: NDArray[Any], tolerance: float) -> float:
    """Return the largest distance, which for numbers beyond 1 is a share of them."""
    distances = np.abs(got.astype(np.float64) - expected) / np.maximum(1.0, np.abs(expected))
    per_row = np.nan_to_num(distances, nan=np.inf).reshape(len(expected), -1).max(axis=1)
    both_missing = (np.isnan(got) & np.isnan(expected)).reshape(len(expected), -1).all(axis=1)
    per_row = np.where(both_missing, 0.0, per_row)
    far = np.flatnonzero(per_row > tolerance)
    if len(far):
        worst = ", ".join(f"row {row} by {per_row[row]:.1e}" for row in far[:NAMED])
        fix = "try --datatype FP64, which computes with 64 bits, or allow more with --tolerance"
        raise PackingError(f"{len(far)} of {len(per_row)} rows differ in {name} by more than {tolerance}: {worst}", fix)
    return float(per_row.max())
