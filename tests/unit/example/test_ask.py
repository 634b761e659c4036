"""The client that needs nothing but Python."""

import numpy as np
import pytest

import ask
from pictures import to_grid


def test_a_drawing_becomes_a_picture_that_the_app_reads() -> None:
    grid = to_grid(ask.encode_png(ask.from_text(ask.SEVEN)), centred=True)
    assert grid[0].mean() > grid[-1].mean()
    assert np.count_nonzero(grid[0]) >= 5


def test_it_draws_with_two_characters_a_pixel_the_brighter_the_fuller() -> None:
    assert ask.draw([[0, 128, 255]]) == ["  ▒▒██"]


def test_an_endpoint_that_is_not_there_is_said_so_in_words() -> None:
    with pytest.raises(ask.AskError, match="does not answer"):
        ask.ask("http://127.0.0.1:9/score", [b""])
