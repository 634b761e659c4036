"""With the operator or the API server away serving goes on, deletion works, and what was missed is caught up with."""

import json

import pytest

from e2e.rig import App, Manifest, Tenant, eventually

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")

GONE_SECONDS = 60.0


@pytest.fixture
def app(tenant: Tenant) -> App:
    app = App(tenant)
    app.apply(tenant.deployed.images["one"])
    app.wait("UpToDate")
    return app


def _finalizers(manifests: list[Manifest]) -> list[str]:
    return [finalizer for manifest in manifests for finalizer in manifest["metadata"].get("finalizers", ())]


def _kinds(tenant: Tenant) -> list[Manifest]:
    return tenant.objects("aiapps,deployments,services,serviceaccounts,poddisruptionbudgets,controllerrevisions,pods")


def test_without_the_operator_apps_serve_and_delete(app: App) -> None:
    tenant = app.tenant
    tenant.deployed.scale(0)
    try:
        app.expect_answer("one", "model 1")
        assert _finalizers(_kinds(tenant)) == []
        tenant.kubectl("delete", "aiapp", app.name, f"--timeout={GONE_SECONDS:.0f}s")
        label = f"app.kubernetes.io/instance={app.name}"
        kinds = "deployments,services,serviceaccounts,poddisruptionbudgets,controllerrevisions,pods"
        eventually(
            "the children are gone",
            lambda: not tenant.kubectl("get", kinds, "-l", label, "-o", "name"),
            seconds=GONE_SECONDS,
        )
    finally:
        tenant.deployed.scale(1)


def test_without_the_operator_a_namespace_of_apps_deletes(tenant: Tenant) -> None:
    with tenant.cluster.namespace("leaving") as namespace:
        leaving = Tenant(tenant.deployed, namespace, tenant.folder)
        leaving.prepare()
        leaving.upload_model("1")
        app = App(leaving)
        app.apply(tenant.deployed.images["one"])
        app.wait("UpToDate")
        tenant.deployed.scale(0)
        try:
            tenant.cluster.kubectl("delete", "namespace", namespace, f"--timeout={GONE_SECONDS:.0f}s")
        finally:
            tenant.deployed.scale(1)


def test_what_was_edited_while_the_operator_was_away_is_caught_up_with(app: App) -> None:
    app.tenant.deployed.scale(0)
    app.edit(modelVersion="2")
    app.tenant.kubectl("delete", "service", app.name)
    app.tenant.deployed.scale(1)
    app.wait("UpToDate")
    app.expect_answer("one", "model 2")


def test_an_app_made_again_under_the_same_name_gets_children_of_its_own(app: App) -> None:
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
    with app.tenant.cluster.service_stopped("kube-apiserver"):
        pass
    eventually("the API server answers", lambda: _answers(app), seconds=60)
    app.edit(modelVersion="2")
    app.wait("UpToDate")
    app.expect_answer("one", "model 2")


def _answers(app: App) -> bool:
    try:
        return bool(json.loads(app.tenant.kubectl("get", "aiapp", app.name, "-o", "json")))
    except Exception:  # noqa: BLE001 - kubectl's ways to say no are many
        return False
