"""What every backend of the test cluster offers: pytest-kind's surface, and what this project's tests need besides."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cluster.network import S3_HOST, S3_PORT

CAPABILITIES: Mapping[str, str] = {
    "pods": "pods really run, with logs, exec and probes",
    "push-image": "push_image() reaches a registry that the cluster pulls from",
    "registry-auth": "that registry refuses a pull without credentials, and its TLS is by ca_certificate",
    "azurite": "ACCOUNT.blob.core.windows.net is Azurite, over TLS by ca_certificate",
    "network-route": "this process reaches ClusterIPs and pod addresses directly",
    "loadbalancer": "a Service of type LoadBalancer gets an address",
    "service-control": "service_stopped() stops a part of the cluster and starts it again",
    "node-exec": "node_command() runs a program among the cluster's names and addresses",
    "claims": "claim() makes a PersistentVolumeClaim over a folder that this process writes to",
    "s3": "s3.aiapp.test is an S3 server that really serves, over TLS by ca_certificate",
    "identity": "login.microsoftonline.com gives tokens to the ServiceAccounts and client secrets that tests federate",
    "registry-tokens": "the same images are behind a registry that wants tokens of its own token service",
}
"""Every capability a backend may have, and what it means to a test."""


@dataclass(frozen=True, slots=True)
class RegistryCredentials:
    """Basic authentication of the cluster's registry."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BlobAccount:
    """A storage account as pods see it (`endpoint`) and as this process reaches it (`host_endpoint`)."""

    name: str
    key: str = field(repr=False)
    host_endpoint: str

    @property
    def endpoint(self) -> str:
        return f"https://{self.name}.blob.core.windows.net"

    @property
    def connection_string(self) -> str:
        parts = {
            "DefaultEndpointsProtocol": "https",
            "AccountName": self.name,
            "AccountKey": self.key,
            "EndpointSuffix": "core.windows.net",
        }
        return ";".join(f"{name}={value}" for name, value in parts.items())


@dataclass(frozen=True, slots=True)
class S3Server:
    """The S3 server as pods see it (`endpoint`) and as this process reaches it (`host_endpoint`)."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    host_endpoint: str
    endpoint: str = f"https://{S3_HOST}:{S3_PORT}"


class Cluster(Protocol):
    """A Kubernetes cluster for tests. What a backend lacks is missing from `capabilities`; asking for it raises."""

    name: str
    kubeconfig_path: Path
    kubectl_path: Path

    @property
    def api(self) -> Any:
        """A pykube.HTTPClient, as pytest-kind gives."""

    @property
    def backend(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[str]: ...

    @property
    def ca_certificate(self) -> Path | None: ...

    @property
    def registry(self) -> str:
        """`host:port[/prefix]` that image references begin with."""

    @property
    def registry_credentials(self) -> RegistryCredentials | None: ...

    @property
    def token_registry(self) -> str:
        """`host:port` of the registry that gives out the same images by token; its credentials are the registry's."""

    @property
    def s3(self) -> S3Server: ...

    def federate(self, client_id: str, tenant_id: str, namespace: str, service_account: str) -> None:
        """Let a ServiceAccount have tokens of an application, as a federated identity credential does."""

    def client_secret(self, client_id: str, tenant_id: str) -> str:
        """Give an application a new client secret; those that it had go on working."""

    def claim(self, namespace: str, name: str) -> AbstractContextManager[Path]:
        """Make a PersistentVolumeClaim; what is written to the folder is in it."""

    def create(self) -> None: ...

    def delete(self) -> None: ...

    def kubectl(self, *args: str, **kwargs: Any) -> str:
        """What kubectl prints. Raises subprocess.CalledProcessError."""

    def helm(self, *args: str, **kwargs: Any) -> str: ...

    def port_forward(
        self,
        service_or_pod_name: str,
        remote_port: int,
        *args: str,
        local_port: int | None = None,
        retries: int = 10,
    ) -> AbstractContextManager[int]: ...

    def load_docker_image(self, docker_image: str) -> None: ...

    def push_image(self, image: Any, *, name: str | None = None, tag: str | None = None) -> str:
        """`registry/name@sha256:...`."""

    def blob_account(self, name: str = ...) -> BlobAccount: ...

    def namespace(self, prefix: str = ..., pod_security: str = ...) -> AbstractContextManager[str]: ...

    def prepare_namespace(self, name: str, pod_security: str = ...) -> None: ...

    def service_stopped(self, name: str) -> AbstractContextManager[None]: ...

    def node_command(self, *argv: str) -> list[str]: ...
