"""Releases that cannot start: the old one serves on, and the condition says why in words."""

from collections.abc import Iterator

import pytest

from e2e.rig import SECRET, App, Tenant

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")


@pytest.fixture(scope="module")
def serving(tenant: Tenant) -> App:
    """An app that serves image one with model 1."""
    tenant.upload_model("corrupt", corrupt=True)
    tenant.upload_model("incomplete", complete=False)
    app = App(tenant)
    app.apply(tenant.deployed.images["one"])
    app.wait("UpToDate")
    app.edit(release={"gate": {"timeout": "10s"}})  # nothing good comes after this
    return app


@pytest.fixture
def app(serving: App) -> Iterator[App]:
    """The same, brought back to what served before."""
    yield serving
    serving.edit(image=serving.tenant.deployed.images["one"], modelVersion="1", serving={"readinessPath": None})
    serving.wait("UpToDate")


def _still_serves(app: App) -> None:
    assert app.condition("Ready")["status"] == "True"
    assert (app.answer()["image"], app.answer()["model"]) == ("one", "model 1")


def test_a_missing_image(app: App) -> None:
    image = app.tenant.deployed.images["one"].replace(":one", ":none")
    app.edit(image=image)
    assert image in app.wait_for_reason("UpToDate", "ImageNotFound")
    _still_serves(app)


def test_a_missing_model(app: App) -> None:
    app.edit(modelVersion="none")
    assert "none" in app.wait_for_reason("UpToDate", "ModelMissing")
    _still_serves(app)


def test_an_incomplete_model_gives_the_command_that_completes_it(app: App) -> None:
    app.edit(modelVersion="incomplete")
    assert "sha256sum" in app.wait_for_reason("UpToDate", "ModelIncomplete")
    _still_serves(app)


def test_a_corrupt_model(app: App) -> None:
    app.edit(modelVersion="corrupt")
    assert "name.txt" in app.wait_for_reason("UpToDate", "ModelCorrupt")
    _still_serves(app)


def test_an_image_that_crashes(app: App) -> None:
    app.edit(image=app.tenant.deployed.images["crash"])
    assert "this image is broken" in app.wait_for_reason("GatePassed", "LoadFailed")
    _still_serves(app)


def test_an_image_that_is_never_ready(app: App) -> None:
    app.edit(image=app.tenant.deployed.images["hang"])
    app.wait_for_reason("GatePassed", "NeverReady")
    _still_serves(app)


def test_a_readiness_path_that_nobody_answers(app: App) -> None:
    app.edit(serving={"readinessPath": "/nothing"})
    app.wait_for_reason("GatePassed", "NeverReady")
    _still_serves(app)


def test_a_model_that_is_completed_later_is_found_without_an_edit(tenant: Tenant) -> None:
    app = App(tenant, "late")
    tenant.upload_model("late", complete=False)
    app.apply(tenant.deployed.images["one"], "late")
    app.wait_for_reason("UpToDate", "ModelIncomplete")
    tenant.upload_model("late")
    app.ask_now()  # or a minute later by itself
    app.wait("UpToDate")
    app.expect_answer("one", "model late")


def test_a_secret_that_the_operator_may_not_read_is_granted_by_the_command_in_the_message(
    tenant: Tenant, serving: App
) -> None:
    app = App(tenant, "unread")
    tenant.kubectl("delete", "rolebinding", "aiapp-secrets")
    app.apply(tenant.deployed.images["one"])
    message = app.wait_for_reason("UpToDate", "SecretForbidden")
    assert SECRET in message or "registry-pull" in message
    _still_serves(serving)
    command = message[message.index("kubectl create rolebinding") :].split(";")[0].split()
    tenant.cluster.kubectl(*command[1:])
    app.ask_now()
    app.wait("UpToDate")
    app.expect_answer("one", "model 1")
