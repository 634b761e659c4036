"""A sample of the hostile models; all of them: `make prove NAME=hostile_models`."""

import pickle
from pathlib import Path

import pytest

from aiapp_serving.errors import ModelFault
from aiapp_serving.formats import AdminChoices
from proofs import running
from proofs.hostile_case import Case
from proofs.hostile_models import all_cases, judge
from proofs.hostile_pickles import Payload

SAMPLE = 12


def test_a_sample_of_hostile_models_is_refused_with_its_name_and_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    cases = [case for case in all_cases(str(canary), running.SEED) if not case.may_load]
    chosen = cases[:: len(cases) // SAMPLE]
    verdicts = [judge(case, tmp_path / str(number), canary) for number, case in enumerate(chosen)]
    assert [verdict.broken() for verdict in verdicts if verdict.broken()] == []
    assert {verdict.outcome for verdict in verdicts} == {"refused"}


def test_the_canary_is_written_where_pickles_are_allowed_so_that_its_absence_means_something(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    case = Case("pickle", {"model.pkl": pickle.dumps(Payload(str(canary)))}, (ModelFault.UNSAFE_FORMAT,))
    assert not judge(case, tmp_path / "refused", canary).executed
    assert judge(case, tmp_path / "allowed", canary, AdminChoices(allow_pickle=True)).executed


@pytest.mark.parametrize("least", [150])
def test_there_are_enough_cases_without_those_that_may_be_models(least: int) -> None:
    cases = [case for case in all_cases("canary", running.SEED) if not case.may_load]
    assert len(cases) >= least
    assert len({case.label for case in cases}) == len(cases)
