"""A packed model answers as its estimator does, or is not written."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pytest
import skops.io
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from aiapp_models.manifest import content_digest, parse_sums
from aiapp_packing import Choices, Packed, PackingError, pack
from aiapp_packing.__main__ import main
from aiapp_serving.gate.case_files import read_cases

LABELS = ("setosa", "versicolor", "virginica")


@cache
def iris() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rows, labels = load_iris(return_X_y=True)
    return rows, labels


@cache
def classifier() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(*iris())


class Constant(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that no converter knows."""

    def fit(self, rows: NDArray[np.float64], labels: NDArray[np.int64]) -> "Constant":
        self.classes_ = np.unique(labels)
        self.width_ = rows.shape[1]
        return self

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.zeros(len(rows), dtype=np.int64)


def packed(folder: Path, estimator: Any = None, rows: Any = None, **chosen: Any) -> Packed:
    return pack(estimator or classifier(), iris()[0] if rows is None else rows, folder, choices=Choices(**chosen))


def document(folder: Path, name: str = "metadata.json") -> Any:
    return json.loads((folder / name).read_text())


def answers(folder: Path) -> list[NDArray[Any]]:
    session = onnxruntime.InferenceSession((folder / "model.onnx").read_bytes())
    found: list[NDArray[Any]] = session.run(None, {"input": iris()[0].astype(np.float32)})
    return found


def test_a_version_is_whole_and_names_itself_by_its_content(tmp_path: Path) -> None:
    version = packed(tmp_path / "1")
    lines = parse_sums((tmp_path / "1" / "SHA256SUMS").read_bytes(), "1")
    assert [line.path for line in sorted(lines, key=lambda line: line.path)] == [
        "golden/packed.json",
        "metadata.json",
        "model.onnx",
    ]
    assert content_digest(lines) == version.digest
    for line in lines:
        assert hashlib.sha256((tmp_path / "1" / line.path).read_bytes()).hexdigest() == line.sha256
    assert [entry.name for entry in tmp_path.iterdir()] == ["1"]


def test_the_packed_model_gives_the_estimators_labels_and_probabilities(tmp_path: Path) -> None:
    packed(tmp_path / "1")
    labels, probabilities = answers(tmp_path / "1")
    assert labels.tolist() == classifier().predict(iris()[0]).tolist()
    assert np.abs(probabilities - classifier().predict_proba(iris()[0])).max() < 1e-4


def test_metadata_describes_inputs_outputs_columns_labels_and_what_made_it(tmp_path: Path) -> None:
    packed(tmp_path / "1", name="iris", columns=("a", "b", "c", "d"), labels=LABELS)
    about = document(tmp_path / "1")
    frameworks = about["parameters"]["frameworks"]
    assert {"python", "scikit-learn", "skl2onnx", "onnx"} == set(frameworks)
    assert about | {"parameters": None} == {
        "name": "iris",
        "platform": "onnx_onnxv1",
        "inputs": [
            {
                "name": "input",
                "datatype": "FP32",
                "shape": [-1, 4],
                "parameters": {"columns": ["a", "b", "c", "d"]},
            }
        ],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1], "parameters": {"labels": list(LABELS)}},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3], "parameters": {"columns": list(LABELS)}},
        ],
        "parameters": None,
    }


def test_golden_cases_ask_for_every_class_by_score_and_by_v2(tmp_path: Path) -> None:
    packed(tmp_path / "1", name="iris", labels=LABELS)
    cases = document(tmp_path / "1", "golden/packed.json")["cases"]
    assert {case["expect"]["equals"] for case in cases[::2]} == set(LABELS)
    assert {case["request"]["path"] for case in cases} == {"/score", "/v2/models/iris/infer"}
    for score, v2 in zip(cases[::2], cases[1::2], strict=True):
        assert score["request"]["body"]["input"] == v2["request"]["body"]["inputs"][0]["data"]
        assert [LABELS.index(score["expect"]["equals"])] == v2["expect"]["equals"]


def test_classes_that_are_text_are_answered_as_text(tmp_path: Path) -> None:
    rows, labels = iris()
    estimator = LogisticRegression(max_iter=500).fit(rows, np.array(LABELS)[labels])
    packed(tmp_path / "1", estimator)
    assert document(tmp_path / "1")["outputs"][0] == {"name": "label", "datatype": "BYTES", "shape": [-1]}
    assert answers(tmp_path / "1")[0].tolist() == estimator.predict(rows).tolist()


@pytest.mark.parametrize("estimator", [LinearRegression(), RandomForestRegressor(3, random_state=1)])
def test_a_regressor_is_proved_by_its_numbers(tmp_path: Path, estimator: Any) -> None:
    rows, _ = iris()
    version = packed(tmp_path / "1", estimator.fit(rows[:, :3], rows[:, 3]), rows[:, :3].round(1), tolerance=1e-3)
    assert version.proof.largest <= 1e-3
    assert [output["name"] for output in document(tmp_path / "1")["outputs"]] == ["prediction"]
    case = document(tmp_path / "1", "golden/packed.json")["cases"][0]
    assert case["expect"]["tolerance"] >= 1e-3


def test_a_classifier_without_probabilities_is_packed(tmp_path: Path) -> None:
    packed(tmp_path / "1", SVC().fit(*iris()))
    assert [output["name"] for output in document(tmp_path / "1")["outputs"]] == ["label"]


def test_labels_that_differ_are_refused_by_row_and_nothing_is_written(tmp_path: Path) -> None:
    rows = np.array([[1e9], [1e9 + 1]] * 10)
    narrow = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, [0, 1] * 10)
    with pytest.raises(PackingError, match=r"10 of 20 rows get another label: row \d+: ") as caught:
        packed(tmp_path / "1", narrow, rows)
    assert "--datatype FP64" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_differ_by_more_than_the_tolerance_are_refused_by_row(tmp_path: Path) -> None:
    with pytest.raises(PackingError, match=r"rows differ in probabilities by more than 1e-12: row \d+ by "):
        packed(tmp_path / "1", tolerance=1e-12)


def test_64_bits_keep_what_32_lose(tmp_path: Path) -> None:
    rows = np.array([[1e9], [1e9 + 1]] * 10)
    estimator = LinearRegression().fit(rows, [0.0, 1.0] * 10)
    with pytest.raises(PackingError):
        packed(tmp_path / "1", estimator, rows)
    packed(tmp_path / "1", estimator, rows, datatype="FP64")
    assert document(tmp_path / "1")["inputs"][0]["datatype"] == "FP64"


@pytest.mark.parametrize(
    ("last", "step"),
    [
        (("mine", Constant()), "'mine' (Constant)"),
        (("logs", FunctionTransformer(np.log1p)), "'logs' (FunctionTransformer)"),
    ],
)
def test_a_step_without_a_converter_is_named_with_the_way_out(tmp_path: Path, last: Any, step: str) -> None:
    model = LogisticRegression(max_iter=500)
    steps = [last, ("model", model)] if hasattr(last[1], "transform") else [("scale", StandardScaler()), last]
    with pytest.raises(PackingError) as caught:
        packed(tmp_path / "1", Pipeline(steps).fit(*iris()))
    assert step in caught.value.problem
    assert "--format skops" in caught.value.fix


def test_skops_takes_what_onnx_does_not_know(tmp_path: Path) -> None:
    estimator = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=500)).fit(*iris())
    packed(tmp_path / "1", estimator, format="skops", labels=LABELS)
    loaded = skops.io.load(tmp_path / "1" / "model.skops")
    assert loaded.predict(iris()[0]).tolist() == estimator.predict(iris()[0]).tolist()
    assert document(tmp_path / "1")["outputs"][0]["parameters"] == {"labels": list(LABELS)}


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    packed(tmp_path / "1")
    before = (tmp_path / "1" / "SHA256SUMS").read_bytes()
    with pytest.raises(PackingError, match="versions never change"):
        packed(tmp_path / "1", name="other")
    assert (tmp_path / "1" / "SHA256SUMS").read_bytes() == before


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ({"columns": ("a", "b")}, "2 column names are given, the rows have 4 columns"),
        ({"labels": ("a", "b")}, "2 labels are given, the classes are 0, 1, 2"),
        ({"name": "a/b"}, "'a/b' cannot be a model's name"),
        ({"tolerance": float("nan")}, "no distance"),
    ],
)
def test_what_does_not_fit_the_model_is_named(tmp_path: Path, chosen: dict[str, Any], problem: str) -> None:
    with pytest.raises(PackingError, match=problem):
        packed(tmp_path / "1", **chosen)


def test_the_gate_reads_the_cases(tmp_path: Path) -> None:
    version = packed(tmp_path / "1")
    assert len(read_cases([tmp_path / "1" / "golden"], frozenset(), tmp_path)) == version.cases == 6


def write_csv(folder: Path) -> Path:
    lines = ["a,b,c,d", *(",".join(map(str, row)) for row in iris()[0].tolist())]
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
    assert document(tmp_path / "1")["inputs"][0]["parameters"] == {"columns": ["a", "b", "c", "d"]}


def test_the_command_packs_an_attribute_of_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib.dump(classifier(), tmp_path / "own.joblib")
    (tmp_path / "own_training.py").write_text("import joblib\npipeline = joblib.load('own.joblib')\n")
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", iris()[0])
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
