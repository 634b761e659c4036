"""What all sites of a proof share: API server, registry, store, and the process that operators are forked from."""

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle
from pathlib import Path
from typing import Final

from aiapp_models.manifest import content_digest, parse_sums
from aiapp_operator.api.crd import crd_manifest
from aiapp_operator.kube import RESOURCES
from cluster.control_plane import ControlPlane
from proofs.live_cluster import LiveCluster, connected
from proofs.standing_sources import MODEL_LINE

MODELS: Final = ("v0", "v1")
FOLDER: Final = "digits"
KUBECONFIG: Final = "~/.kube/config"
"""The client takes this from the environment when it is imported, so before the fork, and HOME when it reads."""
PORTS: Final = range(20_000, 30_000)
"""Below those that the kernel hands out by itself."""
_FETCH_IMAGE: Final = f"contoso.azurecr.io/aiapp-serving@sha256:{'f' * 64}"


@dataclass
class Plant:
    """`fork` starts an operator."""

    cluster: LiveCluster
    registry: str
    store: str
    folder: Path
    _sources: asyncio.subprocess.Process
    _forks: asyncio.subprocess.Process
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ports: "cycle[int]" = field(default_factory=lambda: cycle(PORTS))
    _namespaces: int = 0

    def namespace(self) -> str:
        """Return a name that no site had."""
        self._namespaces += 1
        return f"site-{self._namespaces:05}"

    async def tell_sources(self, command: str) -> None:
        """Upload a model or push an image."""
        async with self._turn:
            await _ask(self._sources, command)

    async def fork(self, server: int, log: Path) -> int:
        """Start an operator whose API server answers at a port of loopback; return its process id."""
        home = self.folder / str(server)
        (home / ".kube").mkdir(parents=True, exist_ok=True)
        (home / ".kube" / "config").write_text(_kubeconfig(server))
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "KUBECONFIG": KUBECONFIG,
            "LOG": str(log),
            "AIAPP_FETCH_IMAGE": _FETCH_IMAGE,
            "AIAPP_LISTED_ENDPOINTS": f"http://{self.registry},http://{self.store}",
            "AIAPP_LOG_FORMAT": "full",
            "AIAPP_PROBE_PORT": str(self._free_port()),
            "AIAPP_METRICS_PORT": str(self._free_port()),
        }
        async with self._turn:
            return int(await _ask(self._forks, json.dumps(environment)))

    def _free_port(self) -> int:
        for port in self._ports:
            with socket.socket() as held:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    held.bind(("0.0.0.0", port))
                except OSError:
                    continue
                return port
        raise AssertionError("a cycle does not end")


def model_digest(version: str) -> str:
    """Return the digest of a model version as the store has it."""
    return content_digest(parse_sums(MODEL_LINE + f"{'0' * 64}  {version}\n".encode(), version))


@asynccontextmanager
async def plant(plane: ControlPlane) -> AsyncIterator[Plant]:
    """Start what the sites share, and end it with all operators, however the context ends."""
    with tempfile.TemporaryDirectory(prefix="aiapp-proof-operators-") as folder:
        async with (
            _running("proofs.standing_sources", "0", "0") as sources,
            _running("proofs.operator_forks") as forks,
            connected(plane) as session,
        ):
            assert sources.stdout
            assert forks.stdout
            store, registry = json.loads(await sources.stdout.readline())
            assert (await forks.stdout.readline()).strip() == b"ready"
            cluster = LiveCluster(session)
            await _define(cluster)
            whole = Plant(cluster, registry, store, Path(folder), sources, forks)
            for version in MODELS:
                await whole.tell_sources(f"upload {FOLDER} {version}")
            async with cluster.followed():
                yield whole


async def _define(cluster: LiveCluster) -> None:
    """Let the API server know AIApps."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await cluster.send("POST", definitions, crd_manifest())
    while True:
        async with cluster.session.get(RESOURCES["AIApp"].path()) as answer:
            if answer.status == HTTPStatus.OK:
                return
        await asyncio.sleep(0.1)


def _kubeconfig(port: int) -> str:
    """Return a file for a server that asks nobody who they are."""
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "operator", "user": {"token": "none"}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "operator"}}],
        "current-context": "proxy",
    }
    return json.dumps(whole)


@asynccontextmanager
async def _running(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "KUBECONFIG": KUBECONFIG}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments), env=environment, stdin=pipe, stdout=pipe, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def _ask(process: asyncio.subprocess.Process, line: str) -> bytes:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{line.strip()}\n".encode())
    return await process.stdout.readline()
