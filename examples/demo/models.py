"""The example's models and pictures, as the story needs them."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

import ask
import score
import train
from demo.machine import ROOT
from demo.narration import Narrator, StoryError
from pictures import to_grid

MODELS: Final = ROOT / "build" / "models" / "digits"
ENLARGED: Final = 4
CANDIDATES: Final = 200


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that no model has seen, as a PNG file, as rows of 0..255, and the digit that it shows."""

    png: bytes
    rows: ask.Rows
    digit: str


def train_models(narrator: Narrator) -> None:
    """Write versions 1, 2 and 3, as a data scientist would.

    Raises:
        StoryError: train.py failed.
    """
    command = [sys.executable, str(ROOT / "examples" / "digits" / "train.py"), str(MODELS)]
    with narrator.step("three models are trained"):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise StoryError(f"train.py failed:\n{result.stderr[-800:]}", "make check")
    narrator.say(result.stdout)


def unseen_drawings(count: int) -> list[Drawing]:
    """Return held-out digits as pictures: 32 x 32 pixels, light on dark."""
    pictures, digits = train.held_out()
    return [_drawing(cells.tolist(), str(digit)) for cells, digit in zip(pictures[:count], digits[:count], strict=True)]


def telling_drawings() -> tuple[Drawing, Drawing]:
    """Return two pictures of one digit, in the middle and in a corner, that tell the releases apart.

    Model 1 misses both, model 2 names the first, and model 2 with image 2 names both.

    Raises:
        StoryError: there is none among the unseen ones.
    """
    first, second = (score.Model.load(folder_of(version)) for version in ("1", "2"))
    for drawing in unseen_drawings(CANDIDATES):
        corner = off_centre(drawing)
        said = (
            _named(first, drawing, centred=False),
            _named(first, corner, centred=False),
            _named(second, drawing, centred=False),
            _named(second, corner, centred=False),
            _named(second, drawing, centred=True),
            _named(second, corner, centred=True),
        )
        if [name == drawing.digit for name in said] == [False, False, True, False, True, True]:
            return drawing, corner
    raise StoryError("no picture tells the models apart", "python examples/digits/train.py build/models/digits")


def off_centre(drawing: Drawing) -> Drawing:
    """Return the same drawing in the lower right corner of a larger paper, where image 1 does not find it."""
    side = len(drawing.rows)
    rows = [[0] * 2 * side for _ in range(side)] + [[0] * side + list(row) for row in drawing.rows]
    return Drawing(ask.encode_png(rows), rows, drawing.digit)


def _drawing(cells: list[list[float]], digit: str) -> Drawing:
    rows = [[round(cell / 16 * 255) for cell in row for _ in range(ENLARGED)] for row in cells for _ in range(ENLARGED)]
    return Drawing(ask.encode_png(rows), rows, digit)


def _named(model: score.Model, drawing: Drawing, *, centred: bool) -> str:
    grid = to_grid(drawing.png, centred=centred)
    return model.labels[int(model.percentages(grid[np.newaxis]).argmax())]


def thumbnail(drawing: Drawing) -> ask.Rows:
    """Return the picture small enough for a terminal."""
    return [row[::ENLARGED] for row in drawing.rows[::ENLARGED]]


def folder_of(version: str) -> Path:
    """Return where a version was written."""
    return MODELS / version
