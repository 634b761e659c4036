"""How a run says which cluster it used, what it skipped and why, and fails when that is not the wanted one."""

from pathlib import Path

import pytest

from stand_ins.recorded_programs import Recorder

pytest_plugins = ["pytester"]
TESTS = Path(__file__).resolve().parents[2]
USES_IT = "def test_it(kind_cluster): assert kind_cluster.registry == 'contoso.azurecr.io/tests'"
NEEDS_BLOBS = """
import pytest
@pytest.mark.needs("pods")
def test_pods(kind_cluster): pass
@pytest.mark.needs("pods", "azurite")
def test_blobs(kind_cluster): raise AssertionError("must not run")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    for name in ("kubectl", "helm"):
        recorder.program(name)
    recorder.answer("docker info", "", code=1)
    recorder.program("docker")
    monkeypatch.setenv("CLUSTER", "context:staging")
    monkeypatch.setenv("REGISTRY", "contoso.azurecr.io/tests")
    pytester.makeconftest((TESTS / "conftest.py").read_text())
    pytester.makeini(f"[pytest]\npythonpath = {TESTS}\nmarkers = needs(capability): x\naddopts = -p no:cacheprovider")
    return pytester


def test_the_backend_that_ran_is_said(run: pytest.Pytester) -> None:
    run.makepyfile(USES_IT)
    result = run.runpytest_subprocess("--require-backend=context")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["cluster: backend context (asked for: context:staging)"])
    assert result.ret == pytest.ExitCode.OK


def test_a_capability_that_lacks_skips_with_its_meaning(run: pytest.Pytester) -> None:
    run.makepyfile(NEEDS_BLOBS)
    result = run.runpytest_subprocess()
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["skipped 1: backend context lacks azurite: ACCOUNT.blob.*"])


@pytest.mark.parametrize(
    ("tests", "words"),
    [(USES_IT, "context was used"), ("def test_without_a_cluster(): pass", "no backend was used")],
)
def test_a_run_without_the_required_backend_fails(run: pytest.Pytester, tests: str, words: str) -> None:
    run.makepyfile(tests)
    result = run.runpytest_subprocess("--require-backend=local")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"cluster: --require-backend local is not met: {words}"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_backend_that_was_asked_for_and_cannot_run_is_an_error_not_a_skip(run: pytest.Pytester) -> None:
    run.makepyfile(USES_IT)
    result = run.runpytest_subprocess("--cluster-backend=kind")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*CLUSTER=kind cannot run: no Docker server answers `docker info`*"])


def test_an_unknown_capability_fails(run: pytest.Pytester) -> None:
    run.makepyfile(NEEDS_BLOBS.replace("azurite", "teleport"))
    result = run.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*no capability 'teleport'; there are pods, *"])
