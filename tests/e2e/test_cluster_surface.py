"""Written against pytest-kind's documentation, except for image and namespace, so it runs on every backend."""

import json
import subprocess
import urllib.error
import urllib.request

import pykube
import pytest

from cluster.images import ensure_base_image
from cluster.protocol import Cluster
from cluster.toolchain import say

SERVER = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: files}}
spec:
  selector: {{matchLabels: {{app: files}}}}
  template:
    metadata: {{labels: {{app: files}}}}
    spec:
      containers:
        - name: server
          image: {image}
          command: [python3, -m, http.server, "8080", --directory, /etc]
          readinessProbe: {{httpGet: {{path: /os-release, port: 8080}}, periodSeconds: 1}}
          securityContext:
            runAsNonRoot: true
            runAsUser: 65532
            allowPrivilegeEscalation: false
            capabilities: {{drop: [ALL]}}
            seccompProfile: {{type: RuntimeDefault}}
          resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: files}}
spec:
  selector: {{app: files}}
  ports: [{{port: 80, targetPort: 8080}}]
"""


@pytest.fixture(scope="module")
def image(kind_cluster: Cluster) -> str:
    return kind_cluster.push_image(ensure_base_image(say))


def test_a_deployment_serves_through_a_forwarded_port(kind_cluster: Cluster, image: str) -> None:
    url = "http://127.0.0.1:{}/os-release"
    with kind_cluster.namespace() as namespace:
        kind_cluster.kubectl("apply", "--namespace", namespace, "-f", "-", input=SERVER.format(image=image))
        kind_cluster.kubectl("rollout", "status", "deployment/files", "--namespace", namespace, "--timeout=120s")
        with (
            kind_cluster.port_forward("service/files", 80, "--namespace", namespace) as port,
            urllib.request.urlopen(url.format(port), timeout=10) as answer,
        ):
            assert b"debian" in answer.read()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(url.format(port), timeout=10)


def test_the_api_client_is_pykubes(kind_cluster: Cluster) -> None:
    names = {node.name for node in pykube.Node.objects(kind_cluster.api)}
    listed = json.loads(kind_cluster.kubectl("get", "nodes", "--output", "json"))["items"]
    assert names == {node["metadata"]["name"] for node in listed} != set()


def test_kubectl_that_fails_raises(kind_cluster: Cluster) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        kind_cluster.kubectl("get", "configmap", "no-such-thing", stderr=subprocess.DEVNULL)


def test_a_port_that_cannot_be_forwarded_is_said(kind_cluster: Cluster) -> None:
    with pytest.raises(RuntimeError, match="no-such-pod"), kind_cluster.port_forward("pod/no-such-pod", 80, retries=1):
        pass


def test_namespaces_hold_pods_to_the_restricted_standard(kind_cluster: Cluster, image: str) -> None:
    with kind_cluster.namespace() as namespace:
        command = ["run", "root", f"--image={image}", f"--namespace={namespace}"]
        with pytest.raises(subprocess.CalledProcessError) as refused:
            kind_cluster.kubectl(*command, stderr=subprocess.STDOUT)
    assert "violates PodSecurity" in refused.value.output
