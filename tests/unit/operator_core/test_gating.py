"""How a gate stands, for each thing that its Job and its pod can say."""

import json

import pytest

from aiapp_operator.release.gating import judge
from aiapp_operator.state import GateResult, Manifest
from stand_ins.gates import a_gate_pod, a_job, a_release, after, an_app, crashed, judged
from stand_ins.pod_status import end_of, gate_status, held_up, over, reported, running, unschedulable, up

APP = an_app()
PASSED, INCONCLUSIVE = GateResult.PASSED, GateResult.INCONCLUSIVE
EVICTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
COMPLETE, GAVE_UP = ({"type": kind, "status": "True"} for kind in ("Complete", "Failed"))
LATER = "2026-11-23T12:00:25Z"
"""After the gates of the stand-ins ended, which is 20 seconds after noon."""
NO_DISK = {"terminated": end_of(128, "failed to create task: no space left on device", reason="StartError")}


class TestItPasses:
    def test_when_its_gate_says_so(self) -> None:
        gate = judged(gate_status(app=over(143, end=LATER), gate=reported("Passed"), phase="Succeeded"))
        assert (gate.result, gate.problem, gate.started) == (PASSED, None, True)
        assert json.loads(gate.report)["message"] == "3 of 3 cases passed"

    def test_before_the_app_that_the_kubelet_ends_is_gone(self) -> None:
        assert judged(gate_status(app=up(), gate=reported("Passed"))).result is PASSED

    def test_when_the_app_ended_in_the_same_second_as_the_gate(self) -> None:
        assert judged(gate_status(app=over(137), gate=reported("Passed"))).result is PASSED

    def test_when_the_operator_comes_back_after_everything_is_over(self) -> None:
        status = gate_status(app=over(143, end=LATER), gate=reported("Passed"), phase="Succeeded")
        assert judged(status, after(hours=9), conditions=[COMPLETE]).result is PASSED

    def test_when_its_pod_is_evicted_after_its_last_word(self) -> None:
        status = gate_status(app=over(143, end=LATER), gate=reported("Passed"), conditions=[EVICTED])
        assert judged(status).result is PASSED


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
                gate_status(app=held_up("CreateContainerConfigError", 'secret "api" not found')),
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


class TestItSaysNothing:
    @pytest.mark.parametrize("conditions", [[EVICTED], []], ids=["evicted", "deleted"])
    def test_when_its_only_pod_went_and_the_job_gave_up(self, conditions: list[Manifest]) -> None:
        release = a_release(APP)
        job = a_job(APP, release, conditions=[GAVE_UP])
        metadata = {} if conditions else {"deletionTimestamp": "2026-11-23T12:00:10Z"}
        status = gate_status(app=over(137), gate=over(137), phase="Failed", conditions=conditions)
        gate = judge(APP, release, job, [a_gate_pod(job, status, **metadata)], after(seconds=30))
        assert gate.result is INCONCLUSIVE
        assert gate.problem is not None
        assert "was evicted or deleted before its gate ended" in gate.problem.message

    def test_when_its_pod_is_gone_before_anybody_read_it(self) -> None:
        release = a_release(APP)
        gate = judge(APP, release, a_job(APP, release, conditions=[COMPLETE]), [], after(seconds=30))
        assert gate.result is INCONCLUSIVE
        assert gate.problem is not None
        assert "its pod is gone" in gate.problem.message

    def test_when_its_job_is_being_deleted(self) -> None:
        release = a_release(APP)
        job = a_job(APP, release)
        job["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:10Z"
        assert judge(APP, release, job, [], after(seconds=30)).result is INCONCLUSIVE


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
