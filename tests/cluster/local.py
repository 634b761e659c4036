"""Backend `local`: a single node of the project's own build, in namespaces of this machine."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from azure.storage.blob import BlobServiceClient
from minio import Minio

from cluster import blobstore, claims, identity, images, node, objectstore
from cluster.backends import OF_LOCAL
from cluster.binaries import ensure_binaries
from cluster.cache import Report
from cluster.commands import S3_REGION
from cluster.kubectl import KubectlCluster
from cluster.network import REGISTRY_HOST, REGISTRY_PORT, S3_PORT, TOKEN_REGISTRY_PORT, TOKENS_HOST
from cluster.node_files import Programs
from cluster.processes import Process
from cluster.protocol import BlobAccount, RegistryCredentials, S3Server
from cluster.state import NodeState, directory_of, load
from cluster.tokens import Grant
from cluster.toolchain import ensure_node, ensure_system_packages, say


def ensure_programs(report: Report) -> Programs:
    """Build or install, once, everything that a local node runs."""
    ensure_system_packages(report)
    node_program = ensure_node(report)
    pause = images.ensure_pause_image(report)
    return Programs(
        binaries=ensure_binaries(report),
        node=node_program,
        azurite=blobstore.ensure_azurite(node_program, report),
        pause_archive=pause.path,
        pause_image=pause.reference,
    )


class LocalCluster(KubectlCluster):
    """The node `name`. Registry, blob store and DNS are processes on it and end with it."""

    backend = "local"
    capabilities = OF_LOCAL

    def __init__(self, name: str, report: Report = say, *, stays: bool = False) -> None:
        """One that `stays` is ended by delete() alone.

        Another is taken away, once this process is gone, by whoever next looks for clusters.
        """
        binaries = ensure_binaries(report)
        super().__init__(name, directory_of(name) / "kubeconfig", binaries / "kubectl", binaries / "helm")
        self._report = report
        self._stays = stays

    def create(self) -> None:
        """Start the node, or use the one that runs."""
        node.remove_stale(self._report)
        existing = load(self.name)
        if existing and existing.running:
            self._report(f"using cluster {self.name}, which is running")
            return
        owner = None if self._stays else Process.of(os.getpid())
        node.start(self.name, ensure_programs(self._report), self._report, owner=owner)

    def delete(self) -> None:
        node.remove(self.name)

    @property
    def state(self) -> NodeState:
        """Raises RuntimeError when the node does not run."""
        state = load(self.name)
        if state is None or not state.running:
            raise RuntimeError(f"cluster {self.name} is not running: python -m cluster up --name {self.name}")
        return state

    @property
    def ca_certificate(self) -> Path:
        return directory_of(self.name) / "trust" / "ca.crt"

    @property
    def registry(self) -> str:
        return f"{REGISTRY_HOST}:{REGISTRY_PORT}"

    @property
    def registry_credentials(self) -> RegistryCredentials:
        return RegistryCredentials(self.state.registry_username, self.state.registry_password)

    @property
    def token_registry(self) -> str:
        return f"{TOKENS_HOST}:{TOKEN_REGISTRY_PORT}"

    @property
    def registries(self) -> tuple[str, ...]:
        return self.registry, self.token_registry

    @property
    def s3(self) -> S3Server:
        state = self.state
        address = f"https://{state.addresses.node}:{S3_PORT}"
        return S3Server(state.s3_access_key, state.s3_secret_key, S3_REGION, address)

    def s3_client(self) -> Minio:
        return objectstore.s3_client(self.s3, self.ca_certificate)

    def federate(self, client_id: str, tenant_id: str, namespace: str, service_account: str) -> None:
        """Let a ServiceAccount have tokens of an application, as a federated identity credential does."""
        subject = identity.subject(namespace, service_account)
        identity.add_grant(directory_of(self.name), Grant(tenant_id, client_id, subject=subject))

    def client_secret(self, client_id: str, tenant_id: str) -> str:
        """Give an application a new client secret; those that it had go on working."""
        secret = secrets.token_urlsafe(24)
        identity.add_grant(directory_of(self.name), Grant(tenant_id, client_id, secret=secret))
        return secret

    @contextmanager
    def claim(self, namespace: str, name: str) -> Iterator[Path]:
        """Make a PersistentVolumeClaim; what is written to the folder is in it. Its volume goes at the end."""
        volume = f"{namespace}-{name}"
        folder = directory_of(self.name) / "claims" / volume
        folder.mkdir(parents=True)
        try:
            manifest = {"apiVersion": "v1", "kind": "List", "items": claims.of_folder(namespace, name, str(folder))}
            self.kubectl("apply", "-f", "-", input=json.dumps(manifest))
            yield folder
        finally:
            # Both are kept while a pod mounts them, which is no reason to wait for it.
            for kind, one in (("persistentvolumeclaim", name), ("persistentvolume", volume)):
                self.kubectl("delete", kind, one, "--namespace", namespace, "--wait=false", "--ignore-not-found")

    def load_docker_image(self, docker_image: str) -> None:
        """Put an image of this machine's Docker, else of its buildah, on the node, as `kind load docker-image` does."""
        with tempfile.TemporaryDirectory(prefix="load-", dir=directory_of(self.name)) as work:
            archive = Path(work) / "image.tar"
            for command in (
                ["docker", "save", f"--output={archive}", docker_image],
                ["buildah", "push", "--quiet", docker_image, f"docker-archive:{archive}:{docker_image}"],
            ):
                found = shutil.which(command[0])
                if found and subprocess.run(command, check=False, capture_output=True).returncode == 0:
                    break
            else:
                raise ValueError(f"neither Docker nor buildah has an image {docker_image!r} on this machine")
            self._import(archive)

    def push_image(self, image: images.ImageArchive, *, name: str | None = None, tag: str | None = None) -> str:
        """Push an archive. Returns `registry.aiapp.test:5000/name@sha256:...`; `name:tag` names it too."""
        repository = name or image.name
        # This machine does not know the registry's name; its certificate has the address too.
        address = f"{self.state.addresses.node}:{REGISTRY_PORT}/{repository}:{tag or image.key}"
        digest = images.push(image, address, self.registry_credentials, self.ca_certificate.parent)
        return f"{self.registry}/{repository}@{digest}"

    def blob_account(self, name: str = blobstore.ACCOUNTS[0]) -> BlobAccount:
        """Raises ValueError for an account that Azurite was not started with."""
        keys = self.state.account_keys
        if name not in keys:
            raise ValueError(f"no storage account {name!r}; there are {', '.join(keys)}")
        return BlobAccount(name, keys[name], host_endpoint=f"https://{self.state.addresses.node}/{name}")

    def blob_service(self, account: BlobAccount | None = None) -> BlobServiceClient:
        return blobstore.blob_service(account or self.blob_account(), self.ca_certificate)

    def service_stopped(self, name: str) -> AbstractContextManager[None]:
        return node.service_stopped(self.state, name)

    def _import(self, archive: Path) -> None:
        command = [str(self.kubectl_path.parent / "ctr"), "--namespace=k8s.io", "images", "import", str(archive)]
        subprocess.run(self.node_command(*command), check=True, stdout=subprocess.DEVNULL)

    def node_command(self, *argv: str) -> list[str]:
        return node.enter(self.state, *argv)
