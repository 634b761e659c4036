"""`make mutants`: plant each fault of tests/mutants/*.patch in a copy of the tree and see the named tests fail.

A patch starts with lines of the form `Caught-by: tests/unit/x/test_y.py::test_z`.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tasks.console import ROOT, SOURCE_ROOTS, TaskError, fail, say
from tasks.environment import ensure_environment

TESTS_FAILED = 1


def mutants() -> int:
    """Return 0 if every planted fault was caught by the tests that its patch names, which pass without it."""
    python = ensure_environment("dev")
    patches = sorted((ROOT / "tests" / "mutants").glob("*.patch"))
    escaped = [patch.stem for patch in patches if not _is_caught(python, patch)]
    say(f"{len(patches) - len(escaped)} of {len(patches)} planted faults caught")
    if escaped:
        fail(f"not caught: {', '.join(escaped)}")
    return 1 if escaped else 0


def _is_caught(python: Path, patch: Path) -> bool:
    tests = [line.split(":", 1)[1].strip() for line in patch.read_text().splitlines() if line.startswith("Caught-by:")]
    if not tests:
        raise TaskError(f"{patch.name} names no test: add a line `Caught-by: tests/...::test_...` at its top")
    with tempfile.TemporaryDirectory(prefix="aiapp-mutant-") as folder:
        tree = Path(folder)
        _copy_tree(tree)
        healthy = _pytest(python, tree, tests)
        if healthy.returncode:
            raise TaskError(f"{patch.name}: its tests fail without the fault:\n{healthy.stdout[-2000:]}")
        applied = subprocess.run(["git", "apply", "-p1", patch], cwd=tree, capture_output=True, text=True, check=False)
        if applied.returncode:
            raise TaskError(f"{patch.name} does not apply any more: {applied.stderr.strip()}")
        caught = _pytest(python, tree, tests).returncode == TESTS_FAILED
    say(f"  {'caught' if caught else 'ESCAPED'}  {patch.stem}")
    return caught


def _copy_tree(target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".mypy_cache", ".pytest_cache")
    for name in {root.partition("/")[0] for root in SOURCE_ROOTS} | {"crds", "charts", "docs"}:
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target / name)


def _pytest(python: Path, tree: Path, tests: list[str]) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "pytest", "-q", "--no-header", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
