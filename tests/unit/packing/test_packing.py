"""A packed model answers as its estimator does, or is not written."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from aiapp_models.manifest import content_digest, parse_sums
from aiapp_packing import Choices, Packed, PackingError, pack
from aiapp_serving.formats import AdminChoices, load
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


class BesideOthers(Constant):
    """An estimator whose answer to a row depends on the rows beside it."""

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(rows[:, 2] > rows[:, 2].mean(), dtype=np.int64)


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


@pytest.mark.parametrize(
    "estimator", [RandomForestRegressor(3, random_state=1), DecisionTreeRegressor(random_state=1), LinearRegression()]
)
def test_several_numbers_a_row_are_declared_and_answered(tmp_path: Path, estimator: Any) -> None:
    table, target = iris()
    packed(tmp_path / "v1", estimator.fit(table, np.stack([target, table[:, 0]], axis=1)))
    (prediction,) = document(tmp_path / "v1")["outputs"]
    assert prediction["shape"] == [-1, 2]
    assert answers(tmp_path / "v1")[0].shape == (150, 2)


def test_an_isolation_forest_is_packed_by_the_operators_that_its_converter_knows(tmp_path: Path) -> None:
    assert packed(tmp_path / "v1", IsolationForest(random_state=1).fit(iris()[0])).cases


def test_several_labels_a_row_are_refused_by_name(tmp_path: Path) -> None:
    table, target = iris()
    estimator = RandomForestClassifier(3).fit(table, np.stack([target, target > 0], axis=1))
    with pytest.raises(PackingError, match="RandomForestClassifier gives 2 labels to each row; pack an estimator for"):
        packed(tmp_path / "v1", estimator)


def test_a_converted_model_that_answers_other_rows_is_refused(tmp_path: Path) -> None:
    table, target = iris()
    estimator = MLPRegressor(max_iter=500).fit(table, np.stack([target, target], axis=1))
    with pytest.raises(PackingError, match=r"answers prediction of shape \[300, 1\], the estimator \[150, 2\]"):
        packed(tmp_path / "v1", estimator)


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


def test_skops_takes_what_onnx_does_not_know_and_the_runtime_serves_it(tmp_path: Path) -> None:
    estimator = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=500)).fit(*iris())
    packed(tmp_path / "1", estimator, name="iris", format="skops", columns=("a", "b", "c", "d"), labels=LABELS)
    engine = load(tmp_path / "1", AdminChoices())
    assert engine.score(iris()[0].tolist()) == [LABELS[label] for label in estimator.predict(iris()[0])]
    (taken,) = engine.metadata.inputs
    assert (engine.metadata.name, taken.datatype, taken.columns) == ("iris", "FP64", ("a", "b", "c", "d"))


@pytest.mark.parametrize("estimator", [classifier(), SVC().fit(*iris()), LinearRegression().fit(*iris())])
@pytest.mark.parametrize("chosen", ["onnx", "skops"])
def test_the_runtime_loads_what_was_packed(tmp_path: Path, estimator: Any, chosen: str) -> None:
    packed(tmp_path / "1", estimator, format=chosen, tolerance=1e-3)
    written = [output["name"] for output in document(tmp_path / "1")["outputs"]]
    assert written == [output.name for output in load(tmp_path / "1", AdminChoices()).metadata.outputs]


def test_types_that_nobody_trusts_are_named_with_the_charts_value_and_nothing_is_written(tmp_path: Path) -> None:
    estimator, name = Constant().fit(*iris()), f"{Constant.__module__}.{Constant.__qualname__}"
    with pytest.raises(PackingError) as caught:
        packed(tmp_path / "1", estimator, format="skops")
    assert name in caught.value.problem
    assert "models.trustedTypes" in caught.value.fix
    assert list(tmp_path.iterdir()) == []
    packed(tmp_path / "1", estimator, format="skops", trusted_types=frozenset({name}))


def test_a_case_that_is_answered_otherwise_alone_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    types = frozenset({f"{BesideOthers.__module__}.{BesideOthers.__qualname__}"})
    with pytest.raises(PackingError, match=r"the golden case row-\d+-score would fail at the gate: .* expected 1"):
        packed(tmp_path / "1", BesideOthers().fit(*iris()), format="skops", trusted_types=types)
    assert list(tmp_path.iterdir()) == []


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


class Forgetful(Constant):
    """An estimator that was fitted, and raises all the same."""

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        raise RuntimeError(f"call fit() first\nand give {rows.shape} again")


def test_an_estimator_that_does_not_answer_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    types = frozenset({f"{Forgetful.__module__}.{Forgetful.__qualname__}"})
    with pytest.raises(
        PackingError, match=r"Forgetful does not answer the rows: RuntimeError: call fit\(\) first; give a fitted"
    ):
        packed(tmp_path / "1", Forgetful().fit(*iris()), format="skops", trusted_types=types)
    assert not (tmp_path / "1").exists()


def test_the_gate_reads_the_cases(tmp_path: Path) -> None:
    version = packed(tmp_path / "1")
    assert len(read_cases([tmp_path / "1" / "golden"], frozenset(), tmp_path)) == version.cases == 6
