"""A fetch container without a cluster: its environment, a run of it, and what it left."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest import mock

from aiapp_models import contract
from aiapp_models.stores import open_store
from aiapp_serving.fetch import fetch
from aiapp_serving.fetch_settings import FetchSettings
from faults.container import MARKER, content_digest

MODULE: Final = "aiapp_serving.fetch"
_NO_PROXY: Final = {"no_proxy": "*", "NO_PROXY": "*"}


def environment(endpoint: str, container: str, files: Mapping[str, bytes], volume: Path) -> dict[str, str]:
    """Return what the operator tells the fetch of version 3, without credentials."""
    place = {"account": "contosomodels", "container": container, "path": "digits", "endpoint": endpoint}
    return {
        contract.ENV_MODEL_SOURCE: json.dumps({"azureBlob": place}),
        contract.ENV_MODEL_VERSION: "3",
        contract.ENV_MODEL_DIGEST: content_digest(files),
        contract.ENV_MODEL_DIR: str(volume / "model"),
        contract.ENV_LISTED_ENDPOINTS: endpoint,
    }


@contextmanager
def own_authorities_only(folder: Path) -> Iterator[None]:
    """Let this process trust no authority of the system: they are many, and read anew for each download."""
    none = folder / "no-authorities"
    none.touch()
    with mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(none), **_NO_PROXY}):
        yield


def fetch_here(variables: Mapping[str, str], lines: list[str]) -> Exception | None:
    """Do what the fetch container does, without a process of its own; return what it was refused with."""
    try:
        settings = FetchSettings.from_env(variables)
        with open_store(settings.source, settings.credentials(), settings.network()) as store:
            fetch(settings, store, lines.append)
    except Exception as error:  # noqa: BLE001 - whatever comes out is judged
        return error
    return None


def start_python(variables: Mapping[str, str], *arguments: str) -> "subprocess.Popen[str]":
    """Start this Python in a container's environment, able to import what this process can."""
    here = {name: value for name, value in os.environ.items() if not name.startswith(contract.RESERVED_ENV_PREFIX)}
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**here, **_NO_PROXY, **variables, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def content_problem(folder: Path, files: Mapping[str, bytes]) -> str:
    """Say how a model folder differs from what was uploaded, by reading all of it; empty: not at all."""
    if not folder.is_dir():
        return "there is no model"
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    if found.keys() != {*files, MARKER}:
        return f"it holds {sorted(found)}"
    wrong = [name for name, data in files.items() if found[name].read_bytes() != data]
    listed = {line.partition("  ")[2]: line[:64] for line in found[MARKER].read_text().splitlines()}
    right = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return f"{wrong} have other bytes" if wrong else "" if listed == right else "its SHA256SUMS is another"
