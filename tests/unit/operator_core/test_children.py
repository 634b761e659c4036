"""The manifests: what must hold for each of them, whatever the spec."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiapp_models import contract
from aiapp_operator.children import expected
from aiapp_operator.drift import stands
from aiapp_operator.state import Manifest, ObjectId, Plan
from golden.cases import CASES
from stand_ins.app_cluster import IDENTITY, MODEL_SOURCE, SETTINGS, AppCluster, an_app, serving_cluster
from stand_ins.model_sources import BY_IDENTITY, IN_A_VOLUME, IN_S3
from stand_ins.pod_status import ended

SELECTOR = {"app.kubernetes.io/instance": "digits", "aiapp.dev/role": "serving"}
QUANTITIES = st.sampled_from(["0.5", "500m", 1, "1024Mi", "1Gi", "1.5Gi", "2", "2000m", "0.1", "1e3"])
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(
            [
                "contoso.azurecr.io/digits:1.4.2",
                "localhost:5000/a/b__c@sha256:" + "a" * 64,
                "contoso.azurecr.io/digits:1@sha256:" + "b" * 64,
            ]
        ),
        "modelVersion": st.sampled_from(["42", "2026-11-23"]),
        "modelSource": st.sampled_from(
            [
                MODEL_SOURCE,
                {**MODEL_SOURCE, "credentials": {"anonymous": {}}},
                {
                    "azureBlob": {**MODEL_SOURCE["azureBlob"], "endpoint": "https://x.blob.core.chinacloudapi.cn"},
                    "credentials": {"anonymous": {}},
                },
                BY_IDENTITY,
                {**BY_IDENTITY, "credentials": {"workloadIdentity": {"clientID": IDENTITY.client_id}}},
                IN_S3,
                IN_A_VOLUME,
            ]
        ),
        "suspend": st.booleans(),
        "imagePullSecrets": st.sampled_from([[], [{"name": "a"}, {"name": "b"}]]),
        "serviceAccountName": st.sampled_from(["digits-reader", None]),
        "release": st.fixed_dictionaries(
            {}, optional={"progressDeadline": st.sampled_from(["10s", "1h30m"]), "revisionHistoryLimit": st.just(1)}
        ),
        "serving": st.fixed_dictionaries(
            {},
            optional={
                "port": st.integers(1024, 65535),
                "replicas": st.integers(1, 4),
                "resources": st.fixed_dictionaries(
                    {},
                    optional={
                        kind: st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), QUANTITIES)
                        for kind in ("requests", "limits")
                    },
                ),
                "env": st.sampled_from(
                    [
                        [],
                        [{"name": "A", "value": ""}, {"name": "B", "value": "x"}],
                        [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                    ]
                ),
                "nodeSelector": st.sampled_from([{}, {"pool": "gpu"}]),
                "tolerations": st.sampled_from(
                    [[], [{"key": "", "operator": "Exists", "value": ""}], [{"key": "k", "tolerationSeconds": 0}]]
                ),
            },
        ),
        "expose": st.sampled_from(
            [
                {},
                {"service": {"type": "LoadBalancer"}},
                {"service": {"type": "LoadBalancer", "exposure": "External", "annotations": {"a/b": "c"}}},
            ]
        ),
    },
)


def by_kind(planned: Plan) -> dict[str, Manifest]:
    return {manifest["kind"]: manifest for manifest in planned.apply}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}")
    elif isinstance(value, list) and value:
        for item in value:
            yield from leaves(item, f"{path}[]")
    else:
        yield path, value


@given(SPECS)
def test_no_manifest_holds_anything_empty_that_the_server_would_drop(spec: dict[str, Any]) -> None:
    # An emptyDir without settings is what it is by its name alone, a kind of credentials is a choice, and the data of
    # a record is kept byte by byte.
    by_name = (".emptyDir", ".anonymous", ".workloadIdentity", ".data.inputs.model.digest")
    for manifest in AppCluster(app=an_app(**spec)).run().apply:
        empty = [path for path, value in leaves(manifest) if value in (None, "", {}, [])]
        assert [path for path in empty if not path.endswith(by_name)] == []


@given(SPECS)
def test_what_was_applied_stands_and_a_second_run_plans_the_same(spec: dict[str, Any]) -> None:
    cluster = AppCluster(app=an_app(**spec))
    cluster.run()
    again = cluster.run()
    live = {ObjectId("ControllerRevision", name): revision for name, revision in cluster.revisions.items()}
    live |= cluster.children
    for manifest in again.apply:
        assert stands(manifest, live[ObjectId(manifest["kind"], manifest["metadata"]["name"])])
    third = cluster.run()
    assert (third.apply, third.delete, third.status) == (again.apply, again.delete, again.status)
    assert third.events == ()


@given(SPECS, SPECS)
def test_no_edit_ever_changes_a_selector(before: dict[str, Any], after: dict[str, Any]) -> None:
    cluster = AppCluster(app=an_app(**before))
    cluster.run()
    cluster.edit(**after)
    children = by_kind(cluster.run())
    assert children["Service"]["spec"]["selector"] == SELECTOR
    if "Deployment" in children:
        assert children["Deployment"]["spec"]["selector"] == {"matchLabels": SELECTOR}
        labels = children["Deployment"]["spec"]["template"]["metadata"]["labels"]
        assert SELECTOR.items() <= labels.items()


@given(SPECS, SPECS)
def test_the_deployment_is_applied_from_the_stored_template(before: dict[str, Any], after: dict[str, Any]) -> None:
    cluster = AppCluster(app=an_app(**before, suspend=False) if "suspend" not in before else an_app(**before))
    cluster.run()
    cluster.edit(**after)
    cluster.run()
    templates = [revision["data"]["template"] for revision in cluster.revisions.values()]
    if ObjectId("Deployment", "digits") in cluster.children:
        assert cluster.deployment["spec"]["template"] in templates


@given(SPECS)
def test_every_child_goes_with_its_app_and_is_found_by_its_labels(spec: dict[str, Any]) -> None:
    cluster = AppCluster(app=an_app(**spec))
    for manifest in cluster.run().apply:
        metadata = manifest["metadata"]
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("AIApp", "0b5d0a5e", True)
        assert owner["blockOwnerDeletion"] is False
        assert metadata["labels"] == {contract.LABEL_INSTANCE: "digits", contract.LABEL_MANAGED_BY: "aiapp-operator"}
        assert metadata["namespace"] == "vision"


@given(SPECS)
def test_the_names_that_are_checked_are_those_that_are_applied(spec: dict[str, Any]) -> None:
    app = an_app(**{**spec, "suspend": False})
    applied = [ObjectId(m["kind"], m["metadata"]["name"]) for m in AppCluster(app=app).run().apply]
    assert {child for child in applied if child.kind != "ControllerRevision"} == set(expected(app))


def test_a_new_operator_restarts_no_pod() -> None:
    cluster = serving_cluster()
    template = cluster.deployment["spec"]["template"]
    cluster.settings = replace(SETTINGS, fetch_image="contoso.azurecr.io/aiapp-serving:next", trust_config_map="new")
    cluster.run()
    assert cluster.deployment["spec"]["template"] == template


def test_a_pod_names_its_image_by_digest_alone() -> None:
    pod = by_kind(AppCluster(app=an_app(image="contoso.azurecr.io/digits:1.4.1")).run())["Deployment"]
    image = pod["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("contoso.azurecr.io/digits@sha256:")


def test_a_request_is_never_above_a_limit_that_is_given_without_one() -> None:
    app = an_app(serving={"resources": {"limits": {"memory": "64Mi"}}})
    pod = by_kind(AppCluster(app=app).run())["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}}


class TestTheDisruptionBudget:
    def test_goes_when_one_pod_is_left_which_it_would_nail_to_its_node(self) -> None:
        cluster = serving_cluster()
        cluster.edit(serving={"replicas": 1})
        planned = cluster.run()
        assert planned.delete == (ObjectId("PodDisruptionBudget", "digits"),)
        assert "PodDisruptionBudget" not in by_kind(planned)
        assert cluster.run().delete == ()

    def test_is_not_made_for_one_pod(self) -> None:
        planned = AppCluster(app=an_app(serving={"replicas": 1})).run()
        assert "PodDisruptionBudget" not in by_kind(planned)
        assert planned.delete == ()


class TestTheServiceAccount:
    def test_of_the_apps_name_that_exists_is_used_as_it_is(self) -> None:
        cluster = AppCluster(occupied=frozenset({ObjectId("ServiceAccount", "digits")}))
        planned = cluster.run()
        assert "ServiceAccount" not in by_kind(planned)
        assert by_kind(planned)["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == "digits"

    def test_that_the_spec_names_is_used_as_it_is(self) -> None:
        planned = AppCluster(app=an_app(serviceAccountName="digits-reader")).run()
        assert "ServiceAccount" not in by_kind(planned)
        template = by_kind(planned)["Deployment"]["spec"]["template"]
        assert template["spec"]["serviceAccountName"] == "digits-reader"


class TestTheAddress:
    @pytest.mark.parametrize(
        ("ingress", "url"),
        [
            ([{"ip": "10.1.2.3"}], "http://10.1.2.3"),
            ([{"hostname": "lb.contoso.com"}], "http://lb.contoso.com"),
            ([{"ip": "fd00::7"}], "http://[fd00::7]"),
            ([], None),
        ],
        ids=["IPv4", "a name", "IPv6", "none yet"],
    )
    def test_is_that_of_the_load_balancer(self, ingress: list[dict[str, str]], url: str | None) -> None:
        cluster = serving_cluster(expose={"service": {"type": "LoadBalancer"}})
        cluster.children[ObjectId("Service", "digits")]["status"] = {"loadBalancer": {"ingress": ingress}}
        cluster.run()
        assert cluster.app["status"].get("url") == url

    def test_is_the_services_name_in_the_cluster(self) -> None:
        assert serving_cluster().app["status"]["url"] == "http://digits.vision.svc.cluster.local"


def test_an_app_that_is_being_deleted_is_left_to_the_garbage_collector() -> None:
    cluster = serving_cluster()
    cluster.app["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    assert cluster.run() == Plan()


def test_children_are_repaired_while_the_app_is_suspended_and_while_its_new_release_fails() -> None:
    cluster = serving_cluster()
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.start_one_pod(**ended(1, "boom"))
    cluster.edit(suspend=True)
    del cluster.children[ObjectId("Service", "digits")]
    cluster.run()
    assert ObjectId("Service", "digits") in cluster.children


@pytest.mark.parametrize("case", CASES)
def test_every_manifest_is_what_the_api_server_knows_with_no_field_misspelt(case: str) -> None:
    for manifest in CASES[case]().run().apply:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
