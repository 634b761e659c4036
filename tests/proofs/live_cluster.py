"""What stands at a real API server, as watches show it, and the kubelet that it has no node for: pods fare as told."""

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

import aiohttp

from aiapp_models import contract
from aiapp_operator.kube import RESOURCES
from aiapp_operator.state import Manifest
from cluster.control_plane import ControlPlane
from proofs.release_pods import Stage
from proofs.write_proxy import WITHOUT_END

WATCHED: Final = (
    *("AIApp", "ControllerRevision", "Deployment", "Job", "Pod"),
    *("PodDisruptionBudget", "Service", "ServiceAccount"),
)
MERGE: Final = "application/merge-patch+json"
LONGEST_LINE: Final = 2**24

Fares = Callable[[Manifest], tuple[Stage, ...]]
"""From a pod to what becomes of it."""


class LiveCluster:
    """The objects of all namespaces by namespace, kind and name; `turned` of a namespace is set by each change."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.objects: dict[str, dict[tuple[str, str], Manifest]] = defaultdict(dict)
        self.turned: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.fares: dict[str, Fares] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}

    async def send(self, method: str, path: str, body: Manifest, content_type: str = "application/json") -> Manifest:
        """Ask for a change.

        Raises:
            RuntimeError: the API server refuses; its words are in the message.
        """
        headers = {"Content-Type": content_type}
        async with self.session.request(method, path, data=json.dumps(body), headers=headers) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            changed: Manifest = await answer.json(content_type=None)
            return changed

    async def merge(self, kind: str, namespace: str, name: str, change: Manifest) -> None:
        """Change an object as kubectl does, and know it at once."""
        answer = await self.send("PATCH", RESOURCES[kind].path(namespace, name), change, MERGE)
        self._take("MODIFIED", kind, answer)

    def forget(self, namespace: str) -> None:
        """Drop what is known of a namespace, and leave its pods as they are."""
        for kept in (self.objects, self.turned, self.fares):
            kept.pop(namespace, None)
        for uid in [uid for uid, task in self._lives.items() if task.get_name() == namespace]:
            self._lives.pop(uid).cancel()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Follow all that is watched until the context ends; what breaks a watch ends the context too."""
        async with asyncio.TaskGroup() as group:
            watches = [group.create_task(self._watch(kind)) for kind in WATCHED]
            try:
                yield
            finally:
                for task in (*watches, *self._lives.values()):
                    task.cancel()

    async def _watch(self, kind: str) -> None:
        """Follow a kind without end; a watch that breaks begins with a list again."""
        path = RESOURCES[kind].path()
        while True:
            async with self.session.get(path) as answer:
                listed = await answer.json()
            for each in listed["items"]:
                self._take("ADDED", kind, each)
            query = {"watch": "true", "resourceVersion": listed["metadata"]["resourceVersion"]}
            async with self.session.get(path, params=query, timeout=WITHOUT_END) as answer:
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    self._take(event["type"], kind, event["object"])

    def _take(self, event: str, kind: str, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        if namespace not in self.fares:
            return
        if event == "DELETED":
            self.objects[namespace].pop((kind, name), None)
            if task := self._lives.pop(metadata["uid"], None):
                task.cancel()
        elif _is_newer(manifest, self.objects[namespace].get((kind, name))):
            self.objects[namespace][kind, name] = {**manifest, "kind": kind}
        if kind == "Pod" and event == "ADDED" and metadata["uid"] not in self._lives:
            stages = self.fares[namespace](manifest)
            self._lives[metadata["uid"]] = asyncio.create_task(self._live(manifest, stages), name=namespace)
        self.turned[namespace].set()

    async def _live(self, pod: Manifest, stages: tuple[Stage, ...]) -> None:
        started = datetime.now(UTC)
        path = RESOURCES["Pod"].path(pod["metadata"]["namespace"], pod["metadata"]["name"], "status")
        for number, stage in enumerate(stages):
            passed = (datetime.now(UTC) - started).total_seconds()
            if any(later.after <= passed for later in stages[number + 1 :]):
                continue
            await asyncio.sleep(max(0.0, stage.after - passed))
            await self.send("PATCH", path, {"status": stage.status(pod, started)}, MERGE)


def is_gate(pod: Manifest) -> bool:
    """Tell whether a pod is one of a gate."""
    return bool(pod["metadata"].get("labels", {}).get(contract.LABEL_ROLE) == contract.ROLE_GATE)


def _is_newer(manifest: Manifest, than: Manifest | None) -> bool:
    version = int(manifest["metadata"]["resourceVersion"])
    return than is None or version >= int(than["metadata"]["resourceVersion"])


@asynccontextmanager
async def connected(plane: ControlPlane) -> AsyncIterator[aiohttp.ClientSession]:
    """Be an administrator of an API server."""
    context = ssl.create_default_context(cafile=str(plane.authority))
    context.load_cert_chain(plane.client.certificate, plane.client.key)
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    limit = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        plane.server, connector=connector, read_bufsize=LONGEST_LINE, timeout=limit
    ) as session:
        yield session
