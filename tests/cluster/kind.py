"""Backend `kind`: pytest-kind's cluster, with a registry and Azurite beside it on kind's Docker network."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

import bcrypt
import pytest_kind
import yaml
from azure.storage.blob import BlobServiceClient

from cluster import blobstore, configuration, images
from cluster.backends import OF_KIND, Options
from cluster.cache import Report, cache_dir
from cluster.certificates import CertificateAuthority, write_private
from cluster.commands import azurite_flags
from cluster.kubectl import KubectlCluster
from cluster.named_context import program
from cluster.network import REGISTRY_HOST, REGISTRY_PORT, answers
from cluster.protocol import BlobAccount, RegistryCredentials

REGISTRY_IMAGE = "docker.io/library/registry:3.1.2"
AZURITE_IMAGE = "mcr.microsoft.com/azure-storage/azurite:3.37.0"
NETWORK = "kind"
START_SECONDS = 120.0


class KindBackend(KubectlCluster):
    """A kind cluster. Docker's DNS gives nodes and pods the names of the registry and of the storage accounts."""

    backend = "kind"
    capabilities = OF_KIND

    def __init__(self, name: str, report: Report, options: Options) -> None:
        self._directory = cache_dir() / "kind" / name
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._report = report
        kubeconfig = options.kubeconfig or self._directory / "kubeconfig"
        kubectl, helm = program("kubectl", options.kubectl_bin, report), program("helm", None, report)
        kind = program("kind", options.kind_bin, report)
        super().__init__(name, kubeconfig, kubectl, helm)
        # It makes a directory of its own wherever it is called.
        with contextlib.chdir(self._directory):
            self._kind = pytest_kind.KindCluster(
                name, kubeconfig, image=options.kind_image, kind_path=kind, kubectl_path=kubectl
            )

    def create(self) -> None:
        """Create the cluster, or use the one that runs; `kind` and `docker` say why if they cannot."""
        if not (self._directory / "secrets.json").exists():
            self._write_files()
        self._kind.create(config_file=self._directory / "kind.yaml")
        for service, arguments in self._services().items():
            self._run_container(service, arguments)
        for service, port in (("registry", REGISTRY_PORT), ("azurite", 443)):
            self._wait_for(service, port)

    def delete(self) -> None:
        for service in self._services():
            subprocess.run(["docker", "rm", "--force", self._container(service)], check=False, capture_output=True)
        self._kind.delete()
        shutil.rmtree(self._directory)

    @property
    def ca_certificate(self) -> Path:
        return self._directory / "trust" / "ca.crt"

    @property
    def registry(self) -> str:
        return f"{REGISTRY_HOST}:{REGISTRY_PORT}"

    @property
    def registry_credentials(self) -> RegistryCredentials:
        return RegistryCredentials("aiapp", self._secrets()["registry"])

    def load_docker_image(self, docker_image: str) -> None:
        self._kind.load_docker_image(docker_image)

    def push_image(self, image: images.ImageArchive, *, name: str | None = None, tag: str | None = None) -> str:
        repository = name or image.name
        address = f"127.0.0.1:{self._host_port('registry', REGISTRY_PORT)}"
        digest = images.push(
            image, f"{address}/{repository}:{tag or image.key}", self.registry_credentials, self.ca_certificate.parent
        )
        return f"{self.registry}/{repository}@{digest}"

    def blob_account(self, name: str = blobstore.ACCOUNTS[0]) -> BlobAccount:
        port = self._host_port("azurite", 443)
        return BlobAccount(name, self._secrets()[name], host_endpoint=f"https://127.0.0.1:{port}/{name}")

    def blob_service(self, account: BlobAccount | None = None) -> BlobServiceClient:
        return blobstore.blob_service(account or self.blob_account(), self.ca_certificate)

    def service_stopped(self, name: str) -> AbstractContextManager[None]:
        raise NotImplementedError(f"{name}: needs('service-control'), which kind does not have")

    def node_command(self, *argv: str) -> list[str]:
        raise NotImplementedError(f"{argv}: needs('node-exec'), which kind does not have")

    def _write_files(self) -> None:
        authority = CertificateAuthority.create(self._directory / "certificates", f"aiapp kind cluster {self.name}")
        authority.publish(self._directory / "trust")
        authority.server("registry", REGISTRY_HOST, [REGISTRY_HOST, "127.0.0.1"])
        authority.server("azurite", "blob.core.windows.net", ["*.blob.core.windows.net", "127.0.0.1"])
        password = secrets.token_urlsafe(18)
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()
        (self._directory / "htpasswd").write_text(f"aiapp:{hashed}\n")
        hosts = self._directory / "registries" / f"{REGISTRY_HOST}:{REGISTRY_PORT}" / "hosts.toml"
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text(configuration.registry_hosts(hosts.parent.name, "/etc/containerd/aiapp-certificates/ca.crt"))
        (self._directory / "kind.yaml").write_text(kind_configuration(self._directory))
        kept = {"registry": password, **blobstore.random_keys()}
        write_private(self._directory / "secrets.json", json.dumps(kept).encode())

    def _services(self) -> dict[str, list[str]]:
        return {"registry": self._registry_arguments(), "azurite": self._azurite_arguments()}

    def _registry_arguments(self) -> list[str]:
        settings = {
            "REGISTRY_AUTH": "htpasswd",
            "REGISTRY_AUTH_HTPASSWD_REALM": "aiapp",
            "REGISTRY_AUTH_HTPASSWD_PATH": "/aiapp/htpasswd",
            "REGISTRY_HTTP_TLS_CERTIFICATE": "/aiapp/certificates/registry.crt",
            "REGISTRY_HTTP_TLS_KEY": "/aiapp/certificates/registry.key",
            "OTEL_TRACES_EXPORTER": "none",
        }
        variables = [f"--env={key}={value}" for key, value in settings.items()]
        published = [f"--publish=127.0.0.1::{REGISTRY_PORT}", f"--network-alias={REGISTRY_HOST}"]
        return [*published, *variables, f"--volume={self._directory}:/aiapp:ro", REGISTRY_IMAGE]

    def _azurite_arguments(self) -> list[str]:
        aliases = [f"--network-alias={name}.blob.core.windows.net" for name in blobstore.ACCOUNTS]
        command = ["azurite-blob", "--blobHost=0.0.0.0", *azurite_flags("/aiapp/certificates")]
        # By name only: docker takes the value from its own environment, and no process list shows the keys.
        variables = ["--env=AZURITE_ACCOUNTS", f"--volume={self._directory}:/aiapp:ro"]
        return ["--publish=127.0.0.1::443", *aliases, *variables, AZURITE_IMAGE, *command]

    def _run_container(self, service: str, arguments: list[str]) -> None:
        name = self._container(service)
        running = subprocess.run(
            ["docker", "inspect", "--format={{.State.Running}}", name], capture_output=True, text=True, check=False
        )
        if running.stdout.strip() == "true":
            return
        self._report(f"starting {service} beside the cluster")
        accounts = {key: value for key, value in self._secrets().items() if key in blobstore.ACCOUNTS}
        options = ["--detach", "--restart=unless-stopped", f"--name={name}", f"--network={NETWORK}"]
        subprocess.run(
            ["docker", "run", *options, *arguments],
            env={**os.environ, "AZURITE_ACCOUNTS": configuration.azurite_accounts(accounts)},
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _wait_for(self, service: str, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        published = self._host_port(service, port)
        while not answers("127.0.0.1", published):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{service} does not answer: docker logs {self._container(service)}")
            time.sleep(0.2)

    def _host_port(self, service: str, port: int) -> int:
        printed = subprocess.check_output(["docker", "port", self._container(service), f"{port}/tcp"], text=True)
        return int(printed.split()[0].rpartition(":")[2])

    def _container(self, service: str) -> str:
        return f"{self.name}-{service}"

    def _secrets(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads((self._directory / "secrets.json").read_text())
        return kept


def kind_configuration(directory: Path) -> str:
    """One node whose containerd trusts the registry. The node image is kind's own default, or --kind-image."""
    mounts = {"registries": "/etc/containerd/certs.d", "certificates": "/etc/containerd/aiapp-certificates"}
    patch = '[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/etc/containerd/certs.d"\n'
    return yaml.safe_dump(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "containerdConfigPatches": [patch],
            "nodes": [
                {
                    "role": "control-plane",
                    "extraMounts": [
                        {"hostPath": str(directory / source), "containerPath": target, "readOnly": True}
                        for source, target in mounts.items()
                    ],
                }
            ],
        }
    )
