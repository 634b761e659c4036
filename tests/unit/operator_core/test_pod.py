"""The pod template: who sees what opens the store, and what a pod asks of its node."""

from dataclasses import replace

import pytest

from aiapp_models import contract
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.containers import Cargo
from aiapp_operator.children.fetch import fetch_container
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest, ObjectId, ResolvedModel
from stand_ins.app_cluster import IDENTITY, MODEL_SOURCE, NOON, SETTINGS, AppCluster, an_app
from stand_ins.model_sources import BY_IDENTITY, IN_A_VOLUME, IN_S3


def template(source: Manifest = MODEL_SOURCE, settings: Settings = SETTINGS) -> Manifest:
    """The pod template of an app whose model comes from `source`."""
    cluster = AppCluster(app=an_app(modelSource=source), settings=settings)
    cluster.run()
    pod: Manifest = cluster.deployment["spec"]["template"]
    return pod


def pod_spec(source: Manifest = MODEL_SOURCE, settings: Settings = SETTINGS) -> Manifest:
    pod: Manifest = template(source, settings)["spec"]
    return pod


@pytest.mark.parametrize(
    ("source", "volume"),
    [(MODEL_SOURCE, "credentials"), (BY_IDENTITY, "identity"), (IN_S3, "credentials"), (IN_A_VOLUME, "claim")],
)
def test_what_opens_the_store_is_seen_by_fetch_alone(source: Manifest, volume: str) -> None:
    pod = pod_spec(source)
    (fetch,), (app,) = pod["initContainers"], pod["containers"]
    (mount,) = [mount for mount in fetch["volumeMounts"] if mount["name"] not in ("tmp", "model")]
    assert (mount["name"], mount["readOnly"]) == (volume, True)
    assert [mount["name"] for mount in app["volumeMounts"]] == ["tmp", "model"]
    ours = {contract.ENV_CREDENTIALS_DIR, contract.ENV_IDENTITY_TOKEN_FILE, contract.ENV_AZURE_CLIENT_ID}
    assert ours.isdisjoint(variable["name"] for variable in app["env"])


def test_the_token_of_a_pod_is_for_microsoft_entra_alone_and_short_lived() -> None:
    pod = pod_spec(BY_IDENTITY)
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "identity"]
    token = {"audience": "api://AzureADTokenExchange", "expirationSeconds": 3600, "path": "token"}
    assert volume["projected"]["sources"] == [{"serviceAccountToken": token}]
    env = {variable["name"]: variable["value"] for variable in pod["initContainers"][0]["env"]}
    assert env[contract.ENV_IDENTITY_TOKEN_FILE] == f"{contract.IDENTITY_DIR}/token"
    assert env[contract.ENV_AZURE_CLIENT_ID] == IDENTITY.client_id
    assert env[contract.ENV_AZURE_TENANT_ID] == IDENTITY.tenant_id
    assert env[contract.ENV_AZURE_AUTHORITY] == SETTINGS.azure_authority
    assert pod["automountServiceAccountToken"] is False


def test_a_volume_is_never_written_not_even_its_owner() -> None:
    # As a read-only mount alone the kubelet would hand all files of the volume to the pod's group.
    volumes = {volume["name"]: volume for volume in pod_spec(IN_A_VOLUME)["volumes"]}
    assert volumes["claim"]["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}


def test_an_unknown_digest_is_left_out_and_not_written_as_empty() -> None:
    pod = template(IN_A_VOLUME)
    assert contract.ANNOTATION_MODEL_DIGEST not in pod["metadata"]["annotations"]
    for container in pod["spec"]["initContainers"] + pod["spec"]["containers"]:
        assert contract.ENV_MODEL_DIGEST not in [variable["name"] for variable in container["env"]]


def test_a_store_that_the_administrator_listed_may_be_asked_by_pods_too() -> None:
    listed = replace(SETTINGS, listed_endpoints="http://minio.storage.svc:9000", cluster_networks="10.244.0.0/16")
    (fetch,) = pod_spec(settings=listed)["initContainers"]
    env = {variable["name"]: variable["value"] for variable in fetch["env"]}
    assert env[contract.ENV_LISTED_ENDPOINTS] == "http://minio.storage.svc:9000"
    assert env[contract.ENV_CLUSTER_NETWORKS] == "10.244.0.0/16"
    assert contract.ENV_LISTED_ENDPOINTS not in str(pod_spec())


@pytest.mark.parametrize(
    ("size", "request_"),
    [(0, None), (1, "65Mi"), (64 * 1024**2, "128Mi"), (2 * 1024**3 - 64 * 1024**2, "2Gi"), (10**12, "953739Mi")],
)
def test_a_node_is_chosen_that_has_room_for_the_model(size: int, request_: str | None) -> None:
    cargo = Cargo(1, "i", "i", "d", ResolvedModel("1", "d", size, NOON))
    app = AIApp.parse(an_app())
    assert app.spec.model_source is not None
    amounts = fetch_container(app.spec.model_source, cargo, SETTINGS)["resources"]
    assert amounts["requests"].get("ephemeral-storage") == request_
    assert "ephemeral-storage" not in amounts["limits"]


def test_all_names_that_the_pod_gets_are_those_of_the_contract() -> None:
    settings = replace(
        SETTINGS,
        trust_config_map="aiapp-trust",
        listed_endpoints="*.corp.example",
        cluster_networks="10.0.0.0/8",
        allow_pickle=True,
        trusted_types="mymodels.Scaler",
    )
    pods = [pod_spec(source, settings) for source in (MODEL_SOURCE, BY_IDENTITY)]
    containers = [container for pod in pods for container in pod["initContainers"] + pod["containers"]]
    names = {variable["name"] for container in containers for variable in container["env"]}
    everything = {value for name, value in vars(contract).items() if name.startswith("ENV_")}
    gates_alone = {contract.ENV_PHASE, contract.ENV_GATE_MASKED}
    assert names == everything - gates_alone - {contract.ENV_HOST}  # the image knows where to listen


def service_account(source: Manifest) -> Manifest:
    cluster = AppCluster(app=an_app(modelSource=source))
    cluster.run()
    return cluster.children[ObjectId("ServiceAccount", "digits")]


def test_a_service_account_of_ours_says_which_identity_the_spec_names() -> None:
    named = {**BY_IDENTITY, "credentials": {"workloadIdentity": {"clientID": IDENTITY.client_id}}}
    ours = service_account(named)
    assert ours["metadata"]["annotations"] == {"azure.workload.identity/client-id": IDENTITY.client_id}
    assert "annotations" not in service_account(BY_IDENTITY)["metadata"]


def test_the_app_is_told_of_pickles_and_types_only_where_the_administrator_allows_some() -> None:
    def told(settings: Settings) -> dict[str, str]:
        variables = pod_spec(settings=settings)["containers"][0]["env"]
        names = (contract.ENV_ALLOW_PICKLE, contract.ENV_TRUSTED_TYPES)
        return {variable["name"]: variable["value"] for variable in variables if variable["name"] in names}

    assert told(SETTINGS) == {}
    allowed = replace(SETTINGS, allow_pickle=True, trusted_types="mymodels.Scaler")
    assert told(allowed) == {contract.ENV_ALLOW_PICKLE: "true", contract.ENV_TRUSTED_TYPES: "mymodels.Scaler"}
