"""A sample of the corrupted downloads; all of them: `make prove NAME=corrupted_downloads`."""

from collections import Counter
from pathlib import Path

import pytest

from aiapp_models.contract import SHA256SUMS
from faults.container import version
from faults.script import Kind
from proofs import running
from proofs.corrupted_downloads import batch
from proofs.download_cases import REASONS, case
from proofs.fetching import content_problem

SAMPLE = 150


def test_a_sample_of_downloads_that_go_wrong_loads_nothing_wrong(tmp_path: Path) -> None:
    numbers = [number for number in range(SAMPLE) if not case(running.SEED, number).slow]
    tally = batch(running.SEED, tmp_path, numbers)
    assert tally.failures == []
    assert tally.outcomes.total() == len(numbers)
    assert min(tally.outcomes["right"], tally.outcomes["refused"]) > 20


def test_every_kind_of_fault_is_drawn_and_has_its_reasons() -> None:
    drawn = Counter(fault.kind for number in range(10_000) for fault in case(running.SEED, number).faults)
    assert min(drawn[kind] for kind in Kind) >= 20
    assert REASONS.keys() == set(Kind)


def test_a_case_can_be_drawn_again() -> None:
    assert case(1, 7) == case(1, 7)
    assert case(1, 7) != case(2, 7)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ({}, ""),
        ({"model.npz": b"wrong"}, "have other bytes"),
        ({"another": b""}, "it holds"),
        ({SHA256SUMS: b"0  model.npz\n"}, "SHA256SUMS is another"),
        (None, "there is no model"),
    ],
)
def test_what_is_wrong_with_a_loaded_model_is_seen(tmp_path: Path, harm: dict[str, bytes] | None, words: str) -> None:
    files = {"model.npz": b"right", "labels/empty": b""}
    folder = tmp_path / "model"
    if harm is not None:
        blobs = {name.removeprefix("3/"): blob.data for name, blob in version("3", files).items()}
        for name, data in {**blobs, **harm}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    problem = content_problem(folder, files)
    assert words in problem
    assert bool(problem) is bool(words)
