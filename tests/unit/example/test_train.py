"""What train.py writes is what a release needs: complete, told apart by content, the same every time."""

import hashlib
import json
from pathlib import Path

import pytest

import score
import train
from aiapp_serving.gate.case_files import read_cases
from aiapp_serving.gate.expectations import Answer, check


def wrong_files(version: Path) -> list[str]:
    lines = [line.split("  ", 1) for line in (version / "SHA256SUMS").read_text().splitlines()]
    files = {path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file()}
    assert {name for _, name in lines} == files - {"SHA256SUMS"}
    return [name for sha256, name in lines if hashlib.sha256((version / name).read_bytes()).hexdigest() != sha256]


def test_versions_1_and_2_are_whole_and_3_is_damaged(models: Path) -> None:
    assert {version: wrong_files(models / version) for version in "123"} == {"1": [], "2": [], "3": ["model.npz"]}


def test_every_version_has_a_content_of_its_own_so_that_a_bump_is_a_release(models: Path) -> None:
    assert len({(models / version / "SHA256SUMS").read_text() for version in "123"}) == 3


def test_metadata_says_how_good_the_model_is(models: Path) -> None:
    first, second = (json.loads((models / version / "metadata.json").read_text()) for version in "12")
    assert 0.75 < first["accuracy"] < 0.9 < second["accuracy"] < 1
    assert first["held_out"] == 500


@pytest.mark.timeout(60)
def test_training_again_writes_the_same_bytes(models: Path, tmp_path: Path) -> None:
    told = train.write_models(tmp_path)
    assert [(tmp_path / v / "SHA256SUMS").read_text() for v in "123"] == [
        (models / v / "SHA256SUMS").read_text() for v in "123"
    ]
    assert [line.split(":")[0] for line in told[:3]] == ["model 1", "model 2", "model 3"]


@pytest.mark.parametrize("release", ["1", "2"])
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_model_brings_golden_cases_that_hold_with_both_images(
    models: Path, monkeypatch: pytest.MonkeyPatch, version: str, release: str
) -> None:
    monkeypatch.setenv("AIAPP_MODEL_DIR", str(models / version))
    monkeypatch.setenv("DIGITS_RELEASE", release)
    score.init()
    cases = read_cases([models / version / "golden"], frozenset(), models)
    assert len(cases) == (9 if version == "1" else 10)  # model 1 is sure of no three that image 2 cut out
    for case in cases:
        assert case.request.body is not None
        result = score.run(json.loads(case.request.body)["input"])
        check(case, Answer(200, json.dumps({"result": result}).encode(), 0.0))
