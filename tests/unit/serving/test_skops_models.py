"""Estimators out of skops files and pickles: what may be in them, and how they answer."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression

from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats import AdminChoices, load
from aiapp_serving.formats.archive import check_archive
from proofs.hostile_folders import archive
from proofs.hostile_pickles import Payload
from proofs.hostile_skops import node, whole, within_an_estimator

NOTHING = AdminChoices()
ROWS = [[0.0, 1.0], [1.0, 0.0], [3.0, 1.0], [4.0, 0.0]]


class OwnEstimator(LinearRegression):  # type: ignore[misc]
    """Of a user's own package."""


OWN = f"{OwnEstimator.__module__}.{OwnEstimator.__qualname__}"


def stored(folder: Path, data: bytes) -> Path:
    (folder / "model").write_bytes(data)
    return folder


def test_an_estimator_answers_its_words_and_their_probabilities(tmp_path: Path) -> None:
    fitted = LogisticRegression().fit(ROWS, ["no", "no", "yes", "yes"])
    engine = load(stored(tmp_path, skops.io.dumps(fitted)), NOTHING)
    assert engine.score([4, 0]) == "yes"
    assert engine.score([[0, 1], [4, 0]]) == ["no", "yes"]
    outputs = engine.infer({"input": np.array(ROWS)}, ("probabilities",))
    assert outputs["probabilities"].tolist() == fitted.predict_proba(ROWS).tolist()
    assert [one.name for one in engine.metadata.outputs] == ["prediction", "probabilities"]


def test_an_estimator_that_knows_its_columns_takes_objects_and_warns_of_nothing(tmp_path: Path) -> None:
    fitted = LinearRegression().fit(ROWS, [1, 1, 4, 4])
    fitted.feature_names_in_ = np.array(["width", "height"], dtype=object)
    engine = load(stored(tmp_path, skops.io.dumps(fitted)), NOTHING)
    assert engine.metadata.inputs[0].columns == ("width", "height")
    one = engine.score({"height": 1, "width": 3})
    assert float(one) == pytest.approx(4)  # type: ignore[arg-type]


def test_a_class_of_ones_own_is_refused_until_it_is_listed(tmp_path: Path) -> None:
    stored(tmp_path, skops.io.dumps(OwnEstimator().fit(ROWS, [1, 1, 4, 4])))
    with pytest.raises(ModelError, match=OWN.replace(".", r"\.")) as caught:
        load(tmp_path, NOTHING)
    assert caught.value.fault is ModelFault.UNTRUSTED_TYPES
    assert load(tmp_path, AdminChoices(trusted_types=frozenset({OWN}))).metadata.platform == "sklearn"


@pytest.mark.parametrize("whole_file", [True, False])
def test_a_call_is_refused_by_its_type_and_would_run_if_that_were_listed(tmp_path: Path, whole_file: bool) -> None:
    canary = tmp_path / "canary"
    call = node("ConstructorFromReduceNode", "posix", "mkdir", str(canary))
    folder = tmp_path / "model"
    folder.mkdir()
    stored(folder, whole(call, 2) if whole_file else within_an_estimator(call))
    with pytest.raises(ModelError, match=r"'posix\.mkdir'") as caught:
        load(folder, NOTHING)
    assert caught.value.fault is ModelFault.UNTRUSTED_TYPES
    assert not canary.exists()
    trusted = AdminChoices(trusted_types=frozenset({"posix.mkdir"}))
    if whole_file:
        with pytest.raises(ModelError, match="has no predict"):
            load(folder, trusted)
    else:
        load(folder, trusted)
    assert canary.exists()


def test_a_pickle_is_loaded_only_where_the_administrator_allows_it(tmp_path: Path) -> None:
    stored(tmp_path, pickle.dumps(LinearRegression().fit(ROWS, [1, 1, 4, 4])))
    with pytest.raises(ModelError, match=r"models\.allowPickle") as caught:
        load(tmp_path, NOTHING)
    assert caught.value.fault is ModelFault.UNSAFE_FORMAT
    result = load(tmp_path, AdminChoices(allow_pickle=True)).score([3, 1])
    assert float(result) == pytest.approx(4)  # type: ignore[arg-type]


def test_a_pickle_that_is_refused_has_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    folder = tmp_path / "model"
    folder.mkdir()
    stored(folder, pickle.dumps(Payload(str(canary))))
    with pytest.raises(ModelError, match="UnsafeFormat"):
        load(folder, NOTHING)
    assert not canary.exists()


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([("../a", b"")], ModelFault.UNSAFE_PATH),
        ([("a", b""), ("A", b"")], ModelFault.DUPLICATE_ENTRY),
        ([("a", archive([("b", b"")]))], ModelFault.UNSAFE_FORMAT),
        ([("a", bytes(32 * 1024 * 1024))], ModelFault.TOO_LARGE),
    ],
)
def test_an_archive_is_checked_before_it_is_read(
    tmp_path: Path, entries: list[tuple[zipfile.ZipInfo | str, bytes]], fault: ModelFault
) -> None:
    (tmp_path / "m").write_bytes(archive(entries, zipfile.ZIP_DEFLATED))
    with pytest.raises(ModelError) as caught:
        check_archive(tmp_path / "m")
    assert caught.value.fault is fault


def test_memory_that_runs_out_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(skops.io, "load", none_left)
    with pytest.raises(MemoryError):
        load(stored(tmp_path, skops.io.dumps(LinearRegression().fit(ROWS, [1, 1, 4, 4]))), NOTHING)
