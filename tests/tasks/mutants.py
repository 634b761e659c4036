"""`make mutants`: plant each fault of tests/mutants/*.patch in a copy of the tree and see the named tests fail.

A patch starts with lines of the form `Caught-by: tests/unit/x/test_y.py::test_z`.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tasks.console import ROOT, SOURCE_ROOTS, TaskError, fail, say
from tasks.environment import ensure_environment

TESTS_FAILED = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One patch and the tests that must fail with it."""

    patch: Path
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return what the fault is called."""
        return self.patch.stem


def mutants() -> int:
    """Return 0 if every planted fault was caught by the tests that its patch names, which pass without it."""
    python = ensure_environment("dev")
    faults = [_read(patch) for patch in sorted((ROOT / "tests" / "mutants").glob("*.patch"))]
    with tempfile.TemporaryDirectory(prefix="aiapp-mutants-") as folder:
        clean = Path(folder) / "clean"
        _copy_tree(clean)
        _expect_health(python, clean, faults)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            caught = list(pool.map(lambda fault: _is_caught(python, clean, fault), faults))
    escaped = [fault.name for fault, was_caught in zip(faults, caught, strict=True) if not was_caught]
    say(f"{len(faults) - len(escaped)} of {len(faults)} planted faults caught")
    if escaped:
        fail(f"not caught: {', '.join(escaped)}")
    return 1 if escaped else 0


def _read(patch: Path) -> Fault:
    lines = patch.read_text().splitlines()
    tests = tuple(line.split(":", 1)[1].strip() for line in lines if line.startswith("Caught-by:"))
    if not tests:
        raise TaskError(f"{patch.name} names no test: add a line `Caught-by: tests/...::test_...` at its top")
    return Fault(patch, tests)


def _expect_health(python: Path, clean: Path, faults: Sequence[Fault]) -> None:
    """Check that without a fault every named test runs and passes; one that is skipped could catch nothing."""
    tests = sorted({test for fault in faults for test in fault.tests})
    healthy = _pytest(python, clean, tests)
    if healthy.returncode or " skipped" in healthy.stdout:
        said = (healthy.stdout + healthy.stderr)[-3000:]
        raise TaskError(f"the tests that catch planted faults do not pass without them:\n{said}")


def _is_caught(python: Path, clean: Path, fault: Fault) -> bool:
    tree = clean.with_name(fault.name)
    shutil.copytree(clean, tree)
    applied = subprocess.run(
        ["git", "apply", "-p1", fault.patch], cwd=tree, capture_output=True, text=True, check=False
    )
    if applied.returncode:
        raise TaskError(f"{fault.patch.name} does not apply any more: {applied.stderr.strip()}")
    caught = _pytest(python, tree, fault.tests).returncode == TESTS_FAILED
    shutil.rmtree(tree)
    say(f"  {'caught' if caught else 'ESCAPED'}  {fault.name}")
    return caught


def _copy_tree(target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".mypy_cache", ".pytest_cache")
    for name in {root.partition("/")[0] for root in SOURCE_ROOTS} | {"crds", "charts", "docs"}:
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target / name)


def _pytest(python: Path, tree: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "pytest", "-q", "--no-header", "-x", "-p", "no:cacheprovider", *tests]
    paths = os.pathsep.join(str(tree / root) for root in SOURCE_ROOTS)
    env = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
