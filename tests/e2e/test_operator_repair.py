"""What others do to the children of an app is put right, names of others are respected, and rest is rest."""

import json
import subprocess
from typing import Any

import pytest

from aiapp_models.contract import ANNOTATION_HASH, IDENTITY_AUDIENCE
from e2e.rig import App, Deployed, Manifest, Tenant, eventually

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")


@pytest.fixture(scope="module")
def app(tenant: Tenant) -> App:
    app = App(tenant)
    app.apply(tenant.deployed.images["one"], replicas=2)  # a disruption budget is for more than one
    app.wait("UpToDate")
    return app


def _get(app: App, kind: str) -> Manifest:
    manifest: Manifest = json.loads(app.tenant.kubectl("get", kind, app.name, "-o", "json"))
    return manifest


def _owned(manifest: Manifest) -> Manifest:
    """Return what an edit may have changed."""
    metadata = manifest["metadata"]
    return {"spec": manifest.get("spec"), **{part: metadata.get(part) for part in ("labels", "ownerReferences")}}


ENV = "/spec/template/spec/containers/0/env/0/value"
EDITS = [
    pytest.param("deployment", [{"op": "replace", "path": ENV, "value": "edited"}], id="variable"),
    pytest.param("deployment", [{"op": "replace", "path": "/spec/replicas", "value": 3}], id="replicas"),
    pytest.param(
        "deployment",
        [{"op": "replace", "path": "/spec/template/metadata/labels/aiapp.dev~1revision", "value": "99"}],
        id="pod label",
    ),
    pytest.param("deployment", [{"op": "remove", "path": "/metadata/ownerReferences"}], id="owner reference"),
    pytest.param(
        "deployment", [{"op": "remove", "path": "/metadata/labels/app.kubernetes.io~1managed-by"}], id="our label"
    ),
    pytest.param(
        "deployment",
        [{"op": "replace", "path": "/metadata/labels/app.kubernetes.io~1instance", "value": "other"}],
        id="label of another app",
    ),
    pytest.param("service", [{"op": "add", "path": "/spec/selector/extra", "value": "narrower"}], id="selector"),
    pytest.param("service", [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 9}], id="port"),
    pytest.param(
        "poddisruptionbudget", [{"op": "replace", "path": "/spec/maxUnavailable", "value": 0}], id="disruption budget"
    ),
]


@pytest.mark.parametrize(("kind", "patch"), EDITS)
def test_an_edit_is_put_right(app: App, kind: str, patch: list[dict[str, Any]]) -> None:
    before = _owned(_get(app, kind))
    app.tenant.kubectl("patch", kind, app.name, "--type=json", "-p", json.dumps(patch))
    eventually(f"{kind} is as before", lambda: _owned(_get(app, kind)) == before)
    app.wait("Ready")
    app.wait("UpToDate")


@pytest.mark.parametrize("kind", ["service", "poddisruptionbudget", "serviceaccount", "deployment"])
def test_a_deleted_child_is_made_again(app: App, kind: str) -> None:
    uid = _get(app, kind)["metadata"]["uid"]
    app.tenant.kubectl("delete", kind, app.name)

    def made_again() -> bool:
        names = app.tenant.kubectl("get", kind, "-o", "name").split()
        return any(name.endswith(f"/{app.name}") for name in names) and _get(app, kind)["metadata"]["uid"] != uid

    eventually(f"{kind} is there again", made_again)
    app.wait("Ready")
    app.wait("UpToDate")
    app.expect_answer("one", "model 1")


def test_what_others_add_stays(app: App) -> None:
    app.tenant.kubectl("annotate", "service", app.name, "example.com/note=kept")
    app.tenant.kubectl("label", "deployment", app.name, "example.com/team=kept")
    app.edit(serving={"replicas": 1})
    app.wait("UpToDate")
    app.edit(serving={"replicas": 2})
    app.wait("UpToDate")
    assert _get(app, "service")["metadata"]["annotations"]["example.com/note"] == "kept"
    assert _get(app, "deployment")["metadata"]["labels"]["example.com/team"] == "kept"


def test_a_restart_by_hand_is_not_undone(app: App) -> None:
    app.tenant.kubectl("rollout", "restart", f"deployment/{app.name}")
    app.tenant.kubectl("rollout", "status", f"deployment/{app.name}", "--timeout=120s")
    app.wait("UpToDate")
    template = _get(app, "deployment")["spec"]["template"]["metadata"]
    assert "kubectl.kubernetes.io/restartedAt" in template["annotations"]


def test_a_new_operator_finds_nothing_to_write(app: App) -> None:
    app.wait("UpToDate")
    before = app.writes()
    pods = {pod["metadata"]["name"] for pod in app.tenant.objects("pods")}
    deployed = app.tenant.deployed
    # Its count is of all apps: those of a namespace that is being deleted would be repaired in vain.
    phases = ("get", "namespaces", "-o", "jsonpath={.items[*].status.phase}")
    eventually("no namespace is going", lambda: "Terminating" not in deployed.cluster.kubectl(*phases), seconds=120)
    deployed.scale(0)
    deployed.scale(1)
    eventually("the app was reconciled", lambda: deployed.metric("aiapp_reconcile_seconds_count") > 0)
    app.tenant.kubectl("annotate", "aiapp", app.name, "example.com/nudge=1")  # a reconciliation more
    eventually("and again", lambda: deployed.metric("aiapp_reconcile_seconds_count") > 1)
    assert app.writes() == before
    assert len(before) >= 6  # so that the comparison is of something
    said = deployed.cluster.kubectl("-n", deployed.namespace, "logs", "deployment/aiapp-operator", "--tail=20")
    assert deployed.metric("aiapp_writes_total") == 0, said
    assert {pod["metadata"]["name"] for pod in app.tenant.objects("pods")} <= pods  # some were still being drained


def test_a_service_of_somebody_else_is_never_taken(app: App) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taken"},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 1}]},
    }
    app.tenant.kubectl("apply", "-f", "-", input=json.dumps(theirs))
    other = App(app.tenant, "taken")
    other.apply(app.tenant.deployed.images["one"])
    assert "Service taken" in other.wait_for_reason("UpToDate", "NameConflict")
    service = _get(other, "service")
    assert service["spec"]["selector"] == {"app": "theirs"}
    assert "ownerReferences" not in service["metadata"]
    assert ANNOTATION_HASH not in service["metadata"].get("annotations", {})
    app.tenant.kubectl("delete", "service", "taken")
    other.wait("UpToDate")
    app.tenant.kubectl("delete", "aiapp", "taken")


def test_the_operator_gets_no_token_that_opens_the_cluster(deployed: Deployed) -> None:
    def token(*asked: str) -> str:
        me = f"--as=system:serviceaccount:{deployed.namespace}:aiapp-operator"
        command = ("create", "token", "default", "--namespace=default", me, *asked)
        return deployed.cluster.kubectl(*command, stderr=subprocess.STDOUT)

    ours = f"--audience={IDENTITY_AUDIENCE}"
    assert token(ours).count(".") == 2
    for asked in (
        (),
        ("--audience=https://kubernetes.default.svc",),
        (ours, "--audience=vault"),
        (ours, "--duration=2h"),
    ):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            token(*asked)
        assert "the AIApp operator gets tokens of ServiceAccounts for" in refused.value.output
