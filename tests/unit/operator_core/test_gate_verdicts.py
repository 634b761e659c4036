"""The words and the reason of each gate that failed, and of each that says nothing."""

import json

import pytest

from aiapp_operator.reasons import DESCRIPTIONS
from aiapp_operator.state import GateResult, Manifest
from stand_ins.gates import DURING, after, crashed, judged
from stand_ins.pod_status import end_of, gate_status, held_up, over, reported, up

FAILED, INCONCLUSIVE = GateResult.FAILED, GateResult.INCONCLUSIVE
CONFIG_ERROR = "CreateContainerConfigError"


class TestItFails:
    @pytest.mark.parametrize(
        ("status", "reason", "words"),
        [
            pytest.param(
                gate_status(app=up(), gate=reported("Failed", "CaseFailed", "1 of 3 cases failed: a-seven")),
                "CaseFailed",
                "1 of 3 cases failed: a-seven",
                id="a case fails",
            ),
            pytest.param(
                gate_status(app=up(), gate=reported("Failed", "NeverReady", "/version never answered 2xx")),
                "NeverReady",
                "/version never answered 2xx",
                id="the app hangs",
            ),
            pytest.param(
                gate_status(app=up(), gate=reported("Failed", "NewInTheNextVersion", "it is so")),
                "GateFailed",
                "NewInTheNextVersion: it is so",
                id="a newer gate has a reason that is not known yet",
            ),
            pytest.param(
                gate_status(app=up(), gate=reported("Failed", "", "")), "GateFailed", "no cause", id="it says nothing"
            ),
            pytest.param(
                gate_status(app=crashed(1, "Traceback\nKeyError: 'weights'\n"), gate=up()),
                "Crashing",
                "container app ended with exit code 1 (1 restarts): KeyError: 'weights'",
                id="the app crashes",
            ),
            pytest.param(
                gate_status(app=over(0), gate=up()),
                "Crashing",
                "exit code 0",
                id="the app just ends and is not back yet",
            ),
            pytest.param(
                gate_status(app=held_up("CrashLoopBackOff", lastState={"terminated": end_of(1, "boom")}), gate=up()),
                "Crashing",
                "boom",
                id="the app crashes again and again",
            ),
            pytest.param(
                gate_status(app=crashed(137, reason="OOMKilled"), gate=up()),
                "OOMKilled",
                "raise spec.serving.resources.limits.memory",
                id="the app needs more memory than it may have",
            ),
            pytest.param(
                gate_status(app=crashed(1, "LoadFailed: score.py: init() raised KeyError: 'weights'"), gate=up()),
                "LoadFailed",
                "score.py: init() raised KeyError: 'weights'",
                id="code and model do not fit",
            ),
            pytest.param(
                gate_status(
                    app=crashed(1, "x\nPermissionError: [Errno 13] Permission denied: '/app/cache'\ndone"), gate=up()
                ),
                "RunsAsRoot",
                "[Errno 13] Permission denied: '/app/cache'; pods run as user 65532",
                id="the app writes where only root may",
            ),
            pytest.param(
                gate_status(
                    app=held_up(CONFIG_ERROR, "container has runAsNonRoot and image will run as root"), gate=up()
                ),
                "RunsAsRoot",
                "image will run as root",
                id="the kubelet refuses an image of root",
            ),
            pytest.param(
                gate_status(app=crashed(128, 'exec: "serve": executable file not found in $PATH', reason="StartError")),
                "ContainerCannotRun",
                "executable file not found",
                id="the command is not in the image",
            ),
            pytest.param(
                gate_status(app=held_up("CreateContainerError", "no command specified")),
                "ContainerCannotRun",
                "no command specified",
                id="the image has no command",
            ),
            pytest.param(
                gate_status(app=crashed(1, "boom"), gate=reported("Failed", "CaseFailed", "connection refused")),
                "Crashing",
                "boom",
                id="the gate only saw that nobody answered",
            ),
            pytest.param(
                gate_status(app=over(1, "boom", end=DURING), gate=reported("Failed", "CaseFailed", "no answer")),
                "Crashing",
                "boom",
                id="the app ended before the gate and was not started again",
            ),
            pytest.param(
                gate_status(app=crashed(1, "boom"), gate=reported("Passed")),
                "Crashing",
                "boom",
                id="the app ended once and answered well afterwards",
            ),
        ],
    )
    def test_when(self, status: Manifest, reason: str, words: str) -> None:
        gate = judged(status)
        assert (gate.result, gate.started) == (FAILED, True)
        assert gate.problem is not None
        assert gate.problem.reason == reason
        assert gate.problem.reason in DESCRIPTIONS
        assert words in gate.problem.message

    def test_with_the_transcript_where_there_is_one(self) -> None:
        gate = judged(gate_status(app=crashed(1, "boom"), gate=reported("Failed", "CaseFailed", "no answer")))
        assert json.loads(gate.report)["reason"] == "CaseFailed"

    def test_when_the_kubelet_ended_a_gate_that_had_all_its_time(self) -> None:
        gate = over(137, since="2026-11-23T12:05:00Z", end="2026-11-23T12:15:00Z")
        app = over(137, end="2026-11-23T12:15:10Z")
        result = judged(gate_status(app=app, gate=gate, phase="Failed", reason="DeadlineExceeded"))
        assert result.result is FAILED
        assert result.problem is not None
        assert result.problem.reason == "NeverReady"


class TestItSaysNothing:
    @pytest.mark.parametrize(
        ("status", "reason", "words"),
        [
            pytest.param(
                gate_status(app=up(), gate=reported("Inconclusive", "CasesMissing", "ConfigMap bodies is not there")),
                "CasesMissing",
                "ConfigMap bodies is not there",
                id="a case's body is not there",
            ),
            pytest.param(
                gate_status(app=up(), gate=over(1, "Traceback\nRuntimeError: bug\n")),
                "GateInconclusive",
                "container gate ended with exit code 1, without a report: RuntimeError: bug",
                id="the gate itself crashes",
            ),
            pytest.param(
                gate_status(app=up(), gate=over(137, reason="OOMKilled")),
                "OOMKilled",
                "container gate was killed for using more memory than it may: its limit is the operator's own",
                id="the gate itself needs too much memory",
            ),
            pytest.param(
                gate_status(app=up(), gate=over(143, json.dumps({"result": "Passed"}))),
                "GateInconclusive",
                "exit code 143",
                id="a gate that was killed cannot have passed",
            ),
            pytest.param(
                gate_status(fetch=over(3, "ModelCorrupt: model.npz differs from its sha256"), phase="Failed"),
                "ModelCorrupt",
                "model.npz differs from its sha256",
                id="the model cannot be fetched",
            ),
            pytest.param(
                gate_status(fetch=over(1, "StoreUnreachable: contosomodels does not answer"), phase="Failed"),
                "StoreUnreachable",
                "contosomodels does not answer",
                id="the store is away",
            ),
            pytest.param(
                gate_status(app=held_up("ImagePullBackOff", "x"), phase="Failed", reason="DeadlineExceeded"),
                "ImagePullFailed",
                "the node cannot pull",
                id="the app's image never came",
            ),
            pytest.param(
                gate_status(
                    app=over(143), gate=held_up("ImagePullBackOff", "x"), phase="Failed", reason="DeadlineExceeded"
                ),
                "ImagePullFailed",
                "this image is the operator's",
                id="the gate's image never came, while the app ran",
            ),
            pytest.param(
                gate_status(app=over(137), gate=over(137), phase="Failed", reason="DeadlineExceeded"),
                "GateInconclusive",
                "had no time left",
                id="fetch had taken the time of the cases",
            ),
            pytest.param(
                gate_status(app=over(137, end=DURING), gate=over(137), phase="Failed", reason="Evicted"),
                "GateInconclusive",
                "Evicted: the kubelet gives no cause",
                id="the kubelet ended all at once, the app first",
            ),
            pytest.param(
                {"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"},
                "GateInconclusive",
                "OutOfcpu: Node didn't have enough resource: cpu",
                id="the node had promised its room to somebody else",
            ),
            pytest.param(
                gate_status(app=over(255, reason="Unknown"), gate=over(255, reason="Unknown"), phase="Failed"),
                "GateInconclusive",
                "without a report",
                id="the node broke down",
            ),
        ],
    )
    def test_when(self, status: Manifest, reason: str, words: str) -> None:
        gate = judged(status)
        assert gate.result is INCONCLUSIVE
        assert gate.problem is not None
        assert gate.problem.reason == reason
        assert gate.problem.reason in DESCRIPTIONS
        assert words in gate.problem.message


def test_one_that_runs_has_no_verdict_however_late_it_is_as_what_a_watch_shows_may_be_old() -> None:
    gate = judged(gate_status(app=up(), gate=up()), after(hours=3))
    assert (gate.result, gate.started) == (None, True)
