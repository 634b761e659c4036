"""The planted faults of tests/mutants keep up with the code; whether they are caught is for `make mutants`."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATCHES = sorted((ROOT / "tests" / "mutants").glob("*.patch"))


def headers(patch: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}: (.+)$", patch.read_text(), re.MULTILINE)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_fault_says_why_it_matters(patch: Path) -> None:
    assert len(headers(patch, "Why")) == 1


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_fault_names_tests_that_exist(patch: Path) -> None:
    assert headers(patch, "Caught-by")
    for test in headers(patch, "Caught-by"):
        file, *scopes = test.partition("[")[0].split("::")
        source = (ROOT / file).read_text()
        assert [scope for scope in scopes if not re.search(rf"\b(def|class) {scope}\b", source)] == [], test


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_fault_can_still_be_planted(patch: Path) -> None:
    check = subprocess.run(["git", "apply", "--check", patch], cwd=ROOT, capture_output=True, text=True, check=False)
    assert check.stderr == ""
    assert check.returncode == 0
