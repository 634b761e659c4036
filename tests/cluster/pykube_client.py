"""The API client that pytest-kind gives, without the files that it would leave behind."""

import atexit
import base64
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pykube
import yaml

from cluster.certificates import write_private


def pykube_client(kubeconfig: Path) -> Any:
    """Return a pykube.HTTPClient. Given embedded keys, pykube would write them to files in /tmp and leave them."""
    directory = Path(tempfile.mkdtemp(prefix="aiapp-pykube-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    config = yaml.safe_load(kubeconfig.read_text())
    return pykube.HTTPClient(pykube.KubeConfig(with_files(config, directory)))


def with_files(config: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Replace every `NAME-data` of a kubeconfig by `NAME`, a private file of that content."""

    def moved(number: int, fields: dict[str, Any]) -> dict[str, Any]:
        result = {}
        for key, value in fields.items():
            if key.endswith("-data"):
                path = directory / f"{number}-{key.removesuffix('-data')}"
                write_private(path, base64.b64decode(value))
                result[key.removesuffix("-data")] = str(path)
            else:
                result[key] = value
        return result

    clusters = [{**entry, "cluster": moved(i, entry["cluster"])} for i, entry in enumerate(config["clusters"])]
    users = [{**entry, "user": moved(i, entry["user"])} for i, entry in enumerate(config["users"])]
    return {**config, "clusters": clusters, "users": users}
