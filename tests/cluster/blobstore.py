"""Azurite, the blob store of the test cluster: its packages, its accounts, and uploads from this process."""

import base64
import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from cluster.cache import Report, cache_dir, locked
from cluster.protocol import BlobAccount

ACCOUNTS = ("contosomodels", "fabrikammodels")
PACKAGE = Path(__file__).parent / "azurite"
MANIFESTS = ("package.json", "package-lock.json")
ENTRY = "node_modules/azurite/dist/src/blob/main.js"


def ensure_azurite(node: Path, report: Report) -> Path:
    """Directory whose node_modules hold Azurite as locked; installed once per lock file, with the npm beside `node`."""
    digest = hashlib.sha256(b"".join((PACKAGE / name).read_bytes() for name in MANIFESTS)).hexdigest()[:12]
    directory = cache_dir() / f"azurite-{digest}"
    with locked("azurite", "installing Azurite", report):
        if not (directory / ENTRY).exists():
            report("installing Azurite from npm")
            _install(directory, node)
    return directory


def random_keys() -> Mapping[str, str]:
    """A new key for every account."""
    return {name: base64.b64encode(secrets.token_bytes(64)).decode() for name in ACCOUNTS}


def blob_service(account: BlobAccount, ca_certificate: Path) -> BlobServiceClient:
    """Make a client for this process, which reaches Azurite by its address.

    It does not retry: the SDK would hide an outage for a minute.
    """
    return BlobServiceClient(
        account.host_endpoint,
        credential={"account_name": account.name, "account_key": account.key},
        connection_verify=str(ca_certificate),
        retry_total=0,
        connection_timeout=5,
    )


def upload_model(client: BlobServiceClient, container: str, prefix: str, folder: Path) -> None:
    """Upload `folder` as PREFIX/..., SHA256SUMS last, as `az storage blob upload-batch` users are told to."""
    store = client.get_container_client(container)
    with contextlib.suppress(ResourceExistsError):
        store.create_container()
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=marker_last)
    for path in files:
        blob = f"{prefix.strip('/')}/{path.relative_to(folder).as_posix()}"
        store.upload_blob(blob, path.read_bytes(), overwrite=True)


def marker_last(path: Path) -> tuple[bool, str]:
    """Order files for an upload: the marker says that everything else is there."""
    return path.name == "SHA256SUMS", path.as_posix()


def _install(directory: Path, node: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".azurite-") as temporary:
        work = Path(temporary) / "azurite"
        work.mkdir()
        for name in MANIFESTS:
            shutil.copy(PACKAGE / name, work / name)
        result = subprocess.run(
            [str(node.parent / "npm"), "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"],
            cwd=work,
            env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"npm ci of {PACKAGE / 'package-lock.json'} failed:\n{result.stderr[-2000:]}")
        shutil.rmtree(directory, ignore_errors=True)
        work.rename(directory)
