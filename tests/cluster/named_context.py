"""Backend `context:NAME`: a cluster that somebody named, in namespaces of our own, never created and never deleted."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from cluster import images
from cluster.backends import OF_CONTEXT, Options
from cluster.binaries import ensure_binaries
from cluster.cache import Report, cache_dir
from cluster.certificates import write_private
from cluster.kubectl import KubectlCluster
from cluster.protocol import BlobAccount, RegistryCredentials


class ContextCluster(KubectlCluster):
    """The cluster behind one kubeconfig context. The current context is neither read nor changed.

    Environment: REGISTRY (`HOST/PREFIX` that the cluster pulls from and this machine pushes to), REGISTRY_USERNAME,
    REGISTRY_PASSWORD, REGISTRY_CA (PEM file) where the registry needs them.
    """

    backend = "context"
    capabilities = OF_CONTEXT

    def __init__(
        self, context: str, report: Report, options: Options, environment: Mapping[str, str] = os.environ
    ) -> None:
        if not environment.get("REGISTRY"):
            raise ValueError(f"CLUSTER=context:{context} needs REGISTRY=HOST/PREFIX, where the tests' images go")
        self._environment_variables = environment
        self._options = options
        self._report = report
        # A context's name may hold what a file's may not.
        self._directory = cache_dir() / "contexts" / hashlib.sha256(context.encode()).hexdigest()[:12]
        kubectl, helm = program("kubectl", options.kubectl_bin, report), program("helm", None, report)
        super().__init__(context, self._directory / "kubeconfig", kubectl, helm)

    def create(self) -> None:
        """Copy this one context into a kubeconfig of our own, and see that the cluster answers."""
        command = [str(self.kubectl_path), "config", "view", "--raw", "--flatten", "--minify", f"--context={self.name}"]
        if self._options.kubeconfig:
            command.append(f"--kubeconfig={self._options.kubeconfig}")
        copied = subprocess.run(command, capture_output=True, text=True, check=False)
        if copied.returncode:
            raise ValueError(f"no kubeconfig context {self.name!r}: {copied.stderr.strip()}")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.kubeconfig_path, copied.stdout.encode())
        self.kubectl("config", "use-context", self.name)
        self.kubectl("get", "--raw", "/readyz", "--request-timeout=20s")

    def delete(self) -> None:
        """Remove our copy of the credentials. The cluster is not ours."""
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def registry(self) -> str:
        return self._environment_variables["REGISTRY"].rstrip("/")

    @property
    def registry_credentials(self) -> RegistryCredentials | None:
        username = self._environment_variables.get("REGISTRY_USERNAME")
        password = self._environment_variables.get("REGISTRY_PASSWORD")
        return RegistryCredentials(username, password) if username and password else None

    @property
    def ca_certificate(self) -> Path | None:
        named = self._environment_variables.get("REGISTRY_CA")
        return Path(named) if named else None

    def load_docker_image(self, docker_image: str) -> None:
        raise NotImplementedError(f"{docker_image}: the nodes of context {self.name} are not ours; use push_image()")

    def push_image(self, image: images.ImageArchive, *, name: str | None = None, tag: str | None = None) -> str:
        repository = f"{self.registry}/{name or image.name}"
        certificates = self.ca_certificate.parent if self.ca_certificate else None
        digest = images.push(image, f"{repository}:{tag or image.key}", self.registry_credentials, certificates)
        return f"{repository}@{digest}"

    def blob_account(self, name: str = "") -> BlobAccount:
        raise NotImplementedError(f"context {self.name} has no blob store of ours ({name}): needs('azurite')")

    def service_stopped(self, name: str) -> AbstractContextManager[None]:
        raise NotImplementedError(f"{name}: the parts of context {self.name} are not ours: needs('service-control')")

    def node_command(self, *argv: str) -> list[str]:
        raise NotImplementedError(f"{argv}: the nodes of context {self.name} are not ours: needs('node-exec')")


def program(name: str, chosen: Path | None, report: Report) -> Path:
    """Return the program that was chosen, else PATH's, else the one we build."""
    found = str(chosen) if chosen else shutil.which(name)
    return Path(found) if found else ensure_binaries(report, [name]) / name
