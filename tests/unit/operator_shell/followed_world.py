"""The operator's parts in virtual time: a cluster, a registry and a folder in memory, watches that show all at once."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from aiapp_operator import following
from aiapp_operator.act import Actor
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.observe import Observer
from aiapp_operator.patience import Patience
from aiapp_operator.reconciler import Reconciler
from aiapp_operator.sources.fixed import Sources
from aiapp_operator.state import Key, Manifest, Stream
from aiapp_operator.view import View
from aiapp_operator.workqueue import WorkQueue
from unit.operator_shell import virtual_time
from unit.operator_shell.followed import SETTINGS, Followed, digest
from unit.operator_shell.memory_api import MemoryApi
from unit.operator_shell.memory_gates import let_gates_end

BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = Key("vision", "digits")
REPOSITORY = "contoso.azurecr.io/digits"
MODELS = {"account": "contosomodels", "container": "models", "path": "digits"}
FOLLOWING: Manifest = {
    "image": REPOSITORY,
    "imagePolicy": {"type": "SemVer"},
    "imagePullSecrets": [{"name": "acr"}],
    "modelSource": {"azureBlob": MODELS, "credentials": {"secretRef": {"name": "models"}}},
    "release": {"bake": {"duration": "0s"}},
}
BY_IDENTITY: Manifest = {
    "image": f"{REPOSITORY}:1.0.0",
    "imagePolicy": {"type": "Tag"},
    "modelSource": {"azureBlob": MODELS, "credentials": {"workloadIdentity": {"clientID": "c", "tenantID": "t"}}},
    "release": {"bake": {"duration": "0s"}},
}
COUNTS = ("replicas", "updatedReplicas", "availableReplicas")
PULL_SECRET = "eyJhdXRocyI6IHsiY29udG9zby5henVyZWNyLmlvIjogeyJ1c2VybmFtZSI6ICJ1IiwgInBhc3N3b3JkIjogInAifX19"


class World:
    """`pass_time` lets watches show what changed, and pods of what is on a Deployment become ready."""

    def __init__(self) -> None:
        self.stuck = False  # no new pod becomes ready
        self.gates = "Passed"
        self.api, self.view, patience = MemoryApi(), View(), Patience()
        self.api.clock = self.now
        self.followed = Followed(self.api, self.wake)
        self.registry, self.folder = self.followed.registry, self.followed.folder
        self.registry.tags_of[REPOSITORY] = {"1.0.0": digest("1.0.0")}
        self.folder.versions = {"v1": 1}
        sources = Sources(self.followed.images, self.followed.stores)
        observer = Observer(self.view, self.api, sources, self.followed.streams, patience)
        actor = Actor(self.view, self.api, patience)
        self.reconciler = Reconciler(self.view, observer, actor, patience, SETTINGS, self.now)
        self.queue: WorkQueue[Key] = WorkQueue(self.reconciler.reconcile, jitter=lambda: 1.0)
        for name, data in (("acr", {".dockerconfigjson": PULL_SECRET}), ("models", {"accountKey": "azE="})):
            metadata = {"namespace": KEY.namespace, "name": name}
            self.api.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})

    def wake(self, key: Key) -> None:
        self.queue.add(key)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=virtual_time.now())

    def app(self, spec: Manifest, **annotations: str) -> None:
        """Create or edit the AIApp."""
        old: Manifest = self.api.of("AIApp") if self.api.has("AIApp") else {"metadata": {"generation": 0, "uid": "u"}}
        generation = old["metadata"]["generation"] + (old.get("spec") != spec)
        metadata = {**old["metadata"], "namespace": KEY.namespace, "name": KEY.name, "generation": generation}
        metadata["annotations"] = {f"aiapp.dev/{name}": value for name, value in annotations.items()}
        self.api.put({**old, "apiVersion": "aiapp.dev/v1alpha1", "kind": "AIApp", "metadata": metadata, "spec": spec})
        self.show()

    def show(self) -> None:
        for key in self.api.show(self.view):
            self.queue.add(key)

    async def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            await asyncio.sleep(1)
            let_gates_end(self.api, self.view, self.now(), self.gates)
            self.roll_out()
            self.show()

    def roll_out(self) -> None:
        stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        for deployment in self.api.all_of("Deployment"):
            pods = {"conditions": [stuck]} if self.stuck else dict.fromkeys(COUNTS, 2)
            status = {**pods, "observedGeneration": deployment["metadata"]["generation"]}
            if deployment.get("status") != status:
                self.api.put({**deployment, "status": status})

    def condition(self, kind: str) -> tuple[str, str]:
        conditions = self.api.of("AIApp")["status"]["conditions"]
        return next(((each["status"], each["reason"]) for each in conditions if each["type"] == kind), ("", ""))

    @property
    def active(self) -> tuple[str, str]:
        """Return image digest and model version of what serves."""
        active = self.api.of("AIApp")["status"]["active"]
        return active["imageDigest"], active.get("modelVersion", "")


def in_virtual_time(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test with a world of its own."""

    async def main() -> None:
        world = World()
        world.queue.start()
        await test(world)
        await world.queue.stop()
        await world.followed.feeds.stop()

    def run() -> None:
        virtual_time.run(main())

    run.__name__ = test.__name__
    return run


def app_of(namespace: str, name: str, spec: Manifest) -> AIApp:
    return AIApp.parse({"metadata": {"namespace": namespace, "name": name}, "spec": spec})


def follow(followed: Followed, one: AIApp, **held: str) -> None:
    """Follow all streams of an app; held: the digest that is, by `image` or `model`."""
    policies = {Stream.IMAGE: following.image_policy(one), Stream.MODEL: following.model_policy(one)}
    followed.streams.follow(
        one,
        {stream: policy for stream, policy in policies.items() if policy},
        (),
        again=False,
        held={Stream(stream.capitalize()): frozenset({digest}) for stream, digest in held.items()},
    )
