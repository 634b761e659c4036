"""Whole plans, as files that a reviewer reads; tests/golden/README.md tells how to rewrite them."""

import pytest

from aiapp_operator.plan import plan
from golden.cases import CASES
from golden.files import FOLDER, plan_content, read, text


@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_the_one_that_was_reviewed(case: str) -> None:
    observed, settings, now = read(case)
    assert text(plan_content(plan(observed, settings, now), observed)) == (FOLDER / case / "plan.yaml").read_text()


def test_every_golden_folder_has_its_story() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(CASES)
