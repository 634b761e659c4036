"""Any size and colour mode becomes the same grid; what is no picture is refused before it costs memory."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

import train
from pictures import MAX_PIXELS, PictureError, to_grid
from stand_ins.drawings import grey, png

CELLS = next(cells for cells in train.held_out()[0] if not cells[:, [0, 7]].any())


def cut_out(image: Image.Image, ink: str) -> Image.Image:
    picture = Image.new("RGBA", image.size, ink)
    picture.putalpha(image)
    return picture


def sixteen_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)


def framed_in_transparency(image: Image.Image) -> Image.Image:
    picture = ImageOps.invert(image).convert("RGBA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 2, image.height))
    picture.putalpha(alpha)
    return picture


MODES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "grey": lambda image: image,
    "dark on light": ImageOps.invert,
    "colours": lambda image: ImageOps.colorize(image, "yellow", "navy"),
    "opaque RGBA": lambda image: image.convert("RGBA"),
    "grey and alpha": lambda image: ImageOps.invert(image).convert("LA"),
    "black cut out of nothing": lambda image: cut_out(image, "black"),
    "white cut out of nothing": lambda image: cut_out(image, "white"),
    "dark on a light card with a transparent edge": framed_in_transparency,
    "palette": lambda image: image.convert("RGB").quantize(64),
    "16 bit": sixteen_bit,
}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
@pytest.mark.parametrize("centred", [False, True], ids=["as it is", "centred"])
def test_every_colour_mode_gives_the_same_grid(mode: Callable[[Image.Image], Image.Image], centred: bool) -> None:
    expected = to_grid(png(grey(CELLS)), centred=centred)
    assert to_grid(png(mode(grey(CELLS))), centred=centred) == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("scale", [1, 2, 5, 28, 100])
def test_an_enlarged_digit_gives_back_the_cells_it_was_made_of(scale: int) -> None:
    assert to_grid(png(grey(CELLS, scale)), centred=False) == pytest.approx(CELLS / CELLS.max() * 16, abs=0.05)


def test_black_and_white_keeps_the_shape() -> None:
    one_bit = grey(CELLS).point(lambda shade: 255 * (shade > 127)).convert("1")
    grid = to_grid(png(one_bit), centred=False)
    assert ((grid > 8) == (CELLS / CELLS.max() >= 0.5)).all()


@pytest.mark.parametrize("corner", [(0, 0), (160, 0), (0, 150), (101, 47)])
@pytest.mark.parametrize("scale", [4, 9])
def test_a_centred_digit_is_the_same_wherever_it_lies(corner: tuple[int, int], scale: int) -> None:
    paper = Image.new("L", (320, 260), 0)
    paper.paste(grey(CELLS, scale), corner)
    assert to_grid(png(paper), centred=True) == pytest.approx(to_grid(png(grey(CELLS, 32)), centred=True), abs=2.5)
    assert np.abs(to_grid(png(paper), centred=False) - CELLS).max() > 8


def test_a_thin_stroke_gets_its_full_strength_only_when_centred() -> None:
    paper = Image.new("L", (200, 200), 255)
    paper.paste(0, (99, 20, 101, 180))
    assert to_grid(png(paper), centred=False).max() < 8
    assert to_grid(png(paper), centred=True).max() == 16


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claiming(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


WHOLE = png(grey(CELLS))
BROKEN = {
    "nothing": (b"", "no PNG"),
    "another format": (b"GIF89a" + b"\0" * 60, "no PNG"),
    "a head only": (WHOLE[:20], "no PNG"),
    "cut off": (WHOLE[: len(WHOLE) // 2], "damaged"),
    "no end of the head": (WHOLE[:30], "damaged"),
    "a flipped byte": (WHOLE[:45] + bytes([WHOLE[45] ^ 255]) + WHOLE[46:], "damaged"),
    "too few rows": (claiming(500, 500), "damaged"),
    "gigabytes": (claiming(60_000, 60_000), "60000 x 60000 pixels"),
    "a side of four thousand million": (claiming(2**32 - 1, 1), "4294967295 x 1 pixels"),
    "no pixels": (claiming(0, 10), "0 x 10 pixels"),
    "blank": (png(Image.new("L", (20, 20), 255)), "one colour"),
    "one pixel": (png(Image.new("L", (1, 1), 9)), "one colour"),
    "all transparent": (png(Image.new("RGBA", (20, 20), (9, 9, 9, 0))), "one colour"),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_picture_is_refused_in_words(content: bytes, said: str) -> None:
    with pytest.raises(PictureError, match=said):
        to_grid(content, centred=True)


@pytest.mark.parametrize("size", [(MAX_PIXELS, 1), (1, MAX_PIXELS), (2000, 2000)])
def test_the_largest_pictures_cost_tens_of_megabytes_and_not_more(size: tuple[int, int]) -> None:
    image = Image.new("L", size, 0)
    image.paste(255, (0, 0, max(1, size[0] // 2), max(1, size[1] // 2)))
    content = png(image)
    tracemalloc.start()
    grid: NDArray[np.float64] = to_grid(content, centred=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grid.shape == (8, 8)
    assert peak < 50_000_000
