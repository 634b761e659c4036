"""One operator without kopf and network: an API server in memory, sources that answer as told, a clock that is set."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiapp_operator.act import Actor
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.observe import Observer
from aiapp_operator.patience import Patience
from aiapp_operator.reconciler import Reconciler
from aiapp_operator.settings import Settings
from aiapp_operator.sources.fixed import Sources
from aiapp_operator.state import Key, Manifest, Problem, ResolvedImage, ResolvedModel, Severity
from aiapp_operator.view import View
from unit.operator_shell.followed import Followed
from unit.operator_shell.memory_api import MemoryApi
from unit.operator_shell.memory_gates import let_gates_end

KEY = Key("vision", "digits")
IMAGE = "contoso.azurecr.io/digits:1"
NO_BAKE: Manifest = {"bake": {"duration": "0s"}}
LIST_RECORDS = ("GET", "/apis/apps/v1/namespaces/vision/controllerrevisions")


class ScriptedSources(Sources):
    """Answers at once; `problem` stands in the place of the image's answer."""

    def __init__(self, api: MemoryApi) -> None:
        self._api = api
        self.asked: list[str] = []
        self.problem: Problem | None = None

    async def image(self, app: AIApp) -> ResolvedImage | Problem:
        self.asked.append("image")
        self._api.requests.append(("ASK", "registry"))
        return self.problem or ResolvedImage(app.spec.image, "sha256:" + "1f" * 32)

    async def model(self, app: AIApp) -> ResolvedModel | Problem:
        self.asked.append("model")
        version = app.spec.model_version or ""
        return ResolvedModel(version, "sha256:" + "2e" * 32, 1024, datetime(2026, 11, 1, tzinfo=UTC))


class Bench:
    """`run` shows the view everything that is in the cluster and reconciles once.

    gates: what all gates say; empty: they do not end.
    """

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.gates = "Passed"
        self.api, self.view = MemoryApi(), View()
        self.api.clock = lambda: self.now
        self.sources, patience = ScriptedSources(self.api), Patience()
        self.followed = Followed(self.api)
        self.observer = Observer(self.view, self.api, self.sources, self.followed.streams, patience)
        self.reconciler = Reconciler(
            self.view,
            self.observer,
            Actor(self.view, self.api, patience),
            patience,
            Settings(fetch_image="contoso.azurecr.io/aiapp-serving@sha256:" + "3d" * 32),
            clock=lambda: self.now,
        )

    def app(self, **spec: Any) -> Manifest:
        """Create or edit the AIApp, which bakes nothing."""
        new: Manifest = {"metadata": {"generation": 0, "uid": "app-1"}}
        old = self.api.of("AIApp") if self.api.has("AIApp") else new
        metadata = {**old["metadata"], "namespace": KEY.namespace, "name": KEY.name}
        metadata["generation"] = old["metadata"]["generation"] + 1
        manifest = {**old, "apiVersion": "aiapp.dev/v1alpha1", "kind": "AIApp", "metadata": metadata}
        return self.api.put({**manifest, "spec": {"image": IMAGE, "release": NO_BAKE, **spec}})

    @property
    def record(self) -> Manifest:
        """Return the only ControllerRevision."""
        (record,) = self.api.all_of("ControllerRevision")
        return record

    async def run(self, *, after: float = 0) -> float | None:
        """Reconcile once, `after` seconds from now; forget the requests that were sent before."""
        self.now += timedelta(seconds=after)
        if self.gates:
            let_gates_end(self.api, self.view, self.now, self.gates)
        self.api.requests.clear()
        self.api.show(self.view)
        return await self.reconciler.reconcile(KEY)

    def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition, as stored."""
        conditions = self.api.of("AIApp")["status"]["conditions"]
        return next((entry["status"], entry["reason"]) for entry in conditions if entry["type"] == kind)

    def message(self, kind: str) -> str:
        conditions = self.api.of("AIApp")["status"]["conditions"]
        return next(str(entry["message"]) for entry in conditions if entry["type"] == kind)


def waiting(reason: str = "ImageNotFound") -> Problem:
    return Problem(Severity.WAITING, reason, "contoso.azurecr.io/digits:1: no such image")
