"""How a gate stands, for each thing that its Job and its pod can say."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.gating import Gate, judge
from aiapp_operator.reasons import DESCRIPTIONS
from aiapp_operator.state import GateResult, Manifest
from stand_ins.gates import MODEL, NOON, a_gate_pod, a_job, a_release, an_app
from stand_ins.pod_status import end_of, gate_status, held_up, over, reported, running, unschedulable, up

APP = an_app()
PASSED, FAILED, INCONCLUSIVE = GateResult.PASSED, GateResult.FAILED, GateResult.INCONCLUSIVE
EVICTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
CONFIG_ERROR = "CreateContainerConfigError"
DURING, AFTER = "2026-11-23T12:00:10Z", "2026-11-23T12:00:25Z"
"""Before and after the gate of the stand-ins ended, which is 20 seconds after noon."""
SOON = NOON + timedelta(seconds=30)
NO_DISK = {"terminated": end_of(128, "failed to create task: no space left on device", reason="StartError")}


def after(**time: float) -> datetime:
    return NOON + timedelta(**time)


def judged(status: Manifest, now: datetime = SOON, app: AIApp = APP, **job_status: Any) -> Gate:
    """Judge a gate that has one pod."""
    release = a_release(app)
    job = a_job(app, release, **job_status)
    return judge(app, release, job, [a_gate_pod(job, status)], now)


def finished(kind: str) -> Manifest:
    return {"conditions": [{"type": kind, "status": "True"}]}


def crashed(exit_code: int = 1, message: str = "", *, reason: str = "", end: str = DURING) -> Manifest:
    """An app that ended and was started again."""
    return up(DURING, restartCount=1, lastState={"terminated": end_of(exit_code, message, reason=reason, end=end)})


class TestItPasses:
    def test_when_its_gate_says_so(self) -> None:
        gate = judged(gate_status(app=over(143, end=AFTER), gate=reported("Passed"), phase="Succeeded"))
        assert (gate.result, gate.problem, gate.started) == (PASSED, None, True)
        assert json.loads(gate.report)["message"] == "3 of 3 cases passed"

    def test_before_the_app_that_the_kubelet_ends_is_gone(self) -> None:
        assert judged(gate_status(app=up(), gate=reported("Passed"))).result is PASSED

    def test_when_the_app_ended_in_the_same_second_as_the_gate(self) -> None:
        assert judged(gate_status(app=over(137), gate=reported("Passed"))).result is PASSED

    def test_when_the_operator_comes_back_after_everything_is_over(self) -> None:
        status = gate_status(app=over(143, end=AFTER), gate=reported("Passed"), phase="Succeeded")
        assert judged(status, after(hours=9), **finished("Complete")).result is PASSED

    def test_when_its_pod_is_evicted_after_its_last_word(self) -> None:
        status = gate_status(app=over(143, end=AFTER), gate=reported("Passed"), conditions=[EVICTED])
        assert judged(status).result is PASSED


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

    def test_as_soon_as_its_own_time_is_over(self) -> None:
        status = gate_status(app=up(), gate=up())
        on_time = judged(status, after(minutes=10, seconds=29))
        assert (on_time.result, on_time.started, on_time.due) == (None, True, after(minutes=10, seconds=30))
        late = judged(status, after(minutes=10, seconds=30))
        assert late.result is FAILED
        assert late.problem is not None
        assert late.problem.reason == "NeverReady"

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

    @pytest.mark.parametrize("conditions", [[EVICTED], []], ids=["evicted", "deleted"])
    def test_when_its_only_pod_went_and_the_job_gave_up(self, conditions: list[Manifest]) -> None:
        release = a_release(APP)
        job = a_job(APP, release, **finished("Failed"))
        metadata = {} if conditions else {"deletionTimestamp": "2026-11-23T12:00:10Z"}
        status = gate_status(app=over(137), gate=over(137), phase="Failed", conditions=conditions)
        gate = judge(APP, release, job, [a_gate_pod(job, status, **metadata)], after(seconds=30))
        assert gate.result is INCONCLUSIVE
        assert gate.problem is not None
        assert "was evicted or deleted before its gate ended" in gate.problem.message

    def test_when_its_pod_is_gone_before_anybody_read_it(self) -> None:
        release = a_release(APP)
        gate = judge(APP, release, a_job(APP, release, **finished("Complete")), [], after(seconds=30))
        assert gate.result is INCONCLUSIVE
        assert gate.problem is not None
        assert "its pod is gone" in gate.problem.message

    def test_when_its_job_is_being_deleted(self) -> None:
        release = a_release(APP)
        job = a_job(APP, release)
        job["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:10Z"
        assert judge(APP, release, job, [], after(seconds=30)).result is INCONCLUSIVE


class TestItIsUnderWay:
    @pytest.mark.parametrize(
        "status",
        [
            pytest.param({}, id="the kubelet has said nothing yet"),
            pytest.param(gate_status(fetch=up(ready=False)), id="the model is on its way"),
            pytest.param(gate_status(app=held_up("ContainerCreating")), id="the app is being created"),
        ],
    )
    def test_and_needs_only_time_while(self, status: Manifest) -> None:
        gate = judged(status)
        assert (gate.result, gate.problem, gate.started) == (None, None, False)

    @pytest.mark.parametrize(
        ("status", "reason", "words"),
        [
            pytest.param(
                unschedulable("0/3 nodes: 3 Insufficient cpu"), "NoCapacity", "3 Insufficient cpu", id="no room"
            ),
            pytest.param(
                gate_status(app=held_up("ErrImagePull", "401 Unauthorized")),
                "ImagePullFailed",
                "401 Unauthorized; push the image",
                id="the app's image cannot be pulled",
            ),
            pytest.param(
                gate_status(app=up(), gate=held_up("ErrImagePull", "401 Unauthorized")),
                "ImagePullFailed",
                "an administrator corrects serving.image",
                id="the gate's image cannot be pulled",
            ),
            pytest.param(
                gate_status(app=held_up(CONFIG_ERROR, 'secret "api" not found')),
                "ContainerCannotRun",
                'secret "api" not found',
                id="a Secret is not there yet",
            ),
            pytest.param(
                gate_status(app=held_up("CreateContainerError", "context deadline exceeded")),
                "ContainerCannotRun",
                "context deadline exceeded",
                id="the node is slow",
            ),
            pytest.param(
                gate_status(app=held_up("CrashLoopBackOff", lastState=NO_DISK)),
                "ContainerCannotRun",
                "no space left on device",
                id="the node's disk is full",
            ),
        ],
    )
    def test_and_waits_where(self, status: Manifest, reason: str, words: str) -> None:
        gate = judged(status)
        assert (gate.result, gate.started) == (None, False)
        assert gate.problem is not None
        assert gate.problem.reason == reason
        assert words in gate.problem.message

    def test_and_is_judged_once_the_app_has_started(self) -> None:
        assert judged(gate_status(app=up(), gate=up())).started
        assert judged(gate_status(app=up())).started

    def test_and_a_slow_fetch_is_named_and_goes_on(self) -> None:
        status = gate_status(fetch=up(ready=False))
        allowed = judged(status, after(minutes=10))
        assert (allowed.result, allowed.problem, allowed.due) == (None, None, after(minutes=10, seconds=1))
        slow = judged(status, after(minutes=10, seconds=1))
        assert (slow.result, slow.due) == (None, None)
        assert slow.problem is not None
        assert slow.problem.reason == "FetchSlow"

    def test_and_a_restart_by_a_node_that_came_back_is_no_crash(self) -> None:
        assert judged(gate_status(app=crashed(255, reason="Unknown"), gate=up())).result is None

    def test_and_is_not_late_on_a_node_that_went_silent(self) -> None:
        conditions = [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}]
        assert judged(gate_status(app=up(), gate=up(), conditions=conditions), after(minutes=20)).result is None


class TestItsPods:
    def test_are_those_of_the_job_and_not_of_one_that_had_its_name(self) -> None:
        release = a_release(APP)
        job = a_job(APP, release)
        other = a_gate_pod(job, gate_status(app=up(), gate=reported("Passed")))
        other["metadata"]["ownerReferences"][0]["uid"] = "another"
        serving = a_gate_pod(job, running())
        serving["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "digits", "controller": True}]
        assert judge(APP, release, job, [other, serving], after(seconds=10)).result is None

    def test_one_that_takes_the_place_of_an_evicted_one_is_the_one_that_counts(self) -> None:
        release = a_release(APP)
        job = a_job(APP, release)
        first = a_gate_pod(job, gate_status(app=over(137), gate=over(137), phase="Failed", conditions=[EVICTED]))
        waiting = judge(APP, release, job, [first], after(seconds=10))
        assert waiting.result is None
        assert waiting.problem is not None
        assert "another one takes its place" in waiting.problem.message
        second = a_gate_pod(job, gate_status(app=up(), gate=reported("Passed")), "q4m8z")
        second["metadata"]["creationTimestamp"] = "2026-11-23T12:00:30Z"
        assert judge(APP, release, job, [first, second], after(seconds=60)).result is PASSED

    def test_one_that_does_not_come_has_a_cause_that_the_job_knows(self) -> None:
        release = a_release(APP)
        job = a_job(APP, release)
        early = judge(APP, release, job, [], after(seconds=29))
        assert (early.result, early.problem, early.due) == (None, None, after(seconds=30))
        late = judge(APP, release, job, [], after(seconds=30))
        assert (late.result, late.due) == (None, None)
        assert late.problem is not None
        assert late.problem.reason == "PodsRefused"
        assert "`kubectl describe job digits-gate-7-0` shows why" in late.problem.message


class TestTheReport:
    def test_holds_nothing_that_looks_like_a_secret(self) -> None:
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

    def test_keeps_what_says_which_release_it_was(self) -> None:
        model = {"version": "42", "digest": MODEL.digest}
        gate = judged(gate_status(app=up(), gate=reported("Passed", model=model)))
        assert json.loads(gate.report)["model"] == model

    def test_is_never_longer_than_a_termination_message(self) -> None:
        cases = [{"name": f"case {n}", "message": "pwd=a " * 30} for n in range(18)]
        status = reported("Failed", "CaseFailed", "18 of 18 cases failed", cases=cases)
        gate = judged(gate_status(app=up(), gate=status))
        assert len(gate.report.encode()) <= 4096
        kept = json.loads(gate.report)["cases"]
        assert 0 < len(kept) < 18
        assert kept[0]["name"] == "case 0"

    def test_that_is_long_in_all_its_parts_is_cut_to_its_result(self) -> None:
        gate = judged(gate_status(app=up(), gate=reported("Passed", model={"version": "x" * 5000})))
        assert json.loads(gate.report) == {"result": "Passed", "message": "3 of 3 cases passed"}

    @pytest.mark.parametrize(
        "said", ["", "Passed", "[]", "null", '{"result": "Great"}', '{"result": null}', '{"result": []}', "[" * 4000]
    )
    def test_that_cannot_be_read_is_none(self, said: str) -> None:
        gate = judged(gate_status(app=up(), gate=over(0, said)))
        assert gate.result is INCONCLUSIVE
        assert gate.report == ""
