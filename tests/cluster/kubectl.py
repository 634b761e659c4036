"""What every cluster with a kubeconfig can do: kubectl, helm, port-forward, namespaces ready for a test."""

import base64
import contextlib
import functools
import json
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from cluster.protocol import RegistryCredentials, S3Server

TRUST_CONFIG_MAP = "aiapp-trust"
PULL_SECRET = "registry-pull"
FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


class KubectlCluster:
    """pytest-kind's surface over any kubeconfig. Backends add how the cluster comes and goes, and its registry."""

    def __init__(self, name: str, kubeconfig_path: Path, kubectl_path: Path, helm_path: Path) -> None:
        self.name = name
        self.kubeconfig_path = kubeconfig_path
        self.kubectl_path = kubectl_path
        self.helm_path = helm_path

    @functools.cached_property
    def api(self) -> Any:
        """A pykube.HTTPClient, as pytest-kind gives."""
        from cluster.pykube_client import pykube_client  # noqa: PLC0415  # slow to import, and few use it

        return pykube_client(self.kubeconfig_path)

    def kubectl(self, *args: str, **kwargs: Any) -> str:
        """What kubectl prints; keywords go to subprocess. Raises subprocess.CalledProcessError."""
        return self._output(self.kubectl_path, args, kwargs)

    def helm(self, *args: str, **kwargs: Any) -> str:
        """What helm prints; keywords go to subprocess. Raises subprocess.CalledProcessError."""
        return self._output(self.helm_path, args, kwargs)

    @contextlib.contextmanager
    def port_forward(
        self,
        service_or_pod_name: str,
        remote_port: int,
        *args: str,
        local_port: int | None = None,
        retries: int = 10,
    ) -> Iterator[int]:
        """Forward a port of this machine, a free one if `local_port` is not given, to a pod or `service/NAME`.

        Raises RuntimeError with kubectl's words when it does not come up `retries` times.
        """
        ports = f"{local_port or ''}:{remote_port}"
        command = [str(self.kubectl_path), "port-forward", service_or_pod_name, ports, *args]
        for attempt in range(1, retries + 1):
            with subprocess.Popen(
                command, env=self._environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as process:
                try:
                    port, words = _forwarded_port(process)
                    if port is not None:
                        # kubectl writes a line per connection and would stop at a full pipe.
                        threading.Thread(target=_drain, args=[process], daemon=True).start()
                        yield port
                        return
                finally:
                    process.kill()
            if attempt < retries:
                time.sleep(1)
        raise RuntimeError(f"kubectl port-forward {service_or_pod_name} {ports}: {words}")

    def prepare_namespace(self, name: str, pod_security: str = "restricted") -> None:
        """Make a namespace of this name, or make one ready for apps as `namespace` does; it stays."""
        logins = {registry: self.registry_credentials for registry in self.registries if self.registry_credentials}
        objects = _namespace_objects(name, pod_security, self.ca_certificate, logins)
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        # Server-side, because the cluster makes the default ServiceAccount at the same moment.
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=manifest)

    @contextlib.contextmanager
    def namespace(self, prefix: str = "test", pod_security: str = "restricted") -> Iterator[str]:
        """Make a namespace of a random name, ready for apps: the CA in a ConfigMap, a pull secret; deleted at the end.

        The pull secret is also the default ServiceAccount's. `pod_security` is the standard that pods are held to.
        """
        name = f"{prefix}-{secrets.token_hex(4)}"
        try:
            self.prepare_namespace(name, pod_security)
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")

    @property
    def registry(self) -> str:
        raise NotImplementedError(f"cluster {self.name} has no registry of ours")

    @property
    def registry_credentials(self) -> RegistryCredentials | None:
        return None

    @property
    def registries(self) -> tuple[str, ...]:
        """All registries that the credentials are for."""
        return (self.registry,)

    @property
    def token_registry(self) -> str:
        raise NotImplementedError(f"cluster {self.name} has no registry with tokens: needs('registry-tokens')")

    @property
    def s3(self) -> S3Server:
        raise NotImplementedError(f"cluster {self.name} has no S3 server: needs('s3')")

    def federate(self, client_id: str, tenant_id: str, namespace: str, service_account: str) -> None:
        words = f"{tenant_id}/{client_id} for {namespace}/{service_account}"
        raise NotImplementedError(f"{words}: cluster {self.name} has no token issuer: needs('identity')")

    def client_secret(self, client_id: str, tenant_id: str) -> str:
        words = f"{tenant_id}/{client_id}"
        raise NotImplementedError(f"{words}: cluster {self.name} has no token issuer: needs('identity')")

    @property
    def ca_certificate(self) -> Path | None:
        return None

    def claim(self, namespace: str, name: str) -> AbstractContextManager[Path]:
        raise NotImplementedError(f"{namespace}/{name}: cluster {self.name} has no volumes of ours: needs('claims')")

    def _output(self, program: Path, args: tuple[str, ...], kwargs: dict[str, Any]) -> str:
        output: str = subprocess.check_output(
            [str(program), *args], env=self._environment(), encoding="utf-8", **kwargs
        )
        return output

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig_path)}


def pull_secret_data(logins: Mapping[str, RegistryCredentials]) -> str:
    """Value of `.dockerconfigjson`: the credentials by registry, base64 as a Secret wants it."""
    auths = {
        registry.partition("/")[0]: {"auth": base64.b64encode(f"{one.username}:{one.password}".encode()).decode()}
        for registry, one in logins.items()
    }
    return base64.b64encode(json.dumps({"auths": auths}).encode()).decode()


def _namespace_objects(
    name: str,
    pod_security: str,
    ca_certificate: Path | None,
    logins: Mapping[str, RegistryCredentials],
) -> list[dict[str, Any]]:
    labels = {"pod-security.kubernetes.io/enforce": pod_security, "aiapp.dev/test": "true"}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    ]
    if ca_certificate:
        objects.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": TRUST_CONFIG_MAP, "namespace": name},
                "data": {"ca.crt": ca_certificate.read_text()},
            }
        )
    if logins:
        objects += [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": PULL_SECRET, "namespace": name},
                "type": "kubernetes.io/dockerconfigjson",
                "data": {".dockerconfigjson": pull_secret_data(logins)},
            },
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": name},
                "imagePullSecrets": [{"name": PULL_SECRET}],
            },
        ]
    return objects


def _forwarded_port(process: "subprocess.Popen[str]") -> tuple[int | None, str]:
    """Read kubectl's output up to the line that names the port; with no such line, all it said."""
    words = []
    for line in process.stdout or ():
        words.append(line.strip())
        if found := FORWARDING.search(line):
            return int(found.group(1)), ""
    return None, " ".join(words)


def _drain(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ValueError):  # closed while it is read: the forwarding has ended
        for _ in process.stdout or ():
            pass
