"""Who may change what of an AIApp, as the API server answers with the chart's access policy. No pod is started."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from cluster.protocol import Cluster
from e2e.rig import ROOT, eventually

CHART: Final = ROOT / "charts/aiapp-operator"
CRD_FILE: Final = ROOT / "crds/aiapps.aiapp.dev.yaml"
PATCH: Final = "application/merge-patch+json"
APP: Final = {
    "apiVersion": "aiapp.dev/v1alpha1",
    "kind": "AIApp",
    "metadata": {"name": "digits"},
    "spec": {
        "suspend": True,
        "image": "contoso.azurecr.io/digits:1.4.1",
        "modelVersion": "41",
        "modelSource": {"azureBlob": {"account": "contosomodels", "container": "models", "path": "digits"}},
    },
}
ROLES: Final = {"modeler": "aiapp-set-model", "developer": "aiapp-set-image", "releaser": "aiapp-release"}
EDITS: Final = ("editor", "keeper", "maker")
"""Users with the rules of the role aiapp-edit; those of `maker` are without its verbs of our own."""
OUR_VERBS: Final = {"configure", "release"}
MODEL: Final = {"spec": {"modelVersion": "42"}}
IMAGE: Final = {"spec": {"image": "contoso.azurecr.io/digits:1.4.2"}}
REPLICAS: Final = {"spec": {"serving": {"replicas": 3}}}
SECRET: Final = {"spec": {"modelSource": {"credentials": {"secretRef": {"name": "blob"}}}}}
ACCOUNT: Final = {"spec": {"serviceAccountName": "robot"}}

Manifest = dict[str, Any]


def note(name: str, value: str = "now@2026-11-23T12:00:00Z") -> Manifest:
    return {"metadata": {"annotations": {name: value}}}


def pulls(*names: str) -> Manifest:
    return {"spec": {"imagePullSecrets": [{"name": name} for name in names]}}


@dataclass(frozen=True)
class Case:
    """Who changes what; `words`: of the refusal, empty: it is let through."""

    user: str
    does: str
    patch: Manifest
    words: str = ""

    def __str__(self) -> str:
        return f"{self.user}-{self.does}"


CASES: Final = (
    Case("modeler", "model", MODEL),
    Case("modeler", "nothing", {}),
    Case("modeler", "asks-sources", note("aiapp.dev/reconcile")),
    Case("modeler", "model-and-whose-wish", MODEL | note("aiapp.dev/requested-by", "jane@contoso.com")),
    Case("modeler", "client-side-apply", MODEL | note("kubectl.kubernetes.io/last-applied-configuration", "{}")),
    Case("modeler", "image", IMAGE, "verb setimage"),
    Case("modeler", "model-and-replicas", {"spec": MODEL["spec"] | REPLICAS["spec"]}, "changes spec.serving: that"),
    Case("modeler", "schedule", {"spec": {"release": {"schedule": [{"cron": "0 2 * * *"}]}}}, "changes spec.release"),
    Case("modeler", "away-with-its-source", {"spec": {"modelSource": None, "modelVersion": None}}, "spec.modelSource"),
    Case("modeler", "label", {"metadata": {"labels": {"team": "vision"}}}, "changes labels"),
    Case("modeler", "finalizer", {"metadata": {"finalizers": ["contoso.com/keep"]}}, "changes finalizers"),
    Case("modeler", "annotation", note("contoso.com/owner"), "changes annotation contoso.com/owner"),
    Case("modeler", "release-now", note("aiapp.dev/release-now"), "sets aiapp.dev/release-now: that takes the verb"),
    Case("developer", "image", IMAGE),
    Case("developer", "model", MODEL, "verb setmodel"),
    Case("releaser", "release-now", note("aiapp.dev/release-now")),
    Case("releaser", "rollback", note("aiapp.dev/rollback-to")),
    Case("releaser", "unhold", note("aiapp.dev/unhold")),
    Case("releaser", "model", MODEL, "verb setmodel"),
    Case("releaser", "image", IMAGE, "verb setimage"),
    Case("editor", "all-of-it", {"spec": MODEL["spec"] | IMAGE["spec"] | REPLICAS["spec"]}),
    Case("editor", "label-and-unhold", {"metadata": {"labels": {"a": "b"}, **note("aiapp.dev/unhold")["metadata"]}}),
    Case("editor", "secret", SECRET, "names the Secret blob"),
    Case("editor", "pull-secret", pulls("blob"), "names the Secret blob"),
    Case("editor", "service-account", ACCOUNT, "names the ServiceAccount robot"),
    Case("maker", "replicas", REPLICAS, "changes spec.serving"),
    Case("maker", "unhold", note("aiapp.dev/unhold"), "verb release"),
    Case("keeper", "secret-and-account", {"spec": SECRET["spec"] | ACCOUNT["spec"]}),
    Case("keeper", "second-secret", pulls("blob", "other"), "names the Secret other"),
)


@dataclass(frozen=True)
class Policed:
    """An app in a cluster with the policy, seen by several users; nothing that they ask for is stored."""

    cluster: Cluster
    namespace: str
    users: dict[str, client.CustomObjectsApi] = field(default_factory=dict)

    def _at(self) -> tuple[str, str, str, str]:
        return ("aiapp.dev", "v1alpha1", self.namespace, "aiapps")

    def change(self, user: str, patch: Manifest) -> None:
        self.users[user].patch_namespaced_custom_object(
            *self._at(), "digits", patch, dry_run="All", _content_type=PATCH
        )

    def make(self, user: str, **metadata: str) -> None:
        body = APP | {"metadata": metadata}
        self.users[user].create_namespaced_custom_object(*self._at(), body, dry_run="All")


def refusal(ask: Callable[[], None]) -> str:
    """The words of a 403; empty: it was let through."""
    try:
        ask()
    except ApiException as error:
        if error.status != 403:
            raise
        words: str = json.loads(error.body or "{}")["message"]
        return words
    return ""


def as_user(kubeconfig: Path, user: str) -> client.CustomObjectsApi:
    connection = config.new_client_from_config(config_file=str(kubeconfig))  # type: ignore[no-untyped-call]
    connection.set_default_header("Impersonate-User", user)
    return client.CustomObjectsApi(connection)


def rights(edit_rules: list[Manifest]) -> list[Manifest]:
    """Roles and bindings in the app's namespace: those of the chart, and of whoever may edit AIApps."""
    plain = [rule | {"verbs": [verb for verb in rule["verbs"] if verb not in OUR_VERBS]} for rule in edit_rules]
    keeps = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["blob"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["robot"], "verbs": ["use"]},
    ]
    own = {"editor": edit_rules, "keeper": [*edit_rules, *keeps], "maker": plain}
    roles = [role(user, rules) for user, rules in own.items()]
    bindings = [binding(user, "Role", user) for user in own]
    return [*roles, *bindings, *(binding(user, "ClusterRole", name) for user, name in ROLES.items())]


def role(name: str, rules: list[Manifest]) -> Manifest:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules}


def binding(user: str, kind: str, name: str) -> Manifest:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": kind, "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


def rendered(cluster: Cluster) -> tuple[list[Manifest], list[Manifest]]:
    """The policy with its roles, and the rules of the chart's role aiapp-edit."""
    templates = ("--show-only", "templates/access-policy.yaml", "--show-only", "templates/user-roles.yaml")
    values = ("--values", str(CHART / "ci/minimal-values.yaml"), "--set", "accessPolicy.enabled=true")
    text = cluster.helm("template", "aiapp", str(CHART), *values, *templates)
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text) if each}
    # A session that has the operator installed has these two of its own.
    view, edit = (by_name.pop(("ClusterRole", name)) for name in ("aiapp-view", "aiapp-edit"))
    return list(by_name.values()), [*view["rules"], *edit["rules"]]


def applied(cluster: Cluster, manifests: list[Manifest], *more: str) -> None:
    items = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", *more, input=items)


@pytest.fixture(scope="module")
def policed(kind_cluster: Cluster) -> Iterator[Policed]:
    """A suspended app, six users, and the policy in force; all of it is taken away again."""
    there = kind_cluster.kubectl("get", "crd", "aiapps.aiapp.dev", "--ignore-not-found", "-o", "name").strip()
    policy, edit_rules = rendered(kind_cluster)
    kind_cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD_FILE))
    kind_cluster.kubectl("wait", "--for=condition=Established", "crd/aiapps.aiapp.dev", "--timeout=60s")
    with kind_cluster.namespace("access") as namespace:
        try:
            applied(kind_cluster, policy)
            applied(kind_cluster, [*rights(edit_rules), APP], "--namespace", namespace)
            users = {user: as_user(kind_cluster.kubeconfig_path, user) for user in (*ROLES, *EDITS)}
            world = Policed(kind_cluster, namespace, users)
            in_force = Case("modeler", "image", IMAGE, "verb setimage")
            eventually(
                "the policy is in force", lambda: in_force.words in refusal(lambda: world.change("modeler", IMAGE))
            )
            yield world
        finally:
            items = json.dumps({"apiVersion": "v1", "kind": "List", "items": policy})
            kind_cluster.kubectl("delete", "--ignore-not-found", "-f", "-", input=items)
            if not there:
                kind_cluster.kubectl("delete", "crd", "aiapps.aiapp.dev")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_everybody_changes_what_is_theirs_and_hears_what_the_rest_takes(policed: Policed, case: Case) -> None:
    words = refusal(lambda: policed.change(case.user, case.patch))
    assert (case.words in words) if case.words else words == ""


@pytest.mark.parametrize("metadata", [{"name": "other"}, {"generateName": "other-"}], ids=str)
def test_to_make_an_app_takes_configure(policed: Policed, metadata: dict[str, str]) -> None:
    assert refusal(lambda: policed.make("editor", **metadata)) == ""
    assert "takes the verb configure" in refusal(lambda: policed.make("maker", **metadata))


def test_the_types_of_every_expression_are_sound(policed: Policed) -> None:
    policy = json.loads(
        policed.cluster.kubectl("get", "validatingadmissionpolicy", "aiapp-operator-access", "-o", "json")
    )
    assert not policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings")
