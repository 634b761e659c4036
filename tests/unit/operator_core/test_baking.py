"""What counts against a release once it serves, and what does not."""

from datetime import timedelta
from typing import Any

import pytest

from aiapp_operator.release.baking import bake_due, bake_problem
from aiapp_operator.state import Manifest
from stand_ins.gates import NOON
from stand_ins.pod_status import end_of, held_up, over, serving_status, up

RELEASED = NOON
NOW = NOON + timedelta(minutes=2)
BEFORE, IN_TIME, AFTER = "2026-11-23T11:58:00Z", "2026-11-23T12:00:00Z", "2026-11-23T12:01:00Z"


def pod(status: Manifest, **metadata: Any) -> Manifest:
    return {"metadata": {"name": "digits-7-a", **metadata}, "status": status}


def restarted(end: str, exit_code: int = 1, message: str = "boom", reason: str = "") -> Manifest:
    """An app that ended, was started again and serves."""
    last = {"terminated": end_of(exit_code, message, reason=reason, end=end)}
    return serving_status(up(end, restartCount=1, lastState=last))


def unready(since: str, started: str = BEFORE, *, app_ready: bool = False) -> Manifest:
    """A pod that runs since `started` and is without readiness since `since`."""
    return serving_status(up(started, ready=app_ready, started=True), ready=False, since=since)


class TestARestart:
    @pytest.mark.parametrize(
        ("status", "reason", "words"),
        [
            pytest.param(
                restarted(AFTER), "Crashing", "exit code 1 (1 restarts): boom", id="it crashed, and serves again"
            ),
            pytest.param(
                restarted(AFTER, 137, "", "OOMKilled"),
                "OOMKilled",
                "raise spec.serving.resources",
                id="it ran out of memory",
            ),
            pytest.param(
                restarted(AFTER, 1, "[Errno 13] Permission denied: '/x'"),
                "RunsAsRoot",
                "'/x'",
                id="it was refused something",
            ),
            pytest.param(serving_status(over(1, "boom", end=AFTER)), "Crashing", "boom", id="it just crashed"),
            pytest.param(
                serving_status(
                    held_up("CrashLoopBackOff", restartCount=1, lastState={"terminated": end_of(1, "boom", end=AFTER)})
                ),
                "Crashing",
                "boom",
                id="it waits to be started again",
            ),
        ],
    )
    def test_ends_the_bake_when(self, status: Manifest, reason: str, words: str) -> None:
        problem = bake_problem([pod(serving_status(up())), pod(status)], RELEASED, NOW)
        assert problem is not None
        assert problem.reason == reason
        assert words in problem.message

    @pytest.mark.parametrize(
        "status",
        [
            pytest.param(serving_status(up()), id="nothing happened"),
            pytest.param(restarted(BEFORE), id="it crashed in the rollout"),
            pytest.param(restarted(IN_TIME), id="it crashed just when the rollout was complete"),
            pytest.param(restarted(AFTER, 255, "", "Unknown"), id="its node broke down and came back"),
            pytest.param(restarted(AFTER, 137, "", "ContainerStatusUnknown"), id="its node lost it"),
            pytest.param({}, id="the kubelet has said nothing yet"),
            pytest.param(
                serving_status(held_up("ImagePullBackOff", "401")), id="a new pod's node cannot pull the image"
            ),
        ],
    )
    def test_is_none_when(self, status: Manifest) -> None:
        assert bake_problem([pod(status)], RELEASED, NOW) is None

    @pytest.mark.parametrize(
        ("status", "metadata"),
        [
            (restarted(AFTER), {"deletionTimestamp": AFTER}),
            (restarted(AFTER) | {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}, {}),
        ],
        ids=["deleted or scaled away", "evicted"],
    )
    def test_of_a_pod_that_has_to_go_does_not_count(self, status: Manifest, metadata: dict[str, Any]) -> None:
        assert bake_problem([pod(status, **metadata)], RELEASED, NOW) is None


class TestLostReadiness:
    def test_ends_the_bake_after_30_seconds(self) -> None:
        pods = [pod(unready(AFTER))]
        end = NOON + timedelta(seconds=90)
        early = end - timedelta(seconds=1)
        assert bake_problem(pods, RELEASED, early) is None
        assert bake_due(pods, RELEASED, early) == end
        problem = bake_problem(pods, RELEASED, end)
        assert problem is not None
        assert problem.reason == "ReadinessLost"
        assert "pod digits-7-a, container app runs, but since 2026-11-23T12:01:00Z" in problem.message
        assert bake_due(pods, RELEASED, end) is None

    def test_is_due_when_the_first_of_the_pods_is(self) -> None:
        pods = [pod(unready("2026-11-23T12:01:50Z")), pod(unready("2026-11-23T12:01:40Z"))]
        assert bake_due(pods, RELEASED, NOW) == NOON + timedelta(minutes=2, seconds=10)

    @pytest.mark.parametrize(
        "status",
        [
            pytest.param(unready(BEFORE, started=AFTER), id="a new pod still loads its model"),
            pytest.param(unready(AFTER, started=AFTER), id="a new pod was started in the second of its first report"),
            pytest.param(unready(AFTER, app_ready=True), id="its node went silent: the kubelet took nothing away"),
            pytest.param(unready("2026-11-23T11:59:00Z"), id="it was lost before all pods were ready"),
            pytest.param(
                serving_status(held_up("ContainerCreating"), ready=False, since=AFTER), id="a new pod is created"
            ),
        ],
    )
    def test_is_none_when(self, status: Manifest) -> None:
        pods = [pod(status)]
        assert bake_problem(pods, RELEASED, NOW) is None
        assert bake_due(pods, RELEASED, NOW) is None

    def test_of_a_pod_that_has_to_go_does_not_count(self) -> None:
        pods = [pod(unready(AFTER), deletionTimestamp=AFTER)]
        assert bake_problem(pods, RELEASED, NOW) is None
        assert bake_due(pods, RELEASED, NOW) is None
