"""The operator as its users install it: images pushed to the cluster's registry, the chart by helm."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import images
from cluster.kubectl import PULL_SECRET, TRUST_CONFIG_MAP
from cluster.protocol import Cluster
from cluster.toolchain import say
from e2e.rig import ROOT, Deployed, Tenant

APP_KINDS = ("one", "two", "crash", "hang")


@pytest.fixture(scope="session")
def deployed(kind_cluster: Cluster) -> Iterator[Deployed]:
    """Install the operator; it may read Secrets where a test grants it, and nowhere else."""
    pushed = _push(kind_cluster)
    with kind_cluster.namespace("aiapp-system") as namespace:
        values = json.dumps(_values(kind_cluster, pushed["operator"], pushed["serving"]))
        chart = ROOT / "charts" / "aiapp-operator"
        arguments = ("upgrade", "--install", "aiapp", str(chart), "-n", namespace, "--values", "-")
        try:
            _install(kind_cluster, namespace, arguments, values)
            yield Deployed(kind_cluster, namespace, {kind: pushed[kind] for kind in APP_KINDS})
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


def _push(cluster: Cluster) -> dict[str, str]:
    base = {"BASE_IMAGE": images.ensure_base_image(say).reference}
    operator = images.build_image("aiapp-operator", ROOT / "Dockerfile.operator", ROOT, base, say)
    serving = images.build_image("aiapp-serving", ROOT / "Dockerfile.serving", ROOT, base, say)
    pushed = {"operator": cluster.push_image(operator), "serving": cluster.push_image(serving)}
    folder = Path(__file__).parent / "app"
    for kind in APP_KINDS:
        arguments = {"BASE_IMAGE": serving.reference, "KIND": kind}
        app = images.build_image("test-app", folder / "Dockerfile", folder, arguments, say)
        cluster.push_image(app, name="test-app", tag=kind)
        pushed[kind] = f"{cluster.registry}/test-app:{kind}"
    return pushed


def _values(cluster: Cluster, operator: str, serving: str) -> dict[str, Any]:
    (repository, _, digest), (fetch_repository, _, fetch_digest) = operator.partition("@"), serving.partition("@")
    values: dict[str, Any] = {
        "image": {"repository": repository, "digest": digest},
        "serving": {"image": {"repository": fetch_repository, "digest": fetch_digest}},
        "crds": {"keep": False},
        "logging": {"format": "full"},
    }
    if cluster.registry_credentials:
        values["imagePullSecrets"] = [{"name": PULL_SECRET}]
    if cluster.ca_certificate:
        values["trustBundle"] = {"configMapName": TRUST_CONFIG_MAP}
    return values
