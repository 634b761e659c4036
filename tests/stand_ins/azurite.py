"""Azurite on loopback, over TLS and under the real names `ACCOUNT.blob.core.windows.net`."""

import base64
import contextlib
import hashlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    PublicAccess,
    generate_container_sas,
)

from aiapp_models.addresses import NetworkRules
from aiapp_models.stores.connection import Network
from cluster.certificates import CertificateAuthority

SUFFIX = ".blob.core.windows.net"
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Account:
    """A blob account of the running Azurite."""

    name: str
    key: str
    ca_certificate: Path
    port: int

    @property
    def connection_string(self) -> str:
        named = f"AccountName={self.name};AccountKey={self.key}"
        return f"DefaultEndpointsProtocol=https;{named};EndpointSuffix=core.windows.net"

    @property
    def network(self) -> Network:
        """How readers reach it: its address is on loopback, which is for listed endpoints alone."""
        return Network(self.ca_certificate, NetworkRules.parse(f"{self.name}{SUFFIX}", ""))

    def container(self, public: bool = False) -> ContainerClient:
        """Make a container of a random name."""
        service = BlobServiceClient(
            f"https://{self.name}{SUFFIX}",
            credential={"account_name": self.name, "account_key": self.key},
            connection_verify=str(self.ca_certificate),
        )
        access = PublicAccess.CONTAINER if public else None
        return service.create_container(f"models-{secrets.token_hex(4)}", public_access=access)

    def sas(self, container: str, permission: str = "rl", hours: float = 1) -> str:
        """Sign a container SAS that ends in `hours`, which may be in the past."""
        now = datetime.now(UTC)
        return generate_container_sas(
            self.name,
            container,
            account_key=self.key,
            permission=ContainerSasPermissions.from_string(permission),
            start=now - timedelta(days=2),
            expiry=now + timedelta(hours=hours),
        )


def sums(files: Mapping[str, bytes]) -> bytes:
    """Return what `sha256sum` prints for these files."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in files.items()).encode()


def upload(container: ContainerClient, folder: str, files: Mapping[str, bytes], marker: bytes | None = None) -> None:
    """Upload one version, SHA256SUMS last."""
    for path, data in files.items():
        container.upload_blob(f"{folder}/{path}", data, overwrite=True)
    container.upload_blob(f"{folder}/SHA256SUMS", sums(files) if marker is None else marker, overwrite=True)


@contextlib.contextmanager
def azurite(node: Path, program: Path, directory: Path, name: str = "contosomodels") -> Iterator[Account]:
    """Run Azurite until the context ends; names below `blob.core.windows.net` lead to it from this process."""
    authority = CertificateAuthority.create(directory / "ca", "Test blob store")
    pair = authority.server("blob", "blob", [f"*{SUFFIX}", "127.0.0.1"])
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    port = free_port()
    command = [str(node), str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    command += ["--cert", str(pair.certificate), "--key", str(pair.key), "--skipApiVersionCheck", "--disableTelemetry"]
    command += ["--oauth", "basic"]  # reads issuer, audience and times of bearer tokens, and checks no signature
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{name}:{key}"}
    output = directory / "azurite.log"
    with (
        output.open("w") as log,
        subprocess.Popen(command, env=environment, cwd=directory, stdout=log, stderr=log) as process,
    ):
        try:
            _wait_until_it_listens(process, port, output)
            with pytest.MonkeyPatch.context() as patch:
                lead_names_to(patch, port)
                yield Account(name, key, authority.path, port)
        finally:
            process.terminate()


def lead_names_to(patch: pytest.MonkeyPatch, port: int, ending: str = SUFFIX) -> None:
    """Resolve names with this ending to 127.0.0.1:port in this process, as the test cluster's DNS does."""
    resolve = socket.getaddrinfo

    def stand_in(host: Any, service: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(host, str) and host.endswith(ending):
            return resolve("127.0.0.1", port, *args, **kwargs)
        return resolve(host, service, *args, **kwargs)

    patch.setattr(socket, "getaddrinfo", stand_in)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Azurite does not listen: {output.read_text()}")
