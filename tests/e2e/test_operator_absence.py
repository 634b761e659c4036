"""With the operator or the API server away serving goes on, deletion works, and what was missed is caught up with."""

import json
from collections.abc import Iterator

import pytest

from e2e.rig import App, Manifest, Tenant, eventually

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")

GONE_SECONDS = 60.0
CHILDREN = "deployments,services,serviceaccounts,poddisruptionbudgets,controllerrevisions,jobs,pods"


@pytest.fixture(scope="module")
def app(tenant: Tenant) -> App:
    app = App(tenant)
    app.apply(tenant.deployed.images["one"])
    return app


@pytest.fixture(scope="module")
def leaving(app: App) -> Iterator[App]:
    """An app in a namespace of its own that a test deletes."""
    with app.tenant.cluster.namespace("leaving") as namespace:
        tenant = Tenant(app.tenant.deployed, namespace, app.tenant.folder)
        tenant.prepare()
        tenant.upload_model("1")
        leaving = App(tenant)
        leaving.apply(tenant.deployed.images["one"])
        leaving.wait("UpToDate")
        yield leaving


def _finalizers(manifests: list[Manifest]) -> list[str]:
    """Return the finalizers that Kubernetes itself does not take off: its Job controller marks the pods it counts."""
    found = [finalizer for manifest in manifests for finalizer in manifest["metadata"].get("finalizers", ())]
    return [finalizer for finalizer in found if finalizer != "batch.kubernetes.io/job-tracking"]


def test_without_the_operator_apps_serve_and_delete_and_what_was_edited_is_caught_up_with(
    app: App, leaving: App
) -> None:
    tenant, doomed = app.tenant, App(app.tenant, "doomed")
    doomed.apply(tenant.deployed.images["one"])
    app.wait("UpToDate")
    doomed.wait("UpToDate")
    tenant.deployed.scale(0)
    try:
        tenant.cluster.kubectl("delete", "namespace", leaving.tenant.namespace, "--wait=false")
        doomed.expect_answer("one", "model 1")
        assert _finalizers(tenant.objects(f"aiapps,{CHILDREN}")) == []
        tenant.kubectl("delete", "aiapp", doomed.name, f"--timeout={GONE_SECONDS:.0f}s")
        for gone in (doomed, leaving):
            _wait_until_gone(gone)
        app.edit(modelVersion="2")
        tenant.kubectl("delete", "service", app.name)
    finally:
        tenant.deployed.scale(1)
    app.wait("UpToDate")
    app.expect_answer("one", "model 2")


def test_an_app_made_again_under_the_same_name_gets_children_of_its_own(app: App) -> None:
    app.wait("UpToDate")
    old = app.get()["metadata"]["uid"]
    app.tenant.kubectl("delete", "aiapp", app.name)
    app.apply(app.tenant.deployed.images["one"])
    app.wait("UpToDate")
    new = app.get()["metadata"]["uid"]
    assert new != old
    owners = {
        owner["uid"]
        for manifest in app.tenant.objects("deployments,services,controllerrevisions")
        for owner in manifest["metadata"]["ownerReferences"]
    }
    assert owners == {new}


@pytest.mark.needs("service-control")
def test_an_api_server_that_was_away_is_found_again(app: App) -> None:
    app.wait("UpToDate")
    with app.tenant.cluster.service_stopped("kube-apiserver"):
        pass
    eventually("the API server answers", lambda: _answers(app), seconds=60)
    app.edit(image=app.tenant.deployed.images["two"])
    app.wait("UpToDate")
    assert app.answer()["image"] == "two"


def test_the_namespace_that_was_deleted_without_the_operator_is_gone(leaving: App) -> None:
    # Last: Kubernetes looks again after half of a pod's grace, whoever has nothing left in it.
    gone = ("wait", f"namespace/{leaving.tenant.namespace}", "--for=delete", f"--timeout={GONE_SECONDS:.0f}s")
    leaving.tenant.cluster.kubectl(*gone)


def _wait_until_gone(app: App) -> None:
    label = f"app.kubernetes.io/instance={app.name}"
    eventually(
        f"the children of {app.name} are gone",
        lambda: not app.tenant.kubectl("get", CHILDREN, "-l", label, "-o", "name"),
        seconds=GONE_SECONDS,
    )


def _answers(app: App) -> bool:
    try:
        return bool(json.loads(app.tenant.kubectl("get", "aiapp", app.name, "-o", "json")))
    except Exception:  # noqa: BLE001 - kubectl's ways to say no are many
        return False
