"""Causes in words, for each way in which pods fail to serve."""

from datetime import timedelta
from typing import Any

import pytest

from aiapp_operator import pod_findings
from aiapp_operator.container_states import excerpt
from aiapp_operator.findings import failing_release
from aiapp_operator.state import Manifest
from stand_ins.app_cluster import NOON, a_pod, serving_cluster
from stand_ins.pod_status import IMAGE, ended, running, unschedulable, waiting

DEADLINE = timedelta(minutes=10)
STUCK: Manifest = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def deployment(*conditions: Manifest) -> Manifest:
    return {"metadata": {"name": "digits"}, "status": {"conditions": list(conditions)}}


def refused(message: str) -> Manifest:
    return deployment({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message})


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        pytest.param(
            waiting("ErrImagePull", "rpc error: code = NotFound desc = not found"),
            "ImagePullFailed",
            f"pod digits-2-0, container app: the node cannot pull {IMAGE}: rpc error: code = NotFound desc = not found",
            id="the image is not in the registry",
        ),
        pytest.param(
            waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: rpc error: not found'),
            "ImagePullFailed",
            "rpc error: not found; push the image",
            id="the kubelet waits before the next pull and repeats the cause",
        ),
        pytest.param(
            waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'),
            "ImagePullFailed",
            "the kubelet gives no cause",
            id="an older kubelet does not repeat the cause",
        ),
        pytest.param(
            waiting("ErrImagePull", "401 Unauthorized", container="fetch"),
            "ImagePullFailed",
            "an administrator corrects serving.image in the chart's values",
            id="the serving image cannot be pulled",
        ),
        pytest.param(
            ended(3, "ModelMissing: contosomodels/models/digits/42/model.npz is gone", container="fetch"),
            "ModelMissing",
            "pod digits-2-0, container fetch: contosomodels/models/digits/42/model.npz is gone",
            id="fetch says why it failed",
        ),
        pytest.param(
            ended(1, "Traceback (most recent call last):\nMemoryError\n", container="fetch"),
            "FetchFailed",
            "container fetch ended with exit code 1: MemoryError",
            id="fetch fails without saying why",
        ),
        pytest.param(
            ended(137, container="fetch", reason="OOMKilled"),
            "OOMKilled",
            "container fetch was killed for using more memory than it may: its limit is the operator's own",
            id="fetch runs out of memory",
        ),
        pytest.param(
            waiting("CreateContainerConfigError", 'secret "api-key" not found'),
            "ContainerCannotRun",
            'CreateContainerConfigError: secret "api-key" not found',
            id="the environment refers to a Secret that is not there",
        ),
        pytest.param(
            ended(127, 'exec: "gunicorn": executable file not found in $PATH', reason="ContainerCannotRun"),
            "ContainerCannotRun",
            'exec: "gunicorn": executable file not found in $PATH',
            id="the command is not in the image",
        ),
        pytest.param(
            ended(128, "exec format error", reason="StartError"),
            "ContainerCannotRun",
            "StartError: exec format error",
            id="the image is for another kind of machine",
        ),
        pytest.param(
            ended(1, 'nginx: [emerg] mkdir() "/var/cache/nginx" failed (13: Permission denied)'),
            "RunsAsRoot",
            'mkdir() "/var/cache/nginx" failed (13: Permission denied); pods run as user 65532',
            id="the image writes where only root may",
        ),
        pytest.param(
            ended(126, 'exec: "/opt/start.sh": permission denied', reason="StartError"),
            "RunsAsRoot",
            'exec: "/opt/start.sh": permission denied',
            id="the command is root's alone",
        ),
        pytest.param(
            ended(1, "psycopg.errors.InsufficientPrivilege: permission denied for table digits"),
            "Crashing",
            "permission denied for table digits",
            id="a database refuses the app",
        ),
        pytest.param(
            ended(137, reason="OOMKilled"),
            "OOMKilled",
            "raise spec.serving.resources.limits.memory",
            id="out of memory",
        ),
        pytest.param(
            ended(1, "Traceback (most recent call last):\n  File x\nKeyError: 'weights'\n"),
            "Crashing",
            "ended with exit code 1 (1 restarts): KeyError: 'weights'",
            id="the app raises at start",
        ),
        pytest.param(
            ended(1, "LoadFailed: score.py: init() raised KeyError: 'weights'"),
            "LoadFailed",
            "container app: score.py: init() raised KeyError: 'weights'",
            id="the runtime says why it failed",
        ),
        pytest.param(ended(0), "Crashing", "exit code 0 (1 restarts): it left no message", id="the app just ends"),
        pytest.param(ended(139, signal=11), "Crashing", "ended with signal 11", id="the app dies by a signal"),
        pytest.param(
            running(lastState={"terminated": {"exitCode": 1, "message": "boom"}}, restartCount=4),
            "Crashing",
            "(4 restarts): boom",
            id="the app crashed and tries again",
        ),
        pytest.param(
            unschedulable("0/3 nodes are available: 3 Insufficient memory."),
            "NoCapacity",
            "0/3 nodes are available: 3 Insufficient memory.",
            id="no node has room",
        ),
    ],
)
def test_the_cause_is_named_when(status: dict[str, Any], reason: str, words: str) -> None:
    problem = pod_findings.cause([a_pod("2", 0, **status)])
    assert problem is not None
    assert problem.reason == reason
    assert words in problem.message


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(waiting("ContainerCreating"), id="it is being created"),
        pytest.param(waiting("PodInitializing"), id="fetch still runs"),
        pytest.param(running(container="fetch"), id="the model is on its way"),
        pytest.param(running(), id="the app loads its model"),
        pytest.param({}, id="the kubelet has said nothing yet"),
    ],
)
def test_a_pod_needs_only_time_while(status: dict[str, Any]) -> None:
    assert pod_findings.cause([a_pod("2", 0, **status)]) is None


def test_a_fetch_that_succeeded_at_last_is_no_cause_any_more() -> None:
    fetched = {
        "name": "fetch",
        "state": {"terminated": {"exitCode": 0}},
        "lastState": {"terminated": {"exitCode": 1, "message": "StoreUnreachable: no answer"}},
    }
    assert pod_findings.cause([a_pod("2", 0, initContainerStatuses=[fetched])]) is None


def test_a_crash_counts_more_than_a_pod_that_waits_for_a_node() -> None:
    pods = [a_pod("2", 0, **unschedulable("0/1 nodes")), a_pod("2", 1, **ended(1, "boom"))]
    problem = pod_findings.cause(pods)
    assert problem is not None
    assert problem.reason == "Crashing"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("DefaultEndpointsProtocol=https;AccountKey=c2VjcmV0;x", "DefaultEndpointsProtocol=https;AccountKey=***;x"),
        ("https://x.blob.core.windows.net/m?sv=1&sig=abc%2F", "https://x.blob.core.windows.net/m?sv=1&sig=***"),
        ("postgres://app:hunter2@db/x", "postgres://***@db/x"),
        ("password: hunter2, retry", "password: ***, retry"),
        ("Authorization: Bearer eyJhbGciOi", "Authorization: ***"),
        ("x" * 700, "x" * 597 + "..."),
        ("two\n  lines", "two lines"),
    ],
    ids=["account key", "SAS", "password in a URL", "password", "bearer token", "a long text", "a text of many lines"],
)
def test_what_others_say_is_shown_short_and_without_secrets(said: str, shown: str) -> None:
    assert excerpt(said) == shown


@pytest.mark.parametrize("gone", [{"phase": "Failed"}, {"phase": "Succeeded"}], ids=["evicted", "ended"])
def test_pods_that_are_gone_say_nothing_about_the_release(gone: dict[str, Any]) -> None:
    pod = a_pod("2", 0, **ended(1, "boom"))
    pod["status"] |= gone
    leaving = a_pod("2", 1, **ended(1, "boom"))
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    assert pod_findings.of_revision([pod, leaving], 2) == ()


class TestNeverReady:
    def test_a_pod_that_runs_longer_than_the_deadline_is_named(self) -> None:
        pods = [a_pod("2", 0, **running("2026-11-23T11:50:00Z"))]
        problem = pod_findings.never_ready(pods, NOON, DEADLINE)
        assert problem is not None
        assert problem.reason == "NeverReady"
        assert (
            "pod digits-2-0, container app has been running without being ready since 2026-11-23T11:50:00Z"
            in problem.message
        )

    def test_a_pod_within_its_deadline_is_not(self) -> None:
        pods = [a_pod("2", 0, **running("2026-11-23T11:50:01Z"))]
        assert pod_findings.never_ready(pods, NOON, DEADLINE) is None
        assert pod_findings.ready_due(pods, DEADLINE) == NOON + timedelta(seconds=1)

    def test_the_operator_looks_again_just_when_the_deadline_ends(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        planned = cluster.start_one_pod(**running(cluster.now.isoformat()))
        assert planned.requeue_after == 590
        cluster.wait(seconds=590)
        cluster.run()
        assert [hold["reason"] for hold in cluster.app["status"]["holds"]] == ["NeverReady"]

    def test_a_late_pod_says_more_than_a_deployment_that_gave_up(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.start_one_pod(**running(cluster.now.isoformat()))
        cluster.deployment["status"]["conditions"] = [STUCK]
        cluster.wait(seconds=600)
        cluster.run()
        assert [hold["reason"] for hold in cluster.app["status"]["holds"]] == ["NeverReady"]

    def test_a_pod_that_was_ready_has_the_whole_deadline_again(self) -> None:
        lost = {"type": "ContainersReady", "status": "False", "lastTransitionTime": "2026-11-23T11:55:00Z"}
        pods = [a_pod("2", 0, **running("2026-11-23T11:00:00Z"))]
        pods[0]["status"]["conditions"] = [lost]
        assert pod_findings.never_ready(pods, NOON, DEADLINE) is None
        assert pod_findings.ready_due(pods, DEADLINE) == NOON + timedelta(minutes=5)


class TestTheDeployment:
    def test_a_quota_is_named(self) -> None:
        problem = failing_release(refused('pods "digits-x" is forbidden: exceeded quota: team, requested: cpu=1'), [])
        assert problem is not None
        assert problem.reason == "QuotaExceeded"
        assert "exceeded quota: team" in problem.message

    def test_a_policy_is_quoted(self) -> None:
        problem = failing_release(refused('violates PodSecurity "restricted:latest"'), [])
        assert problem is not None
        assert problem.reason == "PodsRefused"
        assert 'violates PodSecurity "restricted:latest"' in problem.message

    def test_a_rollout_without_progress_and_cause_says_where_to_look(self) -> None:
        problem = failing_release(deployment(STUCK), [a_pod("2", 0, **waiting("ContainerCreating"))])
        assert problem is not None
        assert problem.reason == "RolloutStuck"
        assert "`kubectl describe pod digits-2-0` may tell more" in problem.message

    def test_a_cause_in_a_pod_counts_more_than_the_deadline(self) -> None:
        problem = failing_release(deployment(STUCK), [a_pod("2", 0, **ended(1, "boom"))])
        assert problem is not None
        assert problem.reason == "Crashing"

    def test_a_rollout_that_moves_is_no_problem(self) -> None:
        assert failing_release(deployment({"type": "Progressing", "status": "True", "reason": "X"}), []) is None
