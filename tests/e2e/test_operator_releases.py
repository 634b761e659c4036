"""Both streams on a real cluster: first release, bumps, and releases that cannot start."""

import hashlib
import re

import pytest

from e2e.models import model_folder
from e2e.rig import App, Tenant

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")


@pytest.fixture(scope="module")
def app(tenant: Tenant) -> App:
    """An app that serves image one with model 1."""
    app = App(tenant)
    app.apply(tenant.deployed.images["one"])
    app.wait("Ready")
    app.wait("UpToDate")
    return app


def test_the_first_release_serves_and_says_what_it_is(app: App) -> None:
    answer = app.answer()
    assert (answer["image"], answer["model"], answer["AIApp-Revision"]) == ("one", "model 1", "1")
    status = app.get()["status"]
    assert status["active"]["revision"] == 1
    assert answer["AIApp-Image"] == status["active"]["imageDigest"]
    assert answer["AIApp-Model"] == f"1@{status['active']['modelDigest']}"
    assert status["url"] == f"http://digits.{app.tenant.namespace}.svc.cluster.local"


def test_kubectl_get_tells_what_serves(app: App) -> None:
    lines = app.tenant.kubectl("get", "aia").splitlines()
    assert [line.split()[:6] for line in lines] == [
        ["NAME", "READY", "UPTODATE", "REASON", "MODEL", "IMAGE"],
        ["digits", "True", "True", "UpToDate", "1", "one"],
    ]


def test_bumps_are_released_and_told_and_going_back_brings_back_the_first_release(app: App) -> None:
    images = app.tenant.deployed.images
    app.edit(modelVersion="2")
    app.wait("UpToDate")
    app.expect_answer("one", "model 2")
    assert any(re.search(r"model 1 -> .*2", event) for event in app.events()), app.events()

    app.edit(image=images["two"])
    app.wait("UpToDate")
    app.expect_answer("two", "model 2")
    assert any(re.search(r"image one -> .*two", event) for event in app.events()), app.events()

    app.edit(image=images["one"], modelVersion="1")
    app.wait("UpToDate")
    app.expect_answer("one", "model 1")
    assert app.get()["status"]["active"]["revision"] == 1


@pytest.mark.needs("claims")
def test_a_version_on_a_volume_is_copied_checked_and_named_by_its_content(tenant: Tenant) -> None:
    app = App(tenant, "on-a-volume")
    with tenant.cluster.claim(tenant.namespace, "models") as folder:
        written = model_folder(folder / "digits" / "1", "model on a volume")
        source = {"persistentVolumeClaim": {"claimName": "models", "path": "digits"}}
        app.apply(tenant.deployed.images["one"], None, modelVersion="1", modelSource=source)
        app.wait("UpToDate")
        answer = app.answer()
        tenant.kubectl("delete", "aiapp", app.name)
    digest = hashlib.sha256((written / "SHA256SUMS").read_bytes()).hexdigest()
    assert (answer["model"], answer["AIApp-Model"]) == ("model on a volume", f"1@sha256:{digest}")
