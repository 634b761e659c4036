"""What a release is to blame for, and what only keeps it waiting."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aiapp_operator import pod_findings
from aiapp_operator.release.ledger import Release
from aiapp_operator.state import Severity
from stand_ins.app_cluster import NOON, a_pod, serving_cluster
from stand_ins.gates import MODEL, a_release, an_app
from stand_ins.pod_status import ended, running, unschedulable, waiting


class TestTheReleaseItself:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            pytest.param(ended(1, "boom", restarts=2), "Crashing", id="it crashes again and again"),
            pytest.param(ended(137, reason="OOMKilled", restarts=2), "OOMKilled", id="it needs too much memory"),
            pytest.param(
                ended(1, "LoadFailed: score.py: no", restarts=2), "LoadFailed", id="code and model do not fit"
            ),
            pytest.param(ended(1, "x: Permission denied", restarts=2), "RunsAsRoot", id="it needs root"),
            pytest.param(
                waiting(
                    "CreateContainerConfigError", "container has runAsNonRoot and image has non-numeric user (app)"
                ),
                "RunsAsRoot",
                id="the kubelet refuses its user",
            ),
            pytest.param(
                waiting("CreateContainerError", "no command specified"), "ContainerCannotRun", id="no command"
            ),
            pytest.param(
                ended(
                    127,
                    'failed to create shim task: exec: "x": executable file not found in $PATH',
                    reason="StartError",
                ),
                "ContainerCannotRun",
                id="its command is not in the image",
            ),
            pytest.param(
                ended(128, "exec format error", reason="StartError"), "ContainerCannotRun", id="another machine"
            ),
        ],
    )
    def test_is_at_fault_when(self, status: dict[str, Any], reason: str) -> None:
        pods = [a_pod("2", 0, ready=True), a_pod("2", 1, **status)]
        problem = pod_findings.faults(pods)
        assert problem is not None
        assert problem.reason == reason

    @pytest.mark.parametrize(
        "status",
        [
            pytest.param(ended(1, "boom"), id="it ended once: what it needs may come up"),
            pytest.param(running(), id="it loads its model"),
            pytest.param(waiting("ErrImagePull", "401 Unauthorized"), id="its image cannot be pulled"),
            pytest.param(waiting("CreateContainerConfigError", 'secret "api" not found'), id="a Secret is not there"),
            pytest.param(waiting("CreateContainerError", "context deadline exceeded"), id="its node is slow"),
            pytest.param(
                ended(128, "failed to create shim task: no space left on device", reason="StartError", restarts=5),
                id="its node's disk is full",
            ),
            pytest.param(ended(3, "ModelCorrupt: no", container="fetch", restarts=5), id="its model cannot be fetched"),
            pytest.param(
                ended(137, container="fetch", reason="OOMKilled", restarts=5), id="fetch needs too much memory"
            ),
            pytest.param(ended(255, reason="Unknown", restarts=5), id="its node breaks down again and again"),
            pytest.param(unschedulable("0/3 nodes"), id="no node has room"),
            pytest.param({}, id="the kubelet has said nothing yet"),
        ],
    )
    def test_is_not_at_fault_when(self, status: dict[str, Any]) -> None:
        assert pod_findings.faults([a_pod("2", 0, **status)]) is None

    def test_is_not_at_fault_for_a_pod_that_is_evicted(self) -> None:
        pod = a_pod("2", 0, **ended(137, "", restarts=2))
        assert pod_findings.faults([pod]) is not None
        pod["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]
        assert pod_findings.faults([pod]) is None


def sized(size_bytes: int) -> Release:
    return a_release(an_app(), model=replace(MODEL, size_bytes=size_bytes))


class TestFetch:
    def test_that_takes_longer_than_its_size_explains_is_named_and_goes_on(self) -> None:
        pods = [a_pod("2", 0, **running("2026-11-23T11:49:00Z", container="fetch"))]
        size = 600 * 1024 * 1024  # ten minutes, and one at 10 MiB/s
        release = sized(size)
        problem = pod_findings.fetch_slow(pods, release, NOON)
        assert problem is not None
        assert (problem.severity, problem.reason) == (Severity.WAITING, "FetchSlow")
        assert "has been fetching the model since 2026-11-23T11:49:00Z, longer than 0:11:00" in problem.message
        assert pod_findings.fetch_slow(pods, release, NOON - timedelta(seconds=1)) is None
        assert pod_findings.fetch_due(pods, release) == NOON

    def test_that_is_slow_in_a_rollout_is_waited_for_and_undoes_nothing(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        planned = cluster.start_one_pod(**running(cluster.now.isoformat(), container="fetch"))
        assert planned.requeue_after == 591  # ten minutes, and a second for its 18,764 bytes
        cluster.wait(seconds=591)
        cluster.run()
        assert cluster.conditions["UpToDate"]["reason"] == "FetchSlow"
        assert "holds" not in cluster.app["status"]

    def test_that_is_done_was_not_slow(self) -> None:
        pods = [a_pod("2", 0, **running("2026-11-23T10:00:00Z"))]
        assert pod_findings.fetch_slow(pods, sized(1), NOON) is None
        assert pod_findings.fetch_due(pods, sized(1)) is None
