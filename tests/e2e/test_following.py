"""Nobody edits an AIApp: a version uploaded to a private store, or a tag pushed to a private registry, is served."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from azure.storage.blob import generate_container_sas

from cluster import objectstore
from e2e.models import model_folder
from e2e.rig import CONTAINER, App, Manifest, Tenant, eventually

pytestmark = pytest.mark.needs("pods", "push-image", "azurite", "s3", "identity", "registry-tokens")

INTERVAL: Final = "10s"
SERVED_SECONDS: Final = 90.0
"""The interval, and a rollout while all the others roll out on the same two cores."""
TENANT: Final = str(uuid.UUID(int=1))
MODELS: Final = ("account key", "SAS", "workload identity", "client secret", "S3")


@dataclass
class Follower:
    """An app that follows one source; `publish` puts something newer there."""

    app: App
    publish: Callable[[], None]
    expected: tuple[str, str]

    def serves(self) -> bool:
        answer = self.app.answer()
        return (answer["image"], answer["model"]) == self.expected


@pytest.fixture(scope="module")
def followers(tenant: Tenant) -> Iterator[dict[str, Follower]]:
    """Apps that follow a source each, with what came first; then something newer is put into all of them."""
    made = {kind: _model_follower(tenant, kind) for kind in MODELS}
    made["SemVer tags"] = _image_follower(tenant, "semver", {"type": "SemVer", "range": "1.x"}, first="1.0.0")
    made["a moved tag"] = _image_follower(tenant, "moved", {"type": "Tag"}, first="stable", then="stable")
    for follower in made.values():
        follower.app.wait("UpToDate")
    for follower in made.values():
        follower.publish()
    yield made
    tenant.kubectl("delete", "aiapps", *(follower.app.name for follower in made.values()), "--wait=false")


@pytest.mark.parametrize("source", [*MODELS, "SemVer tags", "a moved tag"])
def test_what_is_newest_serves_with_nothing_else_touched(followers: dict[str, Follower], source: str) -> None:
    follower = followers[source]
    eventually(f"{follower.expected} serves", follower.serves, seconds=SERVED_SECONDS)
    follower.app.wait("UpToDate")
    assert follower.app.get()["metadata"]["generation"] == 1


def test_a_deleted_version_takes_nothing_back(followers: dict[str, Follower], tenant: Tenant) -> None:
    follower = followers["account key"]
    eventually(f"{follower.expected} serves", follower.serves, seconds=SERVED_SECONDS)
    before = follower.app.get()["status"]["active"]
    tenant.delete_version(f"{follower.app.name}/2")
    follower.app.ask_now()
    assert follower.app.wait_for_reason("SourceDrifted", "ModelGone")
    assert follower.app.get()["status"]["active"] == before
    assert follower.serves()


def test_other_bytes_under_a_released_name_are_refused_and_explained(
    followers: dict[str, Follower], tenant: Tenant
) -> None:
    follower = followers["SAS"]
    eventually(f"{follower.expected} serves", follower.serves, seconds=SERVED_SECONDS)
    follower.app.wait("UpToDate")
    tenant.upload(f"{follower.app.name}/2", model_folder(tenant.folder / "other", "model two, altered"))
    follower.app.ask_now()
    assert "put the old files back" in follower.app.wait_for_reason("SourceDrifted", "ContentChanged")

    tenant.kubectl("delete", "pod", "-l", f"app.kubernetes.io/instance={follower.app.name}", "--wait=false")
    assert follower.app.wait_for_reason("Ready", "ModelChanged")
    tenant.upload(f"{follower.app.name}/2", _model(tenant, "2"))
    follower.app.wait("Ready")
    assert follower.serves()


def _model_follower(tenant: Tenant, kind: str) -> Follower:
    name = f"follow-{kind.replace(' ', '-').lower()}"
    upload, store = _blob_store(tenant, name), {"azureBlob": _folder(tenant, name)}
    credentials: Manifest = {"secretRef": {"name": name}}
    if kind == "S3":
        upload, store = _s3_store(tenant, name)
    elif kind == "workload identity":
        client = str(uuid.uuid4())
        tenant.cluster.federate(client, TENANT, tenant.namespace, name)
        credentials = {"workloadIdentity": {"clientID": client, "tenantID": TENANT}}
    if "secretRef" in credentials:
        values = [f"--from-literal={key}={value}" for key, value in _secret(tenant, kind).items()]
        tenant.kubectl("create", "secret", "generic", name, *values)
    upload("1")
    app = App(tenant, name)
    source = {**store, "credentials": credentials}
    app.apply(tenant.deployed.images["one"], None, modelSource=source, modelPolicy={"interval": INTERVAL})
    return Follower(app, lambda: upload("2"), ("one", "model 2"))


def _secret(tenant: Tenant, kind: str) -> dict[str, str]:
    account = tenant.cluster.blob_account()
    if kind == "account key":
        return {"accountKey": account.key}
    if kind == "SAS":
        expiry = datetime.now(UTC) + timedelta(hours=1)
        return {
            "sasToken": generate_container_sas(account.name, CONTAINER, account.key, permission="rl", expiry=expiry)
        }
    if kind == "client secret":
        client = str(uuid.uuid4())
        return {"tenantID": TENANT, "clientID": client, "clientSecret": tenant.cluster.client_secret(client, TENANT)}
    s3 = tenant.cluster.s3
    return {"accessKeyId": s3.access_key_id, "secretAccessKey": s3.secret_access_key}


def _folder(tenant: Tenant, name: str) -> Manifest:
    return {"account": tenant.cluster.blob_account().name, "container": CONTAINER, "path": f"{tenant.namespace}/{name}"}


def _blob_store(tenant: Tenant, name: str) -> Callable[[str], None]:
    return lambda version: tenant.upload(f"{name}/{version}", _model(tenant, version))


def _s3_store(tenant: Tenant, name: str) -> tuple[Callable[[str], None], Manifest]:
    s3, path = tenant.cluster.s3, f"{tenant.namespace}/{name}"
    client = tenant.cluster.s3_client()  # type: ignore[attr-defined]
    source = {"bucket": CONTAINER, "path": path, "region": s3.region, "endpoint": s3.endpoint}

    def upload(version: str) -> None:
        objectstore.upload_model(client, CONTAINER, f"{path}/{version}", _model(tenant, version))

    return upload, {"s3": source}


def _model(tenant: Tenant, version: str) -> Path:
    folder = tenant.folder / "followed" / version
    return folder if folder.exists() else model_folder(folder, f"model {version}")


def _image_follower(tenant: Tenant, name: str, policy: Manifest, *, first: str, then: str = "1.1.0") -> Follower:
    repository = f"{tenant.namespace}/{name}"
    tenant.deployed.push_app("one", repository, first)
    image = f"{tenant.cluster.token_registry}/{repository}" + (f":{first}" if policy["type"] == "Tag" else "")
    app = App(tenant, f"follow-{name}")
    app.apply(image, "1", imagePolicy={**policy, "interval": INTERVAL})
    return Follower(app, lambda: tenant.deployed.push_app("two", repository, then), ("two", "model 1"))
