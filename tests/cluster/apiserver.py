"""A few plain requests to an API server, for the time before and beside kubectl."""

import base64
import json
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cluster.cache import Report

POLL_SECONDS = 0.1


class ApiServer:
    """Speaks to the server that a kubeconfig with an embedded client certificate names."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server: str = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile(mode="wb") as file:
            file.write(base64.b64decode(user["client-certificate-data"]))
            file.write(base64.b64decode(user["client-key-data"]))
            file.flush()
            context.load_cert_chain(file.name)
        # Without a proxy handler of its own the opener would send these requests to the machine's proxy.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, path: str) -> Any:
        """Return decoded JSON, or text; None when the object or the server is not there (yet)."""
        try:
            return self._request(path, None)
        except (urllib.error.URLError, OSError):
            return None

    def create(self, path: str, body: dict[str, Any]) -> None:
        """POST an object. One that exists is left as it is; other refusals raise urllib.error.HTTPError."""
        try:
            self._request(path, json.dumps(body).encode())
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            error.close()

    def _request(self, path: str, data: bytes | None) -> Any:
        request = urllib.request.Request(f"{self.server}{path}", data, {"Content-Type": "application/json"})
        with self._opener.open(request, timeout=5) as response:
            text = response.read().decode()
            return json.loads(text) if response.headers.get_content_type() == "application/json" else text


def wait_for(
    what: str, condition: Callable[[], bool], report: Report, *, timeout: float, alive: Callable[[], bool]
) -> None:
    """Poll until `condition` holds. Raises RuntimeError when `alive` ends, TimeoutError when the time does."""
    started = time.monotonic()
    next_line = 10.0
    while not condition():
        elapsed = time.monotonic() - started
        if not alive():
            raise RuntimeError(f"the node ended while waiting for {what}")
        if elapsed > timeout:
            raise TimeoutError(f"{what}: not there after {timeout:.0f} s")
        if elapsed > next_line:
            report(f"still waiting for {what}, {elapsed:.0f} s")
            next_line += 10.0
        time.sleep(POLL_SECONDS)
