"""Models with no code of their user's: found, loaded, asked, and refused in words."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from aiapp_serving import cpu
from aiapp_serving.engine import TensorMetadata
from aiapp_serving.errors import InvalidInput, ModelError, ModelFault
from aiapp_serving.formats import AdminChoices, load
from aiapp_serving.formats.rows import result, to_tensors
from proofs.hostile_onnx import model

ROOT = Path(__file__).resolve().parents[3]
NOTHING = AdminChoices()
COLUMNS = TensorMetadata("x", "FP32", (-1, 2), columns=("width", "height"))


def folder(path: Path, **files: bytes) -> Path:
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def test_an_onnx_file_is_served_whatever_its_name(tmp_path: Path) -> None:
    engine = load(folder(tmp_path, anything=model(), README=b"pickle"), NOTHING)
    assert json.dumps([float(one) for one in engine.score([0, 0, 0, 1])]) == "[1.0, 2.0, 3.0, 5.0]"  # type: ignore[attr-defined]


def test_external_data_by_hard_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(bytes(16))
    inside = tmp_path / "model"
    inside.mkdir()
    (inside / "w").hardlink_to(tmp_path / "outside")
    with pytest.raises(ModelError) as caught:
        load(folder(inside, m=model("w")), NOTHING)
    assert caught.value.fault is ModelFault.UNSAFE_EXTERNAL_DATA


def test_external_data_in_the_folder_is_read(tmp_path: Path) -> None:
    assert load(folder(tmp_path, m=model("w"), w=bytes(16)), NOTHING).score([[1, 2, 3, 4]]) is not None


def test_what_metadata_says_is_held_against_the_model(tmp_path: Path) -> None:
    said = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 5]}]}
    (tmp_path / "metadata.json").write_text(json.dumps(said))
    with pytest.raises(ModelError, match=re.escape("inputs[0].shape '[-1, 5]', the model has [-1, 4]")):
        load(folder(tmp_path, m=model()), NOTHING)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1], "expected 2 columns (width, height), got 1"),
        ([1, "x"], "column height: expected a number, got text"),
        ([[1, 2], [1, None]], "row 1 column height: expected a number, got null"),
        ([True, 1], "column width: expected a number, got a boolean"),
        ({"width": 1}, "has no column height"),
        ({"width": 1, "height": 2, "depth": 3}, "unknown column 'depth'"),
        ([1e300, 1], "out of its range"),
        ([], "input is empty"),
        (1, "input is one value"),
    ],
)
def test_what_does_not_fit_is_named(value: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(words)):
        to_tensors([COLUMNS], value)


@pytest.mark.parametrize("value", [[3, 4], [[3, 4]], {"width": 3, "height": 4}, [{"height": 4, "width": 3}]])
def test_a_row_may_be_a_list_or_an_object(value: object) -> None:
    tensors, _ = to_tensors([COLUMNS], value)
    assert tensors["x"].tolist() == [[3, 4]]


LABELS = TensorMetadata("y", "INT64", (-1,), labels=("no", "yes"))


def test_labels_stand_for_their_numbers() -> None:
    assert result(LABELS, np.array([1, 0]), single=False) == ["yes", "no"]
    assert result(LABELS, np.array([1]), single=True) == "yes"


@pytest.mark.parametrize("number", [-1, 2])
def test_a_number_without_a_label_is_the_models_fault_and_never_another_label(number: int) -> None:
    with pytest.raises(ModelError, match=f"SchemaMismatch: output y gave {number}, .* labels 0 to 1; give"):
        result(LABELS, np.array([0, number]), single=False)


def test_an_output_of_one_column_is_one_number_for_each_row() -> None:
    column = TensorMetadata("y", "FP32", (-1, 1))
    assert np.asarray(result(column, np.array([[1.0], [2.0]]), single=False)).tolist() == [1.0, 2.0]
    assert result(column, np.array([[1.0]]), single=True) == 1.0


def test_several_inputs_are_one_object_and_all_of_one_kind() -> None:
    inputs = [COLUMNS, TensorMetadata("word", "BYTES", (-1, 1))]
    tensors, single = to_tensors(inputs, {"x": [1, 2], "word": ["a"]})
    assert (single, tensors["x"].tolist(), tensors["word"].tolist()) == (True, [[1, 2]], [["a"]])
    with pytest.raises(InvalidInput, match="give all of them alike"):
        to_tensors(inputs, {"x": [[1, 2]], "word": ["a"]})
    with pytest.raises(InvalidInput, match="column 0: expected text, got 1"):
        to_tensors(inputs, {"x": [1, 2], "word": [1]})


def test_only_one_module_can_load_pickles() -> None:
    loaders = re.compile(r"^\s*(?:import|from) (?:pickle|joblib|cloudpickle|dill)\b", re.MULTILINE)
    product = [*(ROOT / "serving" / "aiapp_serving").rglob("*.py"), *(ROOT / "operator").rglob("*.py")]
    assert [path.name for path in product if loaders.search(path.read_text())] == ["pickles.py"]


@pytest.mark.parametrize(
    ("text", "limit"), [("150000 100000", 1.5), ("max 100000", None), ("50000 100000", 0.5), ("", None)]
)
def test_the_cpu_limit_is_the_groups(tmp_path: Path, text: str, limit: float | None) -> None:
    (tmp_path / "own").write_text("0::/pod/app\n")
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod" / "cpu.max").write_text(text)
    assert cpu.cpu_limit(tmp_path, tmp_path / "own") == limit


def test_the_cpu_limit_of_version_1_is_the_smallest_of_the_groups_above(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("4:cpu,cpuacct:/pod/app\n3:memory:/pod\n")
    group = tmp_path / "cpu" / "pod" / "app"
    group.mkdir(parents=True)
    for folder_of, quota in ((group, "-1"), (group.parent, "250000")):
        (folder_of / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (folder_of / "cpu.cfs_period_us").write_text("100000\n")
    assert cpu.cpu_limit(tmp_path, tmp_path / "own") == 2.5


def test_a_pickle_beside_an_onnx_file_is_told_to_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"NoModel: .*leave out what the ONNX file was made from"):
        load(folder(tmp_path, a=model(), b=pickle.dumps({"a": 1})), NOTHING)


def test_only_the_word_true_allows_pickles() -> None:
    assert AdminChoices.from_env({"AIAPP_ALLOW_PICKLE": "1", "AIAPP_TRUSTED_TYPES": "a.B, c.D"}) == AdminChoices(
        trusted_types=frozenset({"a.B", "c.D"})
    )
