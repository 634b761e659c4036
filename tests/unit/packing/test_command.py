"""`aiapp-model pack`: what it takes from files, and what it says when they are none."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from aiapp_packing.__main__ import main


def classifier() -> Any:
    return LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))


def write_csv(folder: Path) -> Path:
    lines = ["a,b,c,d", *(",".join(map(str, row)) for row in load_iris().data.tolist())]
    (folder / "rows.csv").write_text("\n".join(lines))
    return folder / "rows.csv"


def test_the_command_packs_a_pickle_only_when_told_that_it_is_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib.dump(classifier(), tmp_path / "model.joblib")
    arguments = ["pack", str(tmp_path / "model.joblib"), "--rows", str(write_csv(tmp_path))]
    arguments += ["--out", str(tmp_path / "1"), "--name", "iris"]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "loading it runs whatever code its author put into it" in said
    assert "next: if you made it yourself, add --allow-pickle" in said
    assert not (tmp_path / "1").exists()

    assert main([*arguments, "--allow-pickle"]) == 0
    assert "150 rows, equal labels" in capsys.readouterr().out
    assert json.loads((tmp_path / "1" / "metadata.json").read_text())["inputs"][0]["parameters"] == {
        "columns": ["a", "b", "c", "d"]
    }


def test_the_command_packs_an_attribute_of_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib.dump(classifier(), tmp_path / "own.joblib")
    (tmp_path / "own_training.py").write_text("import joblib\npipeline = joblib.load('own.joblib')\n")
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", load_iris().data)
    assert main(["pack", "own_training:pipeline", "--rows", "rows.npy", "--out", "1"]) == 0
    assert main(["pack", "own_training:other", "--rows", "rows.npy", "--out", "2"]) == 1
    assert "own_training has no other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("rows.csv", "a,b\n1,2\n3,x\n", "line 3 has 'x', which is no number"),
        ("rows.csv", "1,2\n3\n", "line 2 has 1 values, the first one 2"),
        ("rows.json", "[[1, 2], [3]]", "something else than rows of numbers"),
        ("rows.json", "[1, 2]", "not [rows, columns]"),
        ("rows.txt", "", "does not end in .csv, .json, .npy"),
    ],
)
def test_rows_that_are_none_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, problem: str
) -> None:
    (tmp_path / name).write_text(content)
    assert main(["pack", "m.skops", "--rows", str(tmp_path / name), "--out", str(tmp_path / "1")]) == 1
    assert problem in capsys.readouterr().err
