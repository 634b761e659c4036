"""The product in a cluster: images in its registry, the chart installed, the models in a private blob account."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

from cluster import blobstore, images
from cluster.kubectl import PULL_SECRET, TRUST_CONFIG_MAP
from cluster.protocol import Cluster
from demo.machine import CONNECTION_STRING, ROOT
from demo.narration import Narrator, StoryError
from demo.patience import Waiting

CHART: Final = ROOT / "charts" / "aiapp-operator"
RELEASE: Final = "aiapp"
CONTAINER: Final = "models"
PREFIX: Final = "digits"
INSTALL_SECONDS: Final = 180.0
READY: Final = "{.items[0].status.conditions[?(@.type=='Available')].status}"


@dataclass(frozen=True, slots=True)
class Images:
    """What was pushed: the operator and the serving base by digest, the app's two images by tag."""

    operator: str
    serving: str
    digits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Storage:
    """A blob account of the example's: its name, what the app's Secret holds, and a client that writes to it."""

    account: str
    connection_string: str
    client: BlobServiceClient


def push_images(cluster: Cluster, narrator: Narrator) -> Images:
    """Build the four images, or take them from the cache, and push them to the cluster's registry."""
    with narrator.step("images: operator, serving base, digits 1 and digits 2"):
        base = images.ensure_base_image(narrator.waits_for).reference
        operator = _build("aiapp-operator", ROOT / "Dockerfile.operator", ROOT, {"BASE_IMAGE": base}, narrator)
        serving = _build("aiapp-serving", ROOT / "Dockerfile.serving", ROOT, {"BASE_IMAGE": base}, narrator)
        folder = ROOT / "examples" / "digits"
        apps = {
            version: _build(
                "digits",
                folder / "Dockerfile",
                folder,
                {"BASE_IMAGE": serving.reference, "APP_VERSION": version},
                narrator,
            )
            for version in ("1", "2")
        }
    with narrator.step(f"they are pushed to {cluster.registry}"):
        for version, app in apps.items():
            cluster.push_image(app, name="digits", tag=version)
        digits = {version: f"{cluster.registry}/digits:{version}" for version in apps}
        return Images(cluster.push_image(operator), cluster.push_image(serving), digits)


def storage_of(cluster: Cluster) -> Storage:
    """Return the cluster's own blob account, or the one that AZURE_STORAGE_CONNECTION_STRING names.

    Raises:
        StoryError: there is neither.
    """
    if "azurite" in cluster.capabilities and cluster.ca_certificate:
        account = cluster.blob_account()
        client = blobstore.blob_service(account, cluster.ca_certificate)
        return Storage(account.name, account.connection_string, client)
    given = os.environ.get(CONNECTION_STRING)
    if not given:
        raise StoryError(
            f"cluster {cluster.name} comes without a blob account for the models",
            f"{CONNECTION_STRING}='...' make demo CLUSTER=context:{cluster.name} REGISTRY=...",
        )
    client = BlobServiceClient.from_connection_string(given, retry_total=2)
    return Storage(str(client.account_name), given, client)


def upload_model(storage: Storage, folder: Path, narrator: Narrator) -> None:
    """Upload one version, its SHA256SUMS last."""
    version = folder.name
    with narrator.step(f"model {version} is uploaded to {storage.account}/{CONTAINER}/{PREFIX}/{version}"):
        try:
            blobstore.upload_model(storage.client, CONTAINER, f"{PREFIX}/{version}", folder)
        except AzureError as error:
            raise StoryError(f"the blob account refuses: {error.message}", f"check {CONNECTION_STRING}") from error


def install_chart(cluster: Cluster, pushed: Images, namespace: str, apps: str, narrator: Narrator) -> None:
    """Install the operator by its chart, or upgrade it, and wait until it is ready.

    Raises:
        StoryError: helm failed, or the operator did not become ready; their words are in the message.
    """
    values = json.dumps(_values(cluster, pushed, apps))
    with narrator.step("the operator is installed by its chart", f"deployment in {namespace} to be ready"):
        try:
            arguments = ("upgrade", "--install", RELEASE, str(CHART), "--namespace", namespace, "--values", "-")
            cluster.helm(*arguments, input=values, stderr=subprocess.STDOUT)
        except subprocess.CalledProcessError as error:
            raise StoryError(f"helm: {str(error.output).strip()[-800:]}", f"helm lint {CHART}") from error
        for _ in Waiting(INSTALL_SECONDS, period=1.0):
            if cluster.kubectl("-n", namespace, "get", "deployment", "-o", f"jsonpath={READY}") == "True":
                return
            pods = cluster.kubectl("-n", namespace, "get", "pods", "--no-headers", stderr=subprocess.DEVNULL)
            narrator.waits_for(" ".join(pods.split()) or f"a pod in {namespace}")
        log = cluster.kubectl(
            "-n", namespace, "logs", "deployment/aiapp-operator", "--tail=12", stderr=subprocess.STDOUT
        )
        raise StoryError(f"the operator is not ready after {INSTALL_SECONDS:.0f} s:\n{log}", "make test")


def _values(cluster: Cluster, pushed: Images, apps: str) -> dict[str, Any]:
    operator, _, operator_digest = pushed.operator.partition("@")
    serving, _, serving_digest = pushed.serving.partition("@")
    values: dict[str, Any] = {
        "image": {"repository": operator, "digest": operator_digest},
        "serving": {"image": {"repository": serving, "digest": serving_digest}},
        "secretNamespaces": [apps],
        "crds": {"keep": False},  # what the demo brings it takes away
        # The demo's registry stands on a private address.
        "sources": {"listedEndpoints": [cluster.registry.partition("/")[0]]},
    }
    if cluster.registry_credentials:
        values["imagePullSecrets"] = [{"name": PULL_SECRET}]
    if cluster.ca_certificate:
        values["trustBundle"] = {"configMapName": TRUST_CONFIG_MAP}
    return values


def _build(
    name: str, dockerfile: Path, context: Path, build_args: Mapping[str, str], narrator: Narrator
) -> images.ImageArchive:
    return images.build_image(name, dockerfile, context, build_args, narrator.waits_for)
