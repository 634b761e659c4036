"""Pictures as users would draw them, made of scikit-learn's digits."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def grey(cells: NDArray[np.float64], scale: int = 10) -> Image.Image:
    """Return an 8x8 digit of 0..16 light on dark, each of its cells `scale` pixels wide, its brightest one white."""
    shades = (cells / cells.max() * 255).round().astype(np.uint8)
    return Image.fromarray(np.kron(shades, np.ones((scale, scale), dtype=np.uint8)))


def png(image: Image.Image) -> bytes:
    """Return the picture as a PNG file."""
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
