"""What a local node has besides Kubernetes: S3, an authority that gives tokens, a registry that asks for them."""

import io
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from minio.error import S3Error

from cluster.blobstore import blob_service
from cluster.images import ensure_base_image
from cluster.kubectl import PULL_SECRET
from cluster.network import S3_HOST
from cluster.objectstore import s3_client
from cluster.protocol import Cluster
from cluster.toolchain import say
from e2e.test_cluster_names import RESTRICTED, eventually, phase, pod

TENANT = "72f988bf-0000-4000-8000-000000000001"
READ_BLOB = """
import sys
from pathlib import Path
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential, ClientSecretCredential
from azure.storage.blob import BlobClient
kind, proof, tenant, client, url, authority = sys.argv[1:]
trust = {"connection_verify": authority}
if kind == "assertion":
    credential = ClientAssertionCredential(tenant, client, lambda: proof, **trust)
else:
    credential = ClientSecretCredential(tenant, client, proof, **trust)
try:
    print(BlobClient.from_blob_url(url, credential, retry_total=0, **trust).download_blob().readall().decode())
except ClientAuthenticationError as error:
    print(error.message)
"""


@pytest.fixture
def namespace(kind_cluster: Cluster) -> Iterator[str]:
    with kind_cluster.namespace("services") as name:
        yield name


@pytest.fixture
def blob(kind_cluster: Cluster) -> str:
    """Put a blob into a private container, and return its address."""
    account, container = kind_cluster.blob_account(), f"private-{secrets.token_hex(4)}"
    assert kind_cluster.ca_certificate
    service = blob_service(account, kind_cluster.ca_certificate)
    service.create_container(container).upload_blob("digits/1/model", b"weights")
    return f"{account.endpoint}/{container}/digits/1/model"


def read(cluster: Cluster, kind: str, proof: str, client: str, url: str) -> str:
    """Read a blob among the cluster's names, as azure-identity logs in; return its content, or why not."""
    command = [sys.executable, "-c", READ_BLOB, kind, proof, TENANT, client, url, str(cluster.ca_certificate)]
    return subprocess.run(cluster.node_command(*command), check=True, capture_output=True, text=True).stdout.strip()


def account_token(cluster: Cluster, namespace: str, name: str, audience: str) -> str:
    return cluster.kubectl("create", "token", name, "--namespace", namespace, f"--audience={audience}").strip()


@pytest.mark.needs("identity", "node-exec")
def test_a_federated_service_account_reads_a_private_blob(kind_cluster: Cluster, namespace: str, blob: str) -> None:
    client = f"client-{secrets.token_hex(4)}"
    kind_cluster.kubectl("create", "serviceaccount", "digits", "--namespace", namespace)
    kind_cluster.federate(client, TENANT, namespace, "digits")
    exchange = "api://AzureADTokenExchange"
    token = account_token(kind_cluster, namespace, "digits", exchange)
    assert read(kind_cluster, "assertion", token, client, blob) == "weights"

    other = account_token(kind_cluster, namespace, "default", exchange)
    assert "AADSTS700213" in read(kind_cluster, "assertion", other, client, blob)
    for_kubernetes = account_token(kind_cluster, namespace, "digits", "https://kubernetes.default.svc.cluster.local")
    assert "AADSTS700212" in read(kind_cluster, "assertion", for_kubernetes, client, blob)
    assert "AADSTS700212" in read(kind_cluster, "assertion", token[:-4] + "AAAA", client, blob)


@pytest.mark.needs("identity", "node-exec")
def test_a_client_secret_reads_a_private_blob_and_a_wrong_one_does_not(kind_cluster: Cluster, blob: str) -> None:
    client = f"client-{secrets.token_hex(4)}"
    secret = kind_cluster.client_secret(client, TENANT)
    assert read(kind_cluster, "secret", secret, client, blob) == "weights"
    assert "AADSTS7000215" in read(kind_cluster, "secret", "wrong", client, blob)
    assert "AADSTS700016" in read(kind_cluster, "secret", secret, "another", blob)


@pytest.mark.needs("registry-tokens")
def test_a_pod_runs_an_image_from_behind_tokens_and_not_without_its_pull_secret(
    kind_cluster: Cluster, namespace: str
) -> None:
    pushed = kind_cluster.push_image(ensure_base_image(say), name=f"by-token-{secrets.token_hex(4)}")
    image = pushed.replace(kind_cluster.registry, kind_cluster.token_registry)
    kind_cluster.kubectl("create", "serviceaccount", "stranger", "--namespace", namespace)
    stranger = pod("stranger", image, "true", serviceAccountName="stranger")
    kind_cluster.kubectl("apply", "--namespace", namespace, "-f", "-", input=stranger)

    def words() -> str:
        path = "--output=jsonpath={.status.containerStatuses[0].state.waiting.message}"
        return kind_cluster.kubectl("get", "pod", "stranger", "--namespace", namespace, path)

    eventually("the refusal is in the pod's status", lambda: "401 Unauthorized" in words())
    member = pod("member", image, "true", imagePullSecrets=[{"name": PULL_SECRET}])
    kind_cluster.kubectl("apply", "--namespace", namespace, "-f", "-", input=member)
    eventually("pod member succeeded", lambda: phase(kind_cluster, namespace, "member") == "Succeeded")


@pytest.mark.needs("s3", "node-exec")
def test_the_s3_server_serves_under_its_name_and_refuses_other_keys(kind_cluster: Cluster) -> None:
    assert kind_cluster.ca_certificate
    client, bucket = s3_client(kind_cluster.s3, kind_cluster.ca_certificate), f"models-{secrets.token_hex(4)}"
    client.make_bucket(bucket)
    client.put_object(bucket, "digits/1/model", io.BytesIO(b"weights"), 7)
    for wrong, code in (
        (replace(kind_cluster.s3, secret_access_key="wrong"), "SignatureDoesNotMatch"),
        (replace(kind_cluster.s3, access_key_id="wrong"), "XAdminUserNotFound"),  # AWS says InvalidAccessKeyId
    ):
        with pytest.raises(S3Error) as refused:
            s3_client(wrong, kind_cluster.ca_certificate).list_buckets()
        assert refused.value.code == code
    look_up = f"import socket; print(socket.gethostbyname({S3_HOST!r}))"
    found = subprocess.check_output(kind_cluster.node_command(sys.executable, "-c", look_up), text=True)
    assert found.strip() in kind_cluster.s3.host_endpoint


@pytest.mark.needs("claims")
def test_a_pod_reads_what_was_written_to_a_claim(kind_cluster: Cluster, namespace: str) -> None:
    image = kind_cluster.push_image(ensure_base_image(say))
    with kind_cluster.claim(namespace, "models") as folder:
        (folder / "model").write_text("weights")
        container = {
            "name": "main",
            "image": image,
            "command": ["grep", "-x", "weights", "/models/model"],
            "securityContext": RESTRICTED,
            "volumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
        }
        volume = {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
        manifest = pod("reader", image, containers=[container], volumes=[volume])
        kind_cluster.kubectl("apply", "--namespace", namespace, "-f", "-", input=manifest)
        eventually("pod reader succeeded", lambda: phase(kind_cluster, namespace, "reader") == "Succeeded")
