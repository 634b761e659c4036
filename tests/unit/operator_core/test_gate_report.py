"""What is kept of a gate's last word: bounded, believable, and without secrets."""

import json

import pytest

from aiapp_operator.state import GateResult
from stand_ins.gates import MODEL, judged
from stand_ins.pod_status import gate_status, over, reported, up


def test_a_report_holds_nothing_that_looks_like_a_secret() -> None:
    said = {
        "cases": [{"name": "a", "ok": False, "message": "got token: abcdef"}],
        "app": {"auth": "Bearer eyJhbGciOi"},
    }
    gate = judged(gate_status(app=up(), gate=reported("Failed", "CaseFailed", "got password=hunter2", **said)))
    assert gate.problem is not None
    assert "hunter2" not in gate.problem.message + gate.report
    assert "abcdef" not in gate.report
    assert "eyJ" not in gate.report
    assert json.loads(gate.report)["cases"][0]["message"] == "got token: ***"


def test_a_report_keeps_what_says_which_release_it_was() -> None:
    model = {"version": "42", "digest": MODEL.digest}
    gate = judged(gate_status(app=up(), gate=reported("Passed", model=model)))
    assert json.loads(gate.report)["model"] == model


def test_a_report_is_never_longer_than_a_termination_message() -> None:
    cases = [{"name": f"case {n}", "message": "pwd=a " * 30} for n in range(18)]
    status = reported("Failed", "CaseFailed", "18 of 18 cases failed", cases=cases)
    gate = judged(gate_status(app=up(), gate=status))
    assert len(gate.report.encode()) <= 4096
    kept = json.loads(gate.report)["cases"]
    assert 0 < len(kept) < 18
    assert kept[0]["name"] == "case 0"


def test_a_report_that_is_long_in_all_its_parts_is_cut_to_its_result() -> None:
    gate = judged(gate_status(app=up(), gate=reported("Passed", model={"version": "x" * 5000})))
    assert json.loads(gate.report) == {"result": "Passed", "message": "3 of 3 cases passed"}


@pytest.mark.parametrize(
    "said",
    [
        *("", "Passed", "[]", "null", '{"result": "Great"}', '{"result": null}', '{"result": []}', "[" * 4000),
        '{"result": "Passed", "app": ' + "[" * 900 + "]" * 900 + "}",
        '{"result": "Passed", "message": "\\ud800"}',
    ],
)
def test_a_report_that_cannot_be_read_is_none(said: str) -> None:
    gate = judged(gate_status(app=up(), gate=over(0, said)))
    assert gate.result is GateResult.INCONCLUSIVE
    assert gate.report == ""


@pytest.mark.parametrize("reason", ["[]", "{}", "null", "7"])
def test_a_reason_that_is_no_text_is_none(reason: str) -> None:
    gate = judged(gate_status(app=up(), gate=over(1, f'{{"result": "Failed", "reason": {reason}, "message": "why"}}')))
    assert gate.problem is not None
    assert (gate.problem.reason, gate.problem.message) == ("GateFailed", "why")
