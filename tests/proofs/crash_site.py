"""One AIApp at a real API server, with an operator process of its own that can be killed at any of its writes."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from aiapp_models.contract import ANNOTATION_REVISION
from aiapp_operator.kube import RESOURCES
from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Manifest
from proofs import release_pods
from proofs.crash_plant import FOLDER, MODELS, Plant, model_digest
from proofs.live_cluster import is_gate
from proofs.release_pods import Pace, Stage
from proofs.release_truth import Contents, Fate, Truth, contents_of, digest
from proofs.standing_sources import digest_of
from proofs.write_proxy import Answered, Kill, WriteProxy

NAME: Final = "digits"
PACE: Final = Pace(app=0, over=1, deaths=(25, 31))
"""A pod that dies in its bake does so after an operator that died at the end of the rollout is back."""
GATE_AND_DEATH: Final = timedelta(seconds=20)
"""A gate is over sooner, even when the operator dies meanwhile."""
SAS: Final = "sv=2024-11-04&sp=rl&se=2099-01-01T00:00:00Z&sig=c2ln"
LONGEST_WAIT: Final = 1.0


class Site:
    """`rollouts` is what the Deployment ran, `made` how often each Job was created."""

    bake, short_bake = "60s", "2s"

    def __init__(self, plant: Plant, kill: Kill | None) -> None:
        self._plant = plant
        self._cluster = plant.cluster
        self._kill = kill
        self._proxy: WriteProxy | None = None
        self._pid = 0
        self._to_do: list[Callable[[], Any]] = []
        self._before = 0
        self._tags: list[str] = []
        self.namespace = plant.namespace()
        self.path = f"apps/{self.namespace}"
        self.repository = f"{plant.registry}/{self.path}"
        self.model_source: Manifest = {
            "azureBlob": {
                "account": "contosomodels",
                "container": "models",
                "path": FOLDER,
                "endpoint": f"http://{plant.store}",
            },
            "credentials": {"secretRef": {"name": "contosomodels"}},
        }
        self.truth = Truth()
        self.rollouts: list[tuple[int, Contents]] = []
        self.made: Counter[str] = Counter()
        self.deaths = 0

    async def begin(self, spec: Manifest) -> None:
        """Make the namespace and the AIApp, then start the operator."""
        self._cluster.fares[self.namespace] = self._fares
        metadata = {"namespace": self.namespace}
        await self._cluster.send("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        secret = {"metadata": {**metadata, "name": "contosomodels"}, "stringData": {"sasToken": SAS}}
        await self._cluster.send("POST", RESOURCES["Secret"].path(self.namespace), secret)
        app = {"apiVersion": "aiapp.dev/v1alpha1", "kind": "AIApp", "metadata": {**metadata, "name": NAME}}
        await self._cluster.send("POST", RESOURCES["AIApp"].path(self.namespace), {**app, "spec": spec})
        await self._start_operator(self._kill)

    async def end(self) -> None:
        """End the operator, and forget what is there."""
        self._end_operator()
        if self._proxy:
            await self._proxy.close()
        self._cluster.forget(self.namespace)

    # --- what people do ------------------------------------------------------------------------------------
    def push(self, tag: str, fate: Fate = Fate.GOOD) -> None:
        """Push an image."""
        self._tags.append(tag)
        self.truth.fates[self.part(tag)] = fate
        self._to_do.append(lambda: self._plant.tell_sources(f"push {self.path} {tag}"))

    def upload(self, version: str, fate: Fate) -> None:
        """Say how a model fares; all versions are there."""
        self.truth.fates[self.part(version)] = fate

    def repair(self, tag: str) -> None:
        """Let an image be good from now on."""
        self.truth.fates[self.part(tag)] = Fate.GOOD

    def part(self, of: str) -> str:
        """Return the digest of a tag or of a model version."""
        return model_digest(of) if of in MODELS else digest_of(self.path, of)

    def edit(self, **spec: Any) -> None:
        """Change fields of the spec."""
        self._change({"spec": spec})

    def ask(self, action: str, argument: str) -> None:
        """Set the annotation of an action."""
        value = {f"aiapp.dev/{action}": f"{argument}@{format_time(datetime.now(UTC))}"}
        self._change({"metadata": {"annotations": value}})

    async def carry_out(self) -> None:
        """Do what was said to be done."""
        while self._to_do:
            await self._to_do.pop(0)()

    def soon(self) -> datetime:
        """Return a full minute that is far enough for a gate to be over before it."""
        after = datetime.now(UTC) + GATE_AND_DEATH + timedelta(minutes=1)
        return after.replace(second=0, microsecond=0)

    def _change(self, change: Manifest) -> None:
        self._to_do.append(lambda: self._cluster.merge("AIApp", self.namespace, NAME, change))

    # --- what is looked at ---------------------------------------------------------------------------------
    @property
    def status(self) -> Manifest:
        """Return the AIApp's status."""
        status: Manifest = self._one("AIApp").get("status") or {}
        return status

    @property
    def deployment(self) -> Manifest:
        """Return the Deployment; empty where there is none."""
        return self._one("Deployment")

    def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition; empty where there is none."""
        found = [each for each in self.status.get("conditions", ()) if each["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    def all_of(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""
        return [each for (of, _), each in self._cluster.objects[self.namespace].items() if of == kind]

    @property
    def own_words(self) -> dict[str, str]:
        """Return what is this site's alone, and what to say for it."""
        return {self.part(tag): digest(tag) for tag in self._tags} | {self.namespace: "site"}

    @property
    def writes(self) -> int:
        """Return how many writes there were, of all operators."""
        return self._before + (self._proxy.writes if self._proxy else 0)

    def _one(self, kind: str) -> Manifest:
        return self._cluster.objects[self.namespace].get((kind, NAME), {})

    # --- time ----------------------------------------------------------------------------------------------
    async def until(self, holds: "Callable[[Site], bool]", seconds: float) -> bool:
        """Let time pass until something holds; False: it did not within the time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds(self):
                    await self._step()
                return True
        return False

    async def quiet_for(self, seconds: float, within: float) -> bool:
        """Tell whether there comes a time without a write."""
        loop = asyncio.get_running_loop()
        began = since = loop.time()
        writes = self.writes
        while loop.time() - since < seconds:
            if loop.time() - began > within:
                return False
            await self._step()
            if self.writes != writes:
                writes, since = self.writes, loop.time()
        return True

    async def _step(self) -> None:
        assert self._proxy
        turned, dead = self._cluster.turned[self.namespace], self._proxy.dead
        waits = [asyncio.ensure_future(each.wait()) for each in (turned, dead)]
        try:
            await asyncio.wait(waits, timeout=LONGEST_WAIT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        turned.clear()
        if dead.is_set():
            self.deaths += 1
            self._before += self._proxy.writes
            await self._proxy.close()
            await self._start_operator(None)

    # --- the operator --------------------------------------------------------------------------------------
    async def _start_operator(self, kill: Kill | None) -> None:
        self._proxy = WriteProxy(self._cluster.session, self.namespace, kill, self._end_operator, self._answered)
        port = await self._proxy.open()
        self._pid = await self._plant.fork(port, self._plant.folder / f"{self.namespace}.log")

    def _end_operator(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _answered(self, write: Answered) -> None:
        if write.status == HTTPStatus.CREATED and write.body.get("kind") == "Job":
            self.made[write.body["metadata"]["name"]] += 1
        if write.status < HTTPStatus.MULTIPLE_CHOICES and write.body.get("kind") == "Deployment":
            ran = (int(write.body["metadata"]["annotations"][ANNOTATION_REVISION]), _contents(write.body))
            if not self.rollouts or self.rollouts[-1] != ran:
                self.rollouts.append(ran)

    def _fares(self, pod: Manifest) -> tuple[Stage, ...]:
        fate = self.truth.of_template(pod)
        return release_pods.gate(fate, pace=PACE) if is_gate(pod) else release_pods.serving(fate, PACE)


def _contents(deployment: Manifest) -> Contents:
    return contents_of(deployment["spec"]["template"])
