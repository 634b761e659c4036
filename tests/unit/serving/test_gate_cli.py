"""`aiapp-gate` as people, pipelines and pods call it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from aiapp_serving.gate import __main__ as program
from aiapp_serving.gate.cases import Case, Expectation, Origin, Request
from aiapp_serving.gate.console import Console
from aiapp_serving.gate.masks import secrets_mask
from aiapp_serving.gate.outcome import CaseResult, Comparison, Outcome, Reason, Result
from aiapp_serving.gate.versions import Expected
from stand_ins.scripted_app import Reply, scripted_app

SEVEN = {"name": "a-seven", "request": {"body": {"input": 7}}, "expect": {"jsonPath": "$.result", "equals": "7"}}
GOOD = Reply(body=b'{"result": 7}')
DIGEST = f"sha256:{'2b' * 32}"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model version that brings a case of its own."""
    golden = tmp_path / "model" / "golden"
    golden.mkdir(parents=True)
    (golden / "seven.json").write_text(json.dumps(SEVEN))
    return golden.parent


def process(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    command = [sys.executable, "-m", "aiapp_serving.gate", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_it_passes_as_a_process_and_leaves_a_report(model: Path, tmp_path: Path) -> None:
    report = tmp_path / "gate.json"
    with scripted_app(lambda *_: GOOD) as app:
        done = process("--url", app.url, "--model-folder", str(model), "--report", str(report), "--name", "digits 3")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(report.read_text())["result"] == "Passed"
    lines = done.stdout.splitlines()
    assert lines[0] == "gate: digits 3"
    assert lines[-2].startswith("gate: ok    a-seven  model  ")
    assert lines[-1].startswith("gate: Passed: 1 of 1 cases passed in ")
    assert "\x1b" not in done.stdout


def test_a_case_that_fails_is_exit_status_1_and_a_missing_body_is_3(model: Path, tmp_path: Path) -> None:
    missing = tmp_path / "cases.json"
    missing.write_text('{"request": {"bodyFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}}')
    with scripted_app(lambda *_: Reply(body=b'{"result": 8}')) as app:
        assert process("--url", app.url, "--cases", str(model / "golden")).returncode == 1
        assert process("--url", app.url, "--cases", str(missing)).returncode == 3


def test_no_secret_that_the_app_echoes_is_repeated(model: Path, tmp_path: Path) -> None:
    report = tmp_path / "gate.json"
    secrets = {"AIAPP_GATE_MASKED": "DB_LOGIN", "DB_LOGIN": "tr0ub4dor&3"}
    echo = Reply(body=b'{"result": "tr0ub4dor&3 and Bearer abcdef"}')
    with scripted_app(lambda *_: echo) as app:
        done = process("--url", app.url, "--model-folder", str(model), "--report", str(report), **secrets)
    assert done.returncode == 1
    for told in (done.stdout, done.stderr, report.read_text()):
        assert "tr0ub4dor" not in told
        assert "abcdef" not in told
    assert "***" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--url"),
        (["--url", "digits"], "is no address; write http://HOST:PORT"),
        (["--url", "http://a", "--cases", "goldn"], "--cases goldn: no such file or folder"),
        (["--url", "http://a", "--model-folder", "goldn"], "--model-folder goldn is no folder"),
        (["--url", "http://a", "--timeout", "10"], "is no duration"),
        (["--url", "http://a", "--ready-path", "version"], "version is no path"),
        (["--url", "http://a", "--max-label-flips", "0.02"], "0.02 is no share; write it like 2%"),
        (["--url", "http://a", "--max-label-flips", "101%"], "101% is no share"),
        (["--url", "http://a", "--max-label-flips", "x%"], "x% is no share"),
    ],
)
def test_an_argument_that_cannot_be_used_is_exit_status_2(
    arguments: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        program.parse(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_app(lambda *_: GOOD) as app:
        assert program.main(["--url", app.url, "--report", str(tmp_path / "no" / "gate.json")]) == 2
    assert "No such file or directory; choose another --report" in capsys.readouterr().err


def test_help_has_a_case_to_begin_with(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        program.main(["--help"])
    told = capsys.readouterr().out
    assert caught.value.code == 0
    assert "aiapp-gate --url http://127.0.0.1:8080 --cases golden/" in told
    assert '"expect": {"jsonPath": "$.result[0]", "equals": "7", "maxLatency": "200ms"}' in told
    assert "3  Inconclusive" in told


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("42@" + DIGEST, Expected("sha256:1", "42", DIGEST)),
        ("42", Expected("sha256:1", "42", "")),
        (DIGEST, Expected("sha256:1", "", DIGEST)),
        ("a@b@" + DIGEST, Expected("sha256:1", "a@b", DIGEST)),
    ],
)
def test_the_expected_model_in_halves(told: str, expected: Expected) -> None:
    arguments = ["--url", "http://a", "--expect-image", "sha256:1", "--expect-model", told, "--max-label-flips", "2%"]
    settings = program.parse(arguments).settings
    assert settings.expected == expected
    assert settings.max_flips == Decimal("0.02")


def test_the_pods_own_golden_folder_need_not_be_there(model: Path) -> None:
    arguments = ["--url", "http://a", "--cases", "/mnt/models/model/golden"]
    assert program.parse(arguments).settings.sources == (program.GOLDEN_IN_POD,)
    (model / "golden" / "seven.json").unlink()
    (model / "golden").rmdir()
    with scripted_app(lambda *_: GOOD) as app:
        assert program.main(["--url", app.url, *arguments[2:], "--model-folder", str(model)]) == 0


def test_the_models_digest_is_found_in_its_folder(model: Path) -> None:
    (model / "SHA256SUMS").write_text(f"{'1a' * 32}  golden/seven.json\n")
    settings = program.parse(["--url", "http://a", "--model-folder", str(model)]).settings
    assert settings.expected.model_digest.startswith("sha256:")


class Terminal(StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def outcome() -> Outcome:
    case = Case("a-seven", Origin.SPEC, Request("/", "GET", b"", ""), Expectation())
    results = (CaseResult(case, Reason.NONE, "", 0.012), CaseResult(case, Reason.FLAPPING, "\x1b[2Jé", None))
    comparison = Comparison(message="not compared: a case failed", skipped=True)
    return Outcome(Result.FAILED, Reason.FLAPPING, "1 of 2", 1.0, results, None, comparison)


def test_colours_are_for_terminals_and_no_case_can_paint_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    Console(terminal, secrets_mask({})).tell(outcome())
    assert "\x1b[31mFAIL  a-seven  spec          -  Flapping:  [2Jé\x1b[0m" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    Console(terminal, secrets_mask({})).tell(outcome())
    assert "\x1b" not in terminal.getvalue()
    assert "gate: comparison: not compared: a case failed\ngate: Failed (Flapping): 1 of 2\n" in terminal.getvalue()


def test_it_starts_without_what_only_serving_and_fetching_need() -> None:
    slow = "{'azure', 'minio', 'flask', 'granian', 'requests', 'urllib3', 'jsonpath', 're2'}"
    script = f"import sys, aiapp_serving.gate.__main__; print(sorted({slow} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_sigterm_ends_it_without_a_report(tmp_path: Path) -> None:
    report = tmp_path / "gate.json"
    with scripted_app(lambda *_: Reply(503)) as app:
        command = [sys.executable, "-m", "aiapp_serving.gate", "--url", app.url, "--report", str(report)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            running.stdout.readline()
            running.send_signal(signal.SIGTERM)
            assert running.wait(timeout=30) == 128 + signal.SIGTERM
    assert not report.exists()
