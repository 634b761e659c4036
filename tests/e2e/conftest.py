"""The operator as its users install it: images pushed to the cluster's registry, the chart by helm."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.images import ImageArchive
from cluster.kubectl import PULL_SECRET, TRUST_CONFIG_MAP
from cluster.network import REGISTRY_PORT, S3_PORT, TOKEN_REGISTRY_PORT
from cluster.protocol import Cluster
from e2e import product
from e2e.rig import ROOT, Deployed, Tenant
from e2e.variants import variants

PRIVATE_PORTS = (REGISTRY_PORT, TOKEN_REGISTRY_PORT, S3_PORT)
APP_KINDS = ("one", "two", "crash", "hang", "moody", "wrong")


@pytest.fixture(scope="session")
def deployed(kind_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Install the operator; it may read Secrets where a test grants it, and nowhere else."""
    pushed = _push(kind_cluster, tmp_path_factory.mktemp("images"))
    with kind_cluster.namespace("aiapp-system") as namespace:
        values = json.dumps(_values(kind_cluster, pushed))
        chart = ROOT / "charts" / "aiapp-operator"
        arguments = ("upgrade", "--install", "aiapp", str(chart), "-n", namespace, "--values", "-")
        try:
            _install(kind_cluster, namespace, arguments, values)
            yield Deployed(kind_cluster, namespace, pushed.serving, pushed.apps, pushed.archives)
        finally:
            kind_cluster.helm("uninstall", "aiapp", "-n", namespace, "--wait", "--ignore-not-found")


@pytest.fixture(scope="module")
def tenant(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A namespace for the apps of one module, with models 1 and 2."""
    with deployed.cluster.namespace("vision") as namespace:
        tenant = Tenant(deployed, namespace, tmp_path_factory.mktemp("models"))
        tenant.prepare()
        for version in ("1", "2"):
            tenant.upload_model(version)
        yield tenant


def _install(cluster: Cluster, namespace: str, arguments: tuple[str, ...], values: str) -> None:
    try:
        cluster.helm(*arguments, "--wait", "--timeout", "2m", input=values, stderr=subprocess.STDOUT)
    except subprocess.CalledProcessError as error:
        pods = cluster.kubectl("-n", namespace, "describe", "pods")
        logs = cluster.kubectl("-n", namespace, "logs", "-l", "app.kubernetes.io/name=aiapp-operator")
        pytest.fail(f"the chart does not install: {error.output}\n{pods}\n{logs}")


@dataclass(frozen=True)
class Pushed:
    """The operator's and the serving image by digest; the apps by tag and as archives."""

    operator: str
    serving: str
    apps: dict[str, str]
    archives: dict[str, ImageArchive]


def _push(cluster: Cluster, folder: Path) -> Pushed:
    built = product.build()
    archives = {**variants(built.app, "APP_KIND", APP_KINDS, folder), "plain": built.plain}
    for kind, archive in archives.items():
        cluster.push_image(archive, name="test-app", tag=kind)
    apps = {kind: f"{cluster.registry}/test-app:{kind}" for kind in archives}
    return Pushed(cluster.push_image(built.operator), cluster.push_image(built.serving), apps, archives)


def _values(cluster: Cluster, pushed: Pushed) -> dict[str, Any]:
    (repository, _, digest), (fetch_repository, _, fetch_digest) = (
        image.partition("@") for image in (pushed.operator, pushed.serving)
    )
    values: dict[str, Any] = {
        "image": {"repository": repository, "digest": digest},
        "serving": {"image": {"repository": fetch_repository, "digest": fetch_digest}},
        "crds": {"keep": False},
        "logging": {"format": "full"},
        "sources": {"listedEndpoints": ["*.aiapp.test", *(f"*.aiapp.test:{port}" for port in PRIVATE_PORTS)]},
    }
    if cluster.registry_credentials:
        values["imagePullSecrets"] = [{"name": PULL_SECRET}]
    if cluster.ca_certificate:
        values["trustBundle"] = {"configMapName": TRUST_CONFIG_MAP}
    return values
