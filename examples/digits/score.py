"""The digits app: `init()` loads the model, `run(input)` names the digits in a list of PNG pictures.

Speaks the wire format of the clients that are out there. The input is a JSON list inside a string,
`"[\\"<base64 PNG>\\", ...]"`; an item may come as the text that Python prints for bytes, `b'...'`. The result is
`[[[[label, percent] x 3], ... per picture], "Computed in N ms ..."]`, best label first.
"""

import base64
import binascii
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from aiapp_serving import InvalidInput
from pictures import Floats, PictureError, to_grid

MAX_PICTURES: Final = 256
MAX_BYTES: Final = 2_000_000
"""Of one PNG; a drawing has a few kilobytes, a photo of one some hundred."""
BEST: Final = 3


@dataclass(frozen=True, slots=True)
class Model:
    """A stack of dense layers, (weights, biases) each; rectified between them, softmax at the end."""

    labels: tuple[str, ...]
    layers: tuple[tuple[Floats, Floats], ...]

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Read model.npz (no pickle) and the labels of metadata.json.

        Raises:
            OSError, ValueError, KeyError: a file is missing or is not what train.py writes.
        """
        labels = tuple(map(str, json.loads((folder / "metadata.json").read_text(encoding="utf-8"))["labels"]))
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            count = len(arrays.files) // 2
            layers = tuple((arrays[f"W{i}"], arrays[f"b{i}"]) for i in range(count))
        if not layers or layers[-1][1].shape != (len(labels),):
            raise ValueError(f"{folder}: the last layer does not answer with the {len(labels)} labels of metadata.json")
        return cls(labels, layers)

    def percentages(self, grids: Floats) -> Floats:
        """Return the percent of every label, shape (pictures, labels), for grids of shape (pictures, 8, 8)."""
        values = grids.reshape(len(grids), -1) / 16
        for weights, biases in self.layers[:-1]:
            values = np.maximum(values @ weights + biases, 0)
        weights, biases = self.layers[-1]
        values = values @ weights + biases
        exponents = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(100 * exponents / exponents.sum(axis=1, keepdims=True))


class App:
    """What `init` prepared; one per process."""

    model: Model
    release: int = 1


def init() -> None:
    """Load the model; the runtime calls this once, before the first request."""
    App.release = int(os.environ.get("DIGITS_RELEASE", "1"))
    App.model = Model.load(Path(os.environ["AIAPP_MODEL_DIR"]))


def run(input: Any) -> list[Any]:  # noqa: A002 - the scoring convention names it so
    """Return the three best labels of every picture and how long it took.

    Raises:
        InvalidInput: which item cannot be scored, and why.
    """
    started = time.perf_counter()
    items = _items(input)
    centred = App.release >= 2  # what image 2 does better: it finds the drawing wherever it is in the picture
    grids = np.stack([_grid(index, item, centred) for index, item in enumerate(items)])
    answers = [_best(row) for row in App.model.percentages(grids)]
    milliseconds = (time.perf_counter() - started) * 1000
    return [answers, f"Computed in {milliseconds:.1f} ms by digits image {App.release}"]


def _items(received: Any) -> list[Any]:
    if isinstance(received, str):
        try:
            received = json.loads(received)
        except (ValueError, RecursionError) as error:
            raise InvalidInput('input: expected a JSON list in a string, "[\\"<base64 PNG>\\", ...]"') from error
    if not isinstance(received, list) or not received:
        raise InvalidInput("input: expected a list of at least one base64 PNG")
    if len(received) > MAX_PICTURES:
        raise InvalidInput(f"input: {len(received)} pictures; send at most {MAX_PICTURES} in a request")
    return received


def _grid(index: int, item: Any, centred: bool) -> Floats:
    try:
        return to_grid(_png(item), centred=centred)
    except ValueError as error:
        raise InvalidInput(f"input: item {index}: {error}") from error


def _png(item: Any) -> bytes:
    if not isinstance(item, str):
        raise PictureError(f"expected a string of base64, got {type(item).__name__}")
    text = item.strip()
    if text[:2] in {"b'", 'b"'} and text[-1:] == text[1]:
        text = text[2:-1]
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise PictureError(f"larger than {MAX_BYTES:,} bytes")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError("this is not base64") from error


def _best(percentages: Floats) -> list[list[Any]]:
    order = np.argsort(-percentages, kind="stable")[:BEST]
    return [[App.model.labels[i], round(float(percentages[i]), 2)] for i in order]
