"""The wire format, what the two images and the models do differently, and the limits of a request."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import score
import train
from aiapp_serving import InvalidInput
from stand_ins.drawings import grey, png

Load: TypeAlias = Callable[[str, int], None]
PICTURES, TRUTH = train.held_out()


@pytest.fixture
def load(models: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    def load(version: str, release: int) -> None:
        monkeypatch.setenv("AIAPP_MODEL_DIR", str(models / version))
        monkeypatch.setenv("DIGITS_RELEASE", str(release))
        score.init()

    return load


def encoded(*pictures: bytes) -> list[str]:
    return [base64.b64encode(picture).decode() for picture in pictures]


def somewhere_else(cells: NDArray[np.float64]) -> bytes:
    paper = Image.new("L", (200, 150), 0)
    paper.paste(grey(cells, 8), (120, 70))
    return png(paper)


def right(drawings: Sequence[bytes]) -> float:
    answers = score.run(json.dumps(encoded(*drawings)))[0]
    named = [best[0][0] for best in answers]
    return float(np.mean([name == str(digit) for name, digit in zip(named, TRUTH, strict=False)]))


def test_an_answer_has_the_three_best_labels_of_every_picture_and_the_time(load: Load) -> None:
    load("2", 1)
    seven = int(np.flatnonzero(TRUTH == 7)[0])
    zero = int(np.flatnonzero(TRUTH == 0)[0])
    answers, computed = score.run(json.dumps(encoded(png(grey(PICTURES[seven])), png(grey(PICTURES[zero])))))
    assert [answer[0][0] for answer in answers] == ["7", "0"]
    assert [len(answer) for answer in answers] == [3, 3]
    assert all(isinstance(label, str) and isinstance(percent, float) for answer in answers for label, percent in answer)
    assert [percent for _, percent in answers[0]] == sorted((percent for _, percent in answers[0]), reverse=True)
    assert 50 < answers[0][0][1] <= 100
    assert computed.startswith("Computed in ")
    assert " ms" in computed
    json.dumps([answers, computed], allow_nan=False)


def test_items_may_be_what_python_prints_for_bytes_and_the_list_may_come_as_itself(load: Load) -> None:
    load("2", 1)
    text = encoded(png(grey(PICTURES[0])))[0]
    plain = score.run(json.dumps([text]))[0]
    assert score.run(json.dumps([f"b'{text}'"]))[0] == plain
    assert score.run([text])[0] == plain


def test_model_2_is_better_than_model_1_on_pictures_that_neither_has_seen(load: Load) -> None:
    drawings = [png(grey(cells)) for cells in PICTURES[:200]]
    load("1", 1)
    first = right(drawings)
    load("2", 1)
    second = right(drawings)
    assert 0.7 < first < 0.9
    assert second > 0.95


def test_image_2_finds_digits_that_image_1_misses_and_says_who_it_is(load: Load) -> None:
    drawings = [somewhere_else(cells) for cells in PICTURES[:100]]
    load("2", 1)
    assert right(drawings) < 0.3
    assert score.run(encoded(drawings[0]))[1].endswith("image 1")
    load("2", 2)
    assert right(drawings) > 0.95
    assert score.run(encoded(drawings[0]))[1].endswith("image 2")


GOOD = encoded(png(grey(PICTURES[0])))[0]
REFUSED: dict[str, tuple[Any, str]] = {
    "no JSON": ("seven", "expected a JSON list in a string"),
    "a number": (7, "expected a list"),
    "nothing": (None, "expected a list"),
    "an object": ({"png": GOOD}, "expected a list"),
    "an empty list": ("[]", "at least one"),
    "too many": (json.dumps([GOOD] * 257), "257 pictures; send at most 256"),
    "no string": (json.dumps([GOOD, 7]), "item 1: expected a string of base64, got int"),
    "no base64": (json.dumps([GOOD, GOOD, "@@@@"]), "item 2: this is not base64"),
    "not ASCII": (json.dumps(["ä" * 8]), "item 0: this is not base64"),
    "too large": (json.dumps(["A" * 3_000_000]), "item 0: larger than 2,000,000 bytes"),
    "no picture": (json.dumps([GOOD, base64.b64encode(b"seven").decode()]), "item 1: this is no PNG file"),
    "deeply nested": ("[" * 100_000, "expected a JSON list"),
}


@pytest.mark.parametrize(("received", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_is_refused_with_the_item_and_the_reason(load: Load, received: Any, said: str) -> None:
    load("2", 2)
    with pytest.raises(InvalidInput, match=said):
        score.run(received)


def test_a_model_whose_labels_do_not_fit_is_not_loaded(models: Path, tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_bytes((models / "2" / "model.npz").read_bytes())
    (tmp_path / "metadata.json").write_text(json.dumps({"labels": ["a", "b"]}))
    with pytest.raises(ValueError, match="does not answer with the 2 labels"):
        score.Model.load(tmp_path)
