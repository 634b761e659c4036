"""Nothing gets traffic before its gate: what fails is held by what it changed, and what serves keeps serving."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.load import Load, load
from e2e.models import BODY
from e2e.rig import App, Manifest, Tenant
from e2e.watch import watch

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")

CASE = {
    "name": "names-its-model",
    "request": {"body": BODY},
    "expect": {"jsonPath": "$.result.model", "matches": "model [a-z0-9]+"},
}


@dataclass(frozen=True)
class Stage:
    """An app that is asked all the time, and what its pods and endpoints went through."""

    app: App
    client: Load
    ready_gates: list[str]
    endpoints: list[str]

    @property
    def images(self) -> dict[str, str]:
        return self.app.tenant.deployed.images


@pytest.fixture(scope="module")
def stage(tenant: Tenant) -> Iterator[Stage]:
    """An app that serves image one with model 1 after its first gate, watched from before that."""
    app = App(tenant)
    ready = '{.metadata.labels.aiapp\\.dev/role} {.metadata.name} {.status.conditions[?(@.type=="Ready")].status}'
    with (
        watch(tenant, "pods", ready) as pods,
        watch(tenant, "endpointslices", "{.endpoints[*].targetRef.name}") as endpoints,
    ):
        app.apply(tenant.deployed.images["one"], release={"gate": {"cases": [CASE]}})
        app.wait("UpToDate")
        with load(app) as client:
            yield Stage(app, client, pods, endpoints)


@pytest.fixture
def app(stage: Stage) -> Iterator[App]:
    """The same, brought back to what served before."""
    yield stage.app
    stage.app.edit(image=stage.images["one"], modelVersion="1", serving={"nodeSelector": None})
    stage.app.wait("UpToDate")


def _holds(app: App) -> list[tuple[str, str, str]]:
    holds = app.get()["status"].get("holds", [])
    return sorted((hold["stream"], hold["version"], hold["reason"]) for hold in holds)


def _still_serves(app: App) -> None:
    assert app.condition("Ready")["status"] == "True"
    app.expect_answer("one", "model 1")


def test_the_first_release_has_no_pod_that_serves_before_its_gate_has_passed(app: App) -> None:
    get = app.tenant.kubectl
    end = '{.items[*].status.containerStatuses[?(@.name=="gate")].state.terminated.finishedAt}'
    passed = get("get", "pods", "-l", "aiapp.dev/role=gate,aiapp.dev/revision=1", "-o", f"jsonpath={end}")
    deployed = get("get", "deployment", app.name, "-o", "jsonpath={.metadata.creationTimestamp}")
    assert "" < passed <= deployed
    assert app.condition("GatePassed")["status"] == "True"
    (release,) = app.get()["status"]["history"]
    assert (release["revision"], release["gate"]) == (1, "Passed")
    assert [event for event in app.events() if event.startswith("GatePassed: ")], app.events()


def test_an_image_whose_answers_are_wrong_is_held(stage: Stage, app: App) -> None:
    app.edit(image=stage.images["wrong"])
    message = app.wait_for_reason("UpToDate", "Held")
    assert "names-its-model" in message
    assert _holds(app) == [("Image", "wrong", "CaseFailed")]
    _still_serves(app)


def test_the_model_authors_own_case_fails_their_own_model(app: App) -> None:
    app.tenant.upload_model("mislabelled", golden="model seven")
    app.edit(modelVersion="mislabelled")
    message = app.wait_for_reason("UpToDate", "Held")
    assert "own-name" in message
    assert ("Model", "mislabelled", "CaseFailed") in _holds(app)
    _still_serves(app)


def test_a_gate_that_finds_no_node_holds_nothing(app: App) -> None:
    before = _holds(app)
    app.edit(serving={"nodeSelector": {"example.com/nowhere": "true"}})
    app.wait_for_reason("UpToDate", "NoCapacity")
    assert _holds(app) == before
    _still_serves(app)


def test_of_an_image_and_a_model_that_come_together_the_good_one_ships(stage: Stage) -> None:
    app, before = stage.app, _holds(stage.app)
    app.tenant.upload_model("worse", golden="model better")
    app.edit(image=stage.images["two"], modelVersion="worse")
    app.wait_for_answer("two", "model 1")
    app.wait_for_reason("UpToDate", "Held")
    assert _holds(app) == sorted([*before, ("Model", "worse", "CaseFailed")])


def test_a_web_server_that_knows_nothing_of_us_is_gated_and_serves(stage: Stage) -> None:
    app = App(stage.app.tenant, "doubles")
    expect = {"jsonPath": "$.doubled", "equals": "6"}
    case: Manifest = {"name": "three", "request": {"path": "/double", "body": json.dumps({"x": 3})}, "expect": expect}
    serving = {"replicas": 1, "readinessPath": "/healthz", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}
    app.apply(stage.images["plain"], None, serving=serving, release={"gate": {"cases": [case]}})
    app.wait("UpToDate")
    app.edit(release={"gate": {"cases": [{**case, "expect": {**expect, "equals": "7"}}]}}, serving={"replicas": 2})
    app.wait("UpToDate")  # neither the cases nor the number of pods make a release
    assert [release["gate"] for release in app.get()["status"]["history"]] == ["Passed"]


def test_a_gate_pod_that_was_ready_was_never_behind_a_service(stage: Stage) -> None:
    ready = {line.split()[1] for line in stage.ready_gates if line.startswith("gate ") and line.endswith(" True")}
    behind = {name for line in stage.endpoints for name in line.split()}
    assert len(ready) >= 3
    assert behind
    assert not ready & behind


def test_nobody_who_used_the_app_meanwhile_was_let_down(stage: Stage) -> None:
    seen = stage.client.end()
    assert {answer.label for answer in seen.answers} == {
        json.dumps({"image": image, "model": "model 1"}) for image in ("one", "two")
    }
