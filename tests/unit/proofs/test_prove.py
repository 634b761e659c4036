"""How proofs are run and told."""

import ast
import json
from pathlib import Path

import pytest

from proofs import running
from tasks import prove
from tasks.console import ROOT, TaskError


def test_every_proof_is_a_module_that_can_be_run() -> None:
    for name in prove.PROOFS:
        tree = ast.parse((ROOT / "tests" / "proofs" / f"{name}.py").read_text())
        assert ast.get_docstring(tree)
        assert f"running.main({name!r}".replace("'", '"') in (ROOT / "tests" / "proofs" / f"{name}.py").read_text()


def test_without_a_name_the_proofs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert prove.prove([]) == 0
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()] == [f"NAME={n}" for n in prove.PROOFS]


def test_another_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(TaskError, match="corrupted_downloads"):
        prove.prove(["nonsense"])


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(running, "ROOT", tmp_path)
    monkeypatch.setattr(running, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def run(monkeypatch: pytest.MonkeyPatch, proof: running.Proof, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["proof", *arguments])
    return running.main("sums", proof, 10)


def test_a_whole_count_is_kept_without_the_machines_name(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, lambda count, _: running.Outcome(count, {"loaded": 0})) == 0
    record = json.loads((results / "sums.json").read_text())
    assert (record["name"], record["count"], record["failures"], record["loaded"]) == ("sums", 10, 0, 0)
    assert record["command"] == "make prove NAME=sums"
    assert record["machine"].keys() == {"cpu", "cores", "memory_gib", "kernel"}


def test_part_of_a_count_is_not_kept(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, lambda count, _: running.Outcome(count, {}), "--count", "3") == 0
    assert not results.exists()


@pytest.mark.parametrize("outcome", [running.Outcome(9, {}), running.Outcome(10, {}, ("one was loaded",))])
def test_a_count_that_is_not_whole_fails(
    results: Path, monkeypatch: pytest.MonkeyPatch, outcome: running.Outcome
) -> None:
    assert run(monkeypatch, lambda *_: outcome) == 1
    assert json.loads((results / "sums.json").read_text())["failures"] == len(outcome.failures)


@pytest.mark.usefixtures("results")
def test_an_interrupted_proof_says_so_and_keeps_nothing(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_count: int, _seed: int) -> running.Outcome:
        raise KeyboardInterrupt

    assert run(monkeypatch, interrupted) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not results.exists()
