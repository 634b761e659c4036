"""`make test`: the unit tests, and beside them the tests on real clusters, one cluster for each of their lanes."""

from collections.abc import Sequence
from pathlib import Path

from cluster.backends import wanted_backend
from tasks.console import TaskError, fail, say
from tasks.environment import ensure_environment
from tasks.lanes import Lane

NOTHING_COLLECTED = 5
RELEASES = tuple(
    f"tests/e2e/test_{name}.py" for name in ("rollback", "windows", "gate", "following", "operator_faults")
)
"""About half of the cluster tests' time: a lane of its own, with an operator of its own."""
ONE_CLUSTER = ("--cluster-name", "--kubeconfig")
"""Options that name the cluster to use: a second lane would want another one."""


def test(arguments: Sequence[str]) -> int:
    """Run the unit tests and the cluster tests; arguments go to the latter's pytest; return the exit status."""
    python = ensure_environment("dev")
    build = Lane("build", [python, "-m", "cluster", "build"])
    unit = Lane("unit", [*_pytest(python, "unit"), "-q", "tests/house", "tests/unit"])
    if build.wait():
        unit.wait()
        raise TaskError("the cluster's parts could not be built; the lines above say why. Again: make test")
    images = Lane("images", [python, "-m", "e2e.product"])
    lanes = {}
    for name, chosen in _cluster_lanes(arguments).items():
        lanes[name] = Lane(name, [*_pytest(python, name), "-v", *chosen, *arguments])
        images.wait()  # the last lane needs them at once, and a test's time is limited
    return _outcome(unit, tuple(lanes.values()))


def _outcome(unit: Lane, lanes: Sequence[Lane]) -> int:
    """Wait for all, say how each ended, and return the exit status."""
    failed = [unit] if unit.wait() else []
    statuses = [lane.wait() for lane in lanes]
    failed += [lane for lane, status in zip(lanes, statuses, strict=True) if status not in {0, NOTHING_COLLECTED}]
    if all(status == NOTHING_COLLECTED for status in statuses):
        failed += lanes
    for lane in (unit, *lanes):
        for failure in lane.failures:  # again: its own lane's summary may be minutes above
            fail(f"{lane.name}: {failure[:300]}")
        say(f"{lane.name}: {lane.last_line.strip('= ')}")
    if failed:
        fail(f"failed: {', '.join(lane.name for lane in failed)}")
    return 1 if failed else 0


def _pytest(python: Path, lane: str) -> list[str | Path]:
    return [python, "-m", "pytest", "--no-header", "-o", f"cache_dir=.pytest_cache/{lane}"]


def _cluster_lanes(arguments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what each lane gives pytest, the one that can begin without images first; it takes what no other has."""
    named = any(argument.partition("=")[0] in ONE_CLUSTER for argument in arguments)
    if named or wanted_backend().startswith("context:"):
        return {"cluster": ("tests/e2e",)}
    others = tuple(f"--ignore={path}" for path in RELEASES)
    return {
        "cluster": ("tests/e2e", *others, "--cluster-name=tests"),
        "releases": (*RELEASES, "--cluster-name=tests-releases"),
    }
