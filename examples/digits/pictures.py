"""From any PNG to the 8x8 grid that the models were trained on.

Knows pictures only: neither models nor HTTP. A picture may be of any size and colour mode, light on dark, dark on
light, or a shape cut out of transparency.
"""

import struct
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]

SIDE: Final = 8
"""Rows and columns of the grid; scikit-learn's digits have 8 x 8 cells of 0 (paper) to 16 (ink)."""
FULL: Final = 16.0
MAX_PIXELS: Final = 4_000_000
"""A 2000 x 2000 drawing decodes to 16 MB of RGBA; more would not fit a small pod several times over."""
MIN_CONTRAST: Final = 0.1
INK: Final = 0.25
"""Share of the darkest ink from which a pixel counts as drawn; below it is the blur around a stroke."""
CANVAS: Final = 256
"""Longest side, in pixels, of what is worked on: so much smaller than MAX_PIXELS that arithmetic costs no memory."""
_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


class PictureError(ValueError):
    """These bytes are no picture of a digit; the message says why, and names no file."""


def to_grid(png: bytes, *, centred: bool) -> Floats:
    """Return the 8x8 grid of a PNG, 0 (paper) to 16 (ink).

    centred: cut the drawing out, put it into the middle and give thin strokes their full strength; without it the
        whole picture is squeezed as it is.

    Raises:
        PictureError: no PNG, damaged, more than MAX_PIXELS, or of one colour.
    """
    ink = _ink(_decode(png))
    if not centred:
        return np.asarray(_squeeze(ink) * FULL)
    grid = _squeeze(_cut_out(ink))
    return np.asarray(grid / grid.max() * FULL)


def _decode(png: bytes) -> Image.Image:
    """Decode after a look at the size in the header, so that a few bytes cannot ask for gigabytes."""
    if not png.startswith(_PNG_HEAD) or len(png) < len(_PNG_HEAD) + 8:
        raise PictureError("this is no PNG file")
    width, height = struct.unpack(">II", png[len(_PNG_HEAD) : len(_PNG_HEAD) + 8])
    if not 0 < width * height <= MAX_PIXELS:
        raise PictureError(f"{width} x {height} pixels; at most {MAX_PIXELS:,} are taken")
    try:
        image = Image.open(BytesIO(png), formats=["PNG"])
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise PictureError("the PNG file is damaged") from error
    return image


def _ink(image: Image.Image) -> Floats:
    """Return how far each pixel is from the paper, 0 to 1, whatever colour the paper has."""
    grey, alpha = _planes(image)
    if alpha is not None and alpha.min() < 1:
        grey = _on_paper(grey, alpha)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    if ink.max() < MIN_CONTRAST:
        raise PictureError("the picture has one colour, there is nothing drawn in it")
    return np.asarray(ink / ink.max())


def _planes(image: Image.Image) -> tuple[Floats, Floats | None]:
    """Return grey and, where the picture has one, alpha, both 0 to 1 and no longer than CANVAS."""
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip at 255
        deep = Image.fromarray(np.asarray(image, dtype=np.float32) / 65535)
        return np.asarray(_shrunk(deep), dtype=np.float64), None
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = np.asarray(_shrunk(image.getchannel("A")), dtype=np.float64) / 255
        return np.asarray(_shrunk(image.convert("RGB").convert("L")), dtype=np.float64) / 255, alpha
    return np.asarray(_shrunk(image.convert("L")), dtype=np.float64) / 255, None


def _shrunk(image: Image.Image) -> Image.Image:
    return image if max(image.size) <= CANVAS else _scaled(image)


def _scaled(image: Image.Image) -> Image.Image:
    """Make the longest side CANVAS pixels long; averages, and repeats pixels where a picture grows."""
    longest = max(image.size)
    width, height = (max(1, round(length * CANVAS / longest)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _on_paper(grey: Floats, alpha: Floats) -> Floats:
    """Lay a transparent picture on paper: a shape of one colour is ink on nothing, else its commonest grey goes on."""
    opaque = grey[alpha > 0.5]
    if opaque.size == 0 or np.ptp(opaque) < MIN_CONTRAST:
        return alpha
    counts, edges = np.histogram(opaque, bins=16, range=(0, 1))
    commonest = counts.argmax()
    paper = np.median(opaque[(opaque >= edges[commonest]) & (opaque <= edges[commonest + 1])])
    return np.asarray(grey * alpha + paper * (1 - alpha))


def _cut_out(ink: Floats) -> Floats:
    """Return the drawing alone on a square of paper that it fills in height (or width), its weight in the middle.

    That is how the training data lies: every picture reaches its first and last row, and its centre of mass is near
    the middle column. Small drawings grow first, or whole pixels would be the smallest step to the side.
    """
    rows, columns = np.nonzero(ink >= INK)
    cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    drawing = np.asarray(_scaled(Image.fromarray(cut.astype(np.float32))), dtype=np.float64)
    height, width = drawing.shape
    weight = drawing.sum(axis=0)
    middle = float((weight * (np.arange(width) + 0.5)).sum() / weight.sum())
    top, left = (CANVAS - height) // 2, round(min(max(CANVAS / 2 - middle, 0), CANVAS - width))
    square = np.zeros((CANVAS, CANVAS))
    square[top : top + height, left : left + width] = drawing
    return square


def _squeeze(ink: Floats) -> Floats:
    """Average over 8x8 cells (box filter), which is how the training data was made from larger scans."""
    picture = Image.fromarray(ink.astype(np.float32))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64).clip(0, 1)
