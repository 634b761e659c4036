"""The names, the trust and the credentials that pods find in a cluster of ours."""

import json
import secrets
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

from cluster.blobstore import blob_service, upload_model
from cluster.images import ensure_base_image
from cluster.kubectl import PULL_SECRET, TRUST_CONFIG_MAP
from cluster.protocol import Cluster
from cluster.toolchain import say

LOOK = """
import json, socket, ssl, sys, urllib.error, urllib.request
def status(url, trusted=True):
    context = ssl.create_default_context(cafile="/trust/ca.crt" if trusted else None)
    try:
        return urllib.request.urlopen(url, context=context, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError as error:
        return type(error.reason).__name__
print(json.dumps({
    "blob": status(sys.argv[1]),
    "blob, untrusted": status(sys.argv[1], trusted=False),
    "registry": status("https://registry.aiapp.test:5000/v2/"),
    "outside": status("https://example.com"),
    "service": socket.gethostbyname("kubernetes.default.svc.cluster.local"),
    "short name": socket.gethostbyname("kubernetes.default"),
}))
"""
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def image(kind_cluster: Cluster) -> str:
    return kind_cluster.push_image(ensure_base_image(say))


@pytest.fixture
def namespace(kind_cluster: Cluster) -> Iterator[str]:
    with kind_cluster.namespace("names") as name:
        yield name


def eventually(what: str, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


def pod(name: str, image: str, *command: str, **spec: object) -> str:
    container = {
        "name": "main",
        "image": image,
        "command": list(command),
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "trust", "mountPath": "/trust"}],
    }
    volume = {"name": "trust", "configMap": {"name": TRUST_CONFIG_MAP}}
    body = {"containers": [container], "volumes": [volume], "restartPolicy": "Never", **spec}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": body})


def phase(cluster: Cluster, namespace: str, name: str) -> str:
    return cluster.kubectl("get", "pod", name, "--namespace", namespace, "--output=jsonpath={.status.phase}")


@pytest.mark.needs("azurite", "registry-auth")
def test_a_pod_finds_blob_store_registry_and_services_and_nothing_else(
    kind_cluster: Cluster, image: str, namespace: str, tmp_path: Path
) -> None:
    (tmp_path / "SHA256SUMS").write_text("")
    account, container = kind_cluster.blob_account(), f"names-{secrets.token_hex(4)}"
    assert kind_cluster.ca_certificate
    client = blob_service(account, kind_cluster.ca_certificate)
    upload_model(client, container, "digits/1", tmp_path)
    client.get_container_client(container).set_container_access_policy({}, public_access="blob")
    url = f"{account.endpoint}/{container}/digits/1/SHA256SUMS"

    manifest = pod("look", image, "python3", "-c", LOOK, url)
    kind_cluster.kubectl("apply", "--namespace", namespace, "-f", "-", input=manifest)
    eventually("pod look succeeded", lambda: phase(kind_cluster, namespace, "look") == "Succeeded")
    seen = json.loads(kind_cluster.kubectl("logs", "look", "--namespace", namespace))

    service = kind_cluster.kubectl("get", "service", "kubernetes", "--output=jsonpath={.spec.clusterIP}")
    assert seen == {
        "blob": 200,
        "blob, untrusted": "SSLCertVerificationError",
        "registry": 401,
        "outside": "gaierror",
        "service": service,
        "short name": service,
    }


@pytest.mark.needs("registry-auth")
def test_without_its_pull_secret_an_image_is_refused(kind_cluster: Cluster, image: str, namespace: str) -> None:
    # The node keeps what others pulled, so the image must be one that nobody had.
    fresh = image.partition("@")[0] + ":" + secrets.token_hex(4)
    kind_cluster.kubectl("delete", "secret", PULL_SECRET, "--namespace", namespace)
    kind_cluster.kubectl("apply", "--namespace", namespace, "-f", "-", input=pod("refused", fresh, "true"))

    def words() -> str:
        path = "--output=jsonpath={.status.containerStatuses[0].state.waiting.message}"
        return kind_cluster.kubectl("get", "pod", "refused", "--namespace", namespace, path)

    eventually("the refusal is in the pod's status", lambda: "no basic auth credentials" in words())


@pytest.mark.needs("network-route")
def test_this_process_reaches_a_service_by_its_address(kind_cluster: Cluster, image: str, namespace: str) -> None:
    server = pod("server", image, "python3", "-m", "http.server", "8080", "--directory", "/trust")
    kind_cluster.kubectl("apply", "--namespace", namespace, "-f", "-", input=server)
    kind_cluster.kubectl("label", "pod", "server", "app=server", "--namespace", namespace)
    kind_cluster.kubectl(*("create", "service", "clusterip", "server", "--tcp=80:8080", "--namespace", namespace))
    address = kind_cluster.kubectl(
        *("get", "service", "server", "--namespace", namespace, "--output=jsonpath={.spec.clusterIP}")
    )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{address}/ca.crt", timeout=5) as answer:
                return b"BEGIN CERTIFICATE" in answer.read()
        except OSError:
            return False

    eventually("the Service answers at its ClusterIP", answers)


@pytest.mark.needs("service-control")
def test_a_stopped_api_server_comes_back_with_everything(kind_cluster: Cluster, namespace: str) -> None:
    def answers() -> bool:
        try:
            return namespace in kind_cluster.kubectl("get", "namespace", namespace, "--request-timeout=5s")
        except subprocess.CalledProcessError:
            return False

    with kind_cluster.service_stopped("kube-apiserver"):
        assert not answers()
    eventually("the API server answers again", answers)


@pytest.mark.needs("service-control", "azurite")
def test_a_stopped_blob_store_comes_back_with_its_blobs(kind_cluster: Cluster) -> None:
    container = f"kept-{secrets.token_hex(4)}"
    assert kind_cluster.ca_certificate
    client = blob_service(kind_cluster.blob_account(), kind_cluster.ca_certificate)
    client.create_container(container)
    with kind_cluster.service_stopped("azurite"), pytest.raises(AzureError):
        client.get_container_client(container).exists()
    eventually("the container is there again", lambda: _exists(client, container))


def _exists(client: BlobServiceClient, container: str) -> bool:
    try:
        return client.get_container_client(container).exists()
    except AzureError:
        return False
