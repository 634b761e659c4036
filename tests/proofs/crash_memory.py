"""A cluster in memory and one operator on it that can be killed at any of its writes; time is virtual.

The operator is all of it but kopf and the network: watches, queue, observer, plan, actor and feeds.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, Final

from aiapp_operator.act import Actor
from aiapp_operator.kube import Kube
from aiapp_operator.observe import Observer
from aiapp_operator.patience import Patience
from aiapp_operator.reconciler import Reconciler
from aiapp_operator.release.notes import format_time
from aiapp_operator.sources.fixed import Sources
from aiapp_operator.state import Key, Manifest
from aiapp_operator.view import View
from aiapp_operator.workqueue import WorkQueue
from proofs.crash_memory_api import BEGIN, UNWATCHED, SharedApi
from proofs.release_nodes import Nodes
from proofs.release_truth import Fate, Truth, digest
from proofs.write_proxy import Kill
from stand_ins.app_cluster import MODEL_SOURCE, SETTINGS
from unit.operator_shell import virtual_time
from unit.operator_shell.followed import Followed

KEY: Final = Key("vision", "digits")
REPOSITORY: Final = "contoso.azurecr.io/digits"
OPENS_AFTER: Final = timedelta(minutes=10)
LATENCY: Final = 0.02
RESTART_SECONDS: Final = 3.0
LONGEST_STEP: Final = 5.0


class Connection(Kube):
    """One operator's connection: counts its writes, and goes dead where it is to be killed."""

    def __init__(self, api: SharedApi, kill: Kill | None) -> None:
        self._shared = api
        self._kill = kill
        self.writes = 0
        self.dead = asyncio.Event()

    async def close(self) -> None:
        return

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | None = None,
        headers: dict[str, str] | None = None,
    ) -> Manifest:
        await self._alive()
        await asyncio.sleep(LATENCY)
        is_write = method != "GET" and not path.endswith("/token")
        self.writes += is_write
        here = is_write and self._kill is not None and self._kill.write == self.writes
        if here and self._kill and not self._kill.after:
            self.dead.set()
        await self._alive()
        try:
            return await self._shared._call(method, path, query, body, headers)
        finally:
            if here:  # be the answer a refusal or not
                self.dead.set()
            await self._alive()

    async def _alive(self) -> None:
        if self.dead.is_set():
            await asyncio.get_running_loop().create_future()  # a process that is dead hears of no answer


class OperatorProcess:
    """One life of an operator, from its first lists to its end."""

    def __init__(self, site: "Site", kill: Kill | None) -> None:
        self.connection = Connection(site.api, kill)
        self._view, patience = View(), Patience()
        followed = Followed(site.api, self._wake)
        followed.registry.tags_of, followed.folder.versions = site.tags, site.versions
        observer = Observer(
            self._view, self.connection, Sources(followed.images, followed.stores), followed.streams, patience
        )
        actor = Actor(self._view, self.connection, patience)
        reconciler = Reconciler(self._view, observer, actor, patience, SETTINGS, site.now)
        self._feeds = followed.feeds
        self._queue: WorkQueue[Key] = WorkQueue(reconciler.reconcile, jitter=lambda: 1.0, concurrency=1)
        self._queue.start()
        for manifest in list(site.api.objects.values()):
            if manifest["kind"] not in UNWATCHED:
                self.see("ADDED", deepcopy(manifest))

    def see(self, event: str, manifest: Manifest) -> None:
        """Take in what a watch shows."""
        changed = self._view.gone(manifest) if event == "DELETED" else self._view.record(manifest)
        for key in changed:
            self._queue.add(key)

    def _wake(self, key: Key) -> None:
        self._queue.add(key)

    async def end(self) -> None:
        """End, whatever is under way."""
        self.connection.dead.set()
        await self._queue.stop()
        await self._feeds.stop()


class Site:
    """The cluster, the sources and the operator of one run; made inside the event loop."""

    repository = REPOSITORY
    model_source = MODEL_SOURCE
    bake = short_bake = "1m"

    def __init__(self, spec: "Callable[[Site], Manifest]", kill: Kill | None) -> None:
        self.truth, self.api = Truth(), SharedApi()
        self.api.see, self.api.now = self._see, self.now
        self.nodes = Nodes(self.api, self.truth)
        self.tags: dict[str, dict[str, str]] = {REPOSITORY: {}}
        self.versions: dict[str, int | None] = {}
        self.deaths = 0
        self.writes = 0
        metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": "app-1", "generation": 1}
        app = {"apiVersion": "aiapp.dev/v1alpha1", "kind": "AIApp", "metadata": metadata, "spec": spec(self)}
        self.api.put({"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": "contosomodels"}})
        self.api.put(app)
        self._process: OperatorProcess | None = OperatorProcess(self, kill)

    def now(self) -> datetime:
        """Return the time."""
        return BEGIN + timedelta(seconds=virtual_time.now())

    # --- what people do ------------------------------------------------------------------------------------
    def push(self, tag: str, fate: Fate = Fate.GOOD) -> None:
        """Push an image."""
        self.tags[REPOSITORY][tag] = digest(f"image {tag}")
        self.truth.fates[self.tags[REPOSITORY][tag]] = fate

    def repair(self, tag: str) -> None:
        """Let an image be good from now on."""
        self.truth.fates[self.part(tag)] = Fate.GOOD

    def part(self, of: str) -> str:
        """Return the digest of a tag or of a model version."""
        return digest(of) if of in self.versions else self.tags[REPOSITORY][of]

    def soon(self) -> datetime:
        """Return a full minute that is far enough for a gate to be over before it."""
        return self.now().replace(second=0, microsecond=0) + OPENS_AFTER

    def upload(self, version: str, fate: Fate = Fate.GOOD) -> None:
        """Upload a model."""
        self.versions[version] = len(self.versions)
        self.truth.fates[digest(version)] = fate

    def edit(self, **spec: Any) -> None:
        """Change fields of the spec."""
        app = self.api.of("AIApp")
        metadata = {**app["metadata"], "generation": app["metadata"]["generation"] + 1}
        self.api.put({**app, "metadata": metadata, "spec": {**app["spec"], **spec}})

    def ask(self, action: str, argument: str) -> None:
        """Set the annotation of an action."""
        app = self.api.of("AIApp")
        value = {f"aiapp.dev/{action}": f"{argument}@{format_time(self.now())}"}
        annotations = {**app["metadata"].get("annotations", {}), **value}
        self.api.put({**app, "metadata": {**app["metadata"], "annotations": annotations}})

    # --- what is looked at ---------------------------------------------------------------------------------
    @property
    def status(self) -> Manifest:
        """Return the AIApp's status."""
        status: Manifest = self.api.of("AIApp").get("status") or {}
        return status

    @property
    def deployment(self) -> Manifest:
        """Return the Deployment; empty where there is none."""
        return next(iter(self.all_of("Deployment")), {})

    def all_of(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""
        return self.api.all_of(kind)

    def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition; empty where there is none."""
        found = [each for each in self.status.get("conditions", ()) if each["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    # --- time ----------------------------------------------------------------------------------------------
    async def until(self, holds: "Callable[[Site], bool]", seconds: float) -> bool:
        """Let time pass until something holds; False: it did not within the time."""
        end = self.now() + timedelta(seconds=seconds)
        while not holds(self):
            if self.now() >= end:
                return False
            await self._step()
        return True

    async def quiet_for(self, seconds: float) -> int:
        """Let time pass, and return how many writes there were."""
        before = self.total_writes
        await self.until(lambda _: False, seconds)
        return self.total_writes - before

    async def end(self) -> None:
        """End the operator."""
        if self._process:
            await self._process.end()

    @property
    def total_writes(self) -> int:
        """Return how many writes there were, of all operators."""
        return self.writes + self._written

    @property
    def _written(self) -> int:
        return self._process.connection.writes if self._process else 0

    async def _step(self) -> None:
        self.nodes.settle(self.now())
        coming, process = self.nodes.next_change(self.now()), self._process
        wait = min(LONGEST_STEP, (coming - self.now()).total_seconds() if coming else LONGEST_STEP)
        if process is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(max(wait, LATENCY)):
                await process.connection.dead.wait()
        if process.connection.dead.is_set():
            self.writes, self.deaths = self.writes + self._written, self.deaths + 1
            self._process = None
            await process.end()
            await asyncio.sleep(RESTART_SECONDS)
            self._process = OperatorProcess(self, None)

    def _see(self, event: str, manifest: Manifest) -> None:
        """Show the operator what changed, as late as a watch is."""
        process = self._process if hasattr(self, "_process") else None
        if process:
            asyncio.get_running_loop().call_later(LATENCY, process.see, event, manifest)
