"""Who fetch reads as and where it may connect, from the pod's environment."""

import json
from pathlib import Path

import pytest

from aiapp_models import contract
from aiapp_models.credentials import Anonymous, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.azure_identity import WorkloadIdentity
from aiapp_serving.fetch_settings import FetchSettings, Identity

DIGEST = "sha256:" + "a" * 64
AZURE = {"azureBlob": {"account": "contosomodels", "container": "models"}}


def read(source: object = None, **changes: str) -> FetchSettings:
    environment = {
        contract.ENV_MODEL_SOURCE: json.dumps(source or AZURE),
        contract.ENV_MODEL_VERSION: "3",
        contract.ENV_MODEL_DIGEST: DIGEST,
    }
    return FetchSettings.from_env(environment | changes)


def refused(source: object = None, **changes: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(source, **changes).credentials()
    return caught.value


def test_without_secret_and_identity_access_is_anonymous() -> None:
    assert read().credentials() == Anonymous()
    assert read().network().authority == "https://login.microsoftonline.com"


def test_a_rotated_secret_is_read_as_it_is_now(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    key = tmp_path / "accountKey"
    key.write_text("b25l")
    settings = read(**{contract.ENV_CREDENTIALS_DIR: str(tmp_path)})
    assert settings.credentials() == SecretValues({"accountKey": "b25l"})
    key.write_text("dHdv")
    assert settings.credentials() == SecretValues({"accountKey": "dHdv"})


def test_an_identity_is_the_pods_token_as_it_is_now(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    settings = read(
        AIAPP_AZURE_CLIENT_ID="client", AIAPP_AZURE_TENANT_ID="tenant", AIAPP_IDENTITY_TOKEN_FILE=str(token)
    )
    assert settings.identity == Identity("client", "tenant", token)
    assert isinstance(settings.credentials(), WorkloadIdentity)
    assert settings.identity.assertion() == "one"
    token.write_text("two")
    assert settings.identity.assertion() == "two"
    token.unlink()
    with pytest.raises(SourceError) as caught:
        settings.identity.assertion()
    assert caught.value.reason is Reason.IDENTITY_MISSING


def test_the_token_is_where_the_operator_mounts_it() -> None:
    identity = read(AIAPP_AZURE_CLIENT_ID="client", AIAPP_AZURE_TENANT_ID="tenant").identity
    assert identity is not None
    assert str(identity.token_file) == f"{contract.IDENTITY_DIR}/{contract.IDENTITY_TOKEN}"


def test_a_client_without_its_tenant_is_named() -> None:
    error = refused(AIAPP_AZURE_CLIENT_ID="client")
    assert (error.reason, contract.ENV_AZURE_TENANT_ID in error.message) == (Reason.SOURCE_INVALID, True)


def test_the_administrators_rules_hold_in_pods_too(tmp_path: Path) -> None:
    settings = read(
        AIAPP_LISTED_ENDPOINTS="http://minio.storage.svc:9000",
        AIAPP_CLUSTER_NETWORKS="10.244.0.0/16",
        AIAPP_AZURE_AUTHORITY="https://login.microsoftonline.us",
        AIAPP_TRUST_BUNDLE=str(tmp_path / "ca.crt"),
    )
    network = settings.network()
    assert not network.rules.url_problem("http://minio.storage.svc:9000")
    assert "inside the cluster" in network.rules.address_problem(
        "contosomodels.blob.core.windows.net", 443, "10.244.0.7"
    )
    assert (network.authority, network.trust_bundle) == ("https://login.microsoftonline.us", tmp_path / "ca.crt")


@pytest.mark.parametrize("name", [contract.ENV_LISTED_ENDPOINTS, contract.ENV_CLUSTER_NETWORKS])
def test_rules_that_cannot_be_read_end_the_fetch(name: str) -> None:
    error = refused(**{name: "user@host"})
    assert (error.reason, "the chart's values" in error.message) == (Reason.SOURCE_INVALID, True)


def test_only_a_claim_comes_without_a_digest() -> None:
    claim = {"persistentVolumeClaim": {"claimName": "models", "path": "digits"}}
    assert read(claim, AIAPP_MODEL_DIGEST="").digest == ""
    assert read(claim).digest == DIGEST
    assert refused(claim, AIAPP_MODEL_DIGEST="sha256:12").reason is Reason.SOURCE_INVALID
    assert refused(AIAPP_MODEL_DIGEST="").reason is Reason.SOURCE_INVALID
