"""The packed model names digits as score.py does."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import ask
import pack
import score
import train
from pictures import to_grid


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack.write(pack.pipeline(), tmp_path_factory.mktemp("packed") / "4").folder


def test_the_packed_model_gives_the_labels_of_score_py(packed: Path, models: Path) -> None:
    pictures, _ = train.held_out()
    drawn = [to_grid(ask.encode_png((picture * 15).astype(int).tolist()), centred=True) for picture in pictures[:50]]
    grids = np.concatenate([pictures, np.stack(drawn)])
    session = onnxruntime.InferenceSession((packed / "model.onnx").read_bytes())
    labels, probabilities = session.run(None, {"input": grids.reshape(len(grids), -1).astype(np.float32)})
    expected = score.Model.load(models / "2").percentages(grids)
    assert labels.tolist() == expected.argmax(axis=1).tolist()
    assert np.abs(100 * probabilities - expected).max() < 0.1


def test_its_metadata_names_model_and_labels(packed: Path) -> None:
    about = json.loads((packed / "metadata.json").read_text())
    assert about["name"] == "digits"
    assert about["outputs"][0]["parameters"] == {"labels": list(train.LABELS)}
