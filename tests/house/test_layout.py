"""The house rules that no linter knows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
TOP_LEVEL = {
    *("operator", "crds", "serving", "tests", "charts", "examples", "benchmarks", "docs"),
    *("Dockerfile.operator", "Dockerfile.serving", "pyproject.toml", "README.md"),
    *("Makefile", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"),
}
PEERS = tuple(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("benchmarks/serving/peers/*.txt")))
LOCKS = ("operator/requirements.txt", "serving/requirements.txt", "examples/requirements.txt", "tests/requirements.txt")


def tracked(suffix: str = "") -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listing.stdout.splitlines() if name.endswith(suffix) and (ROOT / name).is_file()]


PYTHON_FILES = tracked(".py")


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_the_source_roots_are_no_packages_since_operator_would_hide_the_standard_library() -> None:
    assert [root for root in ("operator", "serving") if (ROOT / root / "__init__.py").exists()] == []


def test_the_top_level_holds_only_what_a_newcomer_expects() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} - TOP_LEVEL == set()


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short_enough_to_read(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= LONGEST_FILE
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("lock", [*LOCKS, "benchmarks/requirements.txt", *PEERS])
def test_locks_hold_names_versions_and_hashes_only(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    assert text.count("==") <= text.count("--hash=sha256:")


@pytest.mark.parametrize("lock", LOCKS[:-1])
def test_every_lock_holds_the_versions_that_the_tests_ran_with(lock: str) -> None:
    tested = pins(LOCKS[-1])
    assert {name: versions for name, versions in pins(lock).items() if versions != tested.get(name)} == {}


def test_the_makefile_only_calls_python() -> None:
    recipes = [line.strip() for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t")]
    assert recipes
    assert [line for line in recipes if not line.startswith("@PYTHONPATH=tests $(PYTHON) -m tasks")] == []


def test_no_file_names_a_home_or_root_path_of_some_machine() -> None:
    machine_path = re.compile(r"(?<![\w.$}-])/(?:root|home/\w+|work)/")
    readable = (".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".mod", ".json", ".txt", ".tpl")
    found = [
        path.relative_to(ROOT)
        for path in tracked()
        if path.suffix in readable and machine_path.search(path.read_text())
    ]
    assert found == []
