"""A cluster of many apps in memory, whose gates pass and Deployments roll out at once, with a whole operator on it."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from aiapp_operator.assembly import Operator
from aiapp_operator.settings import Settings
from aiapp_operator.state import Key, Manifest
from stand_ins.gate_pods import gate_pod
from unit.operator_shell.memory_api import MemoryApi

UNWATCHED = frozenset({"ControllerRevision", "Event", "Secret"})


class ClusterOfApps(MemoryApi):
    """Shows each change as a watch would. `changed` is told of every new status of an AIApp."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = lambda: datetime.now(UTC)
        self.see: Callable[[str, Manifest], None] = lambda _event, _manifest: None
        self.changed: Callable[[Key, Manifest], None] = lambda _key, _status: None

    def _store(self, path: str, manifest: Manifest) -> Manifest:
        if manifest["kind"] == "Deployment":
            manifest = _rolled_out(manifest)
        stored = super()._store(path, manifest)
        if stored["kind"] not in UNWATCHED:
            self.see("MODIFIED", deepcopy(stored))
        if stored["kind"] == "AIApp" and "status" in stored:
            metadata = stored["metadata"]
            self.changed(Key(metadata["namespace"], metadata["name"]), stored["status"])
        if stored["kind"] == "Job":
            self.put(gate_pod(stored, "Passed", self.clock()))
        return stored


def _rolled_out(deployment: Manifest) -> Manifest:
    """Return a Deployment all of whose pods are of its template and available."""
    wanted = deployment["spec"].get("replicas", 1)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted)
    generation = deployment["metadata"].get("generation", 1)
    return {**deployment, "status": {**counts, "observedGeneration": generation}}


def begin(cluster: ClusterOfApps, endpoints: tuple[str, ...]) -> Operator:
    """Start an operator that may ask these endpoints."""
    listed = ",".join(f"http://{endpoint}" for endpoint in endpoints)
    image = f"contoso.azurecr.io/aiapp-serving@sha256:{'3d' * 32}"
    operator = Operator(cluster, Settings(fetch_image=image, listed_endpoints=listed, metrics_port=0))
    cluster.see = operator.see
    operator.start()
    return operator


def put_app(cluster: ClusterOfApps, key: Key, number: int, spec: dict[str, Any]) -> None:
    """Create an AIApp as a user would; it bakes nothing, so that one release may come right after another."""
    spec = {"release": {"bake": {"duration": "0s"}}, **spec}
    metadata = {"namespace": key.namespace, "name": key.name, "uid": f"app-{number}", "generation": 1}
    cluster.put({"apiVersion": "aiapp.dev/v1alpha1", "kind": "AIApp", "metadata": metadata, "spec": spec})


def put_secret(cluster: ClusterOfApps, namespace: str, name: str, values: dict[str, str]) -> None:
    """Create a Secret of base64 values."""
    path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
    manifest = {"kind": "Secret", "metadata": {"namespace": namespace, "name": name, "uid": path}, "data": values}
    cluster.objects[path] = manifest
