"""A release that goes bad after the switch is undone by itself, stays undone, and is passed by."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from aiapp_operator.release.notes import UNDONE_TIME
from e2e.load import Load, load
from e2e.rig import READY_SECONDS, App, Tenant, eventually
from e2e.watch import watch

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")

CRASH = "{.status.containerStatuses[0].lastState.terminated['exitCode','finishedAt']}"
FOUND_WITHIN = timedelta(seconds=10)
MOOD = {"name": "MOOD", "valueFrom": {"configMapKeyRef": {"name": "mood", "key": "mood"}}}


@dataclass(frozen=True)
class Stage:
    """An app that follows the tags of a repository and is asked all the time."""

    app: App
    client: Load
    repository: str

    def publish(self, kind: str, tag: str) -> None:
        """Push an image and have the registry asked."""
        self.app.tenant.deployed.push_app(kind, self.repository, tag)
        self.app.ask_now()

    def held(self) -> list[str]:
        return sorted(hold["version"] for hold in self.app.get()["status"].get("holds", []))


@pytest.fixture(scope="module")
def stage(tenant: Tenant) -> Iterator[Stage]:
    """Two pods of image one, whose release has been through its bake; the next ones are watched for long."""
    repository = f"{tenant.namespace}/moods"
    tenant.deployed.push_app("one", repository, "1.0.0")
    tenant.kubectl("create", "configmap", "mood", "--from-literal=mood=good")
    app = App(tenant)
    serving = {"replicas": 2, "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}, "env": [MOOD]}
    policy = {"type": "SemVer", "range": "1.x", "interval": "1h"}
    app.apply(f"{tenant.cluster.registry}/{repository}", imagePolicy=policy, serving=serving)
    app.wait("UpToDate")
    app.edit(release={"bake": {"duration": "10m"}})
    with load(app) as client:
        yield Stage(app, client, repository)


def test_a_release_whose_pods_restart_in_its_bake_is_rolled_back(stage: Stage) -> None:
    app, kubectl = stage.app, stage.app.tenant.kubectl
    stage.publish("moody", "1.1.0")
    stage.app.wait_for_answer("moody", "model 1")
    app.wait("UpToDate")
    kubectl("patch", "configmap", "mood", "--patch", json.dumps({"data": {"mood": "bad"}}))
    # Whoever starts from now on crashes, as after a node was drained; the other pod serves meanwhile.
    pods = kubectl("get", "pods", "-l", "aiapp.dev/role=serving,aiapp.dev/revision=2", "-o", "name").split()
    with watch(app.tenant, "pods", CRASH) as ends:
        kubectl("delete", pods[0], "--wait=false")
        message = app.wait_for_reason("UpToDate", "Held")
    assert "this image is in a bad mood" in message
    crashed = min(end.split()[1] for end in ends if end.startswith("1 "))
    undone = app.note(2, UNDONE_TIME)
    assert datetime.fromisoformat(undone) - datetime.fromisoformat(crashed) <= FOUND_WITHIN
    app.wait_for_answer("one", "model 1")  # pods of the bad release answer for a moment after it is undone
    assert app.get()["status"]["active"]["revision"] == 1
    assert stage.held() == ["1.1.0"]
    assert [event for event in app.events() if event.startswith("RolledBack: ")], app.events()


def test_ten_polls_do_not_undo_the_rollback(stage: Stage) -> None:
    kinds = "deployments,controllerrevisions,jobs"
    before = stage.app.tenant.kubectl("get", kinds, "-o", "jsonpath={.items[*].metadata.uid}")
    generation = "jsonpath={.items[*].metadata.generation}"
    deployed = stage.app.tenant.kubectl("get", "deployments", "-o", generation)
    for _ in range(10):
        stage.app.ask_now()
    assert stage.app.tenant.kubectl("get", kinds, "-o", "jsonpath={.items[*].metadata.uid}") == before
    assert stage.app.tenant.kubectl("get", "deployments", "-o", generation) == deployed
    stage.app.expect_answer("one", "model 1")


def test_when_a_newer_one_fails_too_the_held_one_is_not_shipped(stage: Stage) -> None:
    stage.publish("crash", "1.2.0")
    eventually("both are held", lambda: stage.held() == ["1.1.0", "1.2.0"], seconds=READY_SECONDS)
    assert stage.app.wait_for_reason("UpToDate", "Held")
    stage.app.expect_answer("one", "model 1")


def test_a_newer_good_one_passes_the_holds_by(stage: Stage) -> None:
    stage.publish("two", "1.3.0")
    stage.app.wait_for_answer("two", "model 1")
    stage.app.wait("UpToDate")
    assert stage.held() == ["1.1.0", "1.2.0"]


def test_going_back_by_hand_stays_until_it_is_let_go(stage: Stage) -> None:
    stage.app.edit(release={"bake": {"duration": "0s"}})
    stage.app.act("rollback-to", "previous")
    stage.app.wait_for_answer("one", "model 1")
    stage.app.wait_for_reason("UpToDate", "Held")
    stage.app.ask_now()
    stage.app.expect_answer("one", "model 1")
    stage.app.act("unhold", "All")
    stage.app.wait_for_answer("two", "model 1")
    stage.app.wait("UpToDate")


def test_nobody_who_used_the_app_meanwhile_was_let_down(stage: Stage) -> None:
    seen = stage.client.end()
    images = {json.loads(answer.label)["image"] for answer in seen.answers}
    assert images == {"one", "moody", "two"}


def test_the_operator_never_had_to_be_restarted(stage: Stage) -> None:
    # By now it has compared everything it watches with lists of its own, also kinds of which there is none.
    restarts = "jsonpath={.items[*].status.containerStatuses[*].restartCount}"
    deployed = stage.app.tenant.deployed
    assert deployed.cluster.kubectl("-n", deployed.namespace, "get", "pods", "-o", restarts) == "0"
