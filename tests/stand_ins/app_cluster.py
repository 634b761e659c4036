"""One AIApp and what a cluster holds for it, in memory: enough of an API server to follow a plan from run to run."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from aiapp_models.contract import ANNOTATION_REVISION, LABEL_REVISION
from aiapp_operator.plan import plan
from aiapp_operator.release import holds, ledger
from aiapp_operator.release.notes import format_time
from aiapp_operator.release.releases import Questions, unresolved
from aiapp_operator.settings import Settings
from aiapp_operator.state import (
    Drift,
    Manifest,
    ObjectId,
    Observed,
    Plan,
    Problem,
    Severity,
    Sources,
)
from stand_ins.gate_pods import gate_pod
from stand_ins.listed import IDENTITY, NOON, Listed, digest

__all__ = ["IDENTITY", "NOON", "digest"]

SETTINGS = Settings(fetch_image=f"contoso.azurecr.io/aiapp-serving@sha256:{'f' * 64}")
MODEL_SOURCE: Manifest = {
    "azureBlob": {"account": "contosomodels", "container": "models", "path": "digits"},
    "credentials": {"secretRef": {"name": "contosomodels"}},
}
NOTHING = Questions(ask_image=False, ask_model=False)


def an_app(**spec: Any) -> Manifest:
    """Return a small AIApp that bakes nothing, with these fields of its spec set; None takes one away."""
    fields = {
        "image": "contoso.azurecr.io/digits:1.4.1",
        "modelVersion": "41",
        "modelSource": MODEL_SOURCE,
        **spec,
        "release": {"bake": {"duration": "0s"}, **spec.get("release", {})},
    }
    return {
        "apiVersion": "aiapp.dev/v1alpha1",
        "kind": "AIApp",
        "metadata": {"name": "digits", "namespace": "vision", "uid": "0b5d0a5e", "generation": 1},
        "spec": {name: value for name, value in fields.items() if value is not None},
    }


def without(stream: str, reason: str, message: str = "it is not there") -> dict[str, Problem]:
    """Return what a source says that does not have `stream`."""
    return {stream: Problem(Severity.WAITING, reason, message)}


@dataclass
class AppCluster:
    """The app, its children, pods and records; registry and store have everything but what is listed in `missing`.

    tags, versions: what registry and store list, of which the app's policies choose; versions with their times.
    contents: what a tag or a version stands for where it is not what its name says.
    asked: the questions of the last run.
    gates: what the gates of releases say of that image, model or pair (1.4.2+42); others pass. "" is no end.
    """

    app: Manifest = field(default_factory=an_app)
    children: dict[ObjectId, Manifest] = field(default_factory=dict)
    revisions: dict[str, Manifest] = field(default_factory=dict)
    pods: list[Manifest] = field(default_factory=list)
    occupied: frozenset[ObjectId] = frozenset()
    missing: dict[str, Problem] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    versions: dict[str, datetime] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    drifts: tuple[Drift, ...] | None = ()
    settings: Settings = SETTINGS
    now: datetime = NOON
    asked: Questions = NOTHING
    gates: dict[str, str] = field(default_factory=dict)

    # --- what people and time do ---------------------------------------------------------------------------
    def edit(self, **spec: Any) -> None:
        """Change fields of the spec; None takes one away."""
        changed = {**self.app["spec"], **spec}
        self.app["spec"] = {name: value for name, value in changed.items() if value is not None}
        self.app["metadata"]["generation"] += 1
        self.wait()

    def wait(self, **time: float) -> None:
        """Let time pass, ten seconds unless told."""
        self.now += timedelta(**time) if time else timedelta(seconds=10)

    def roll_out(self) -> Plan:
        """Let the Deployment finish and the operator see it."""
        self.let_pods_start()
        return self.run()

    def let_pods_start(self) -> None:
        """Let the Deployment finish."""
        wanted = self.deployment["spec"]["replicas"]
        self.pods = [*self._gates(), *(a_pod(self.running, number, ready=True) for number in range(wanted))]
        self.set_counts(replicas=wanted, updated=wanted, available=wanted)
        self.wait()

    def start_one_pod(self, **pod_status: Any) -> Plan:
        """Let the Deployment start one pod of its release beside those that are there, and the operator see it."""
        self.let_one_pod_start(**pod_status)
        return self.run()

    def let_one_pod_start(self, **pod_status: Any) -> None:
        """Let the Deployment start one pod of its release beside those that are there."""
        gates = self._gates()
        others = [pod for pod in self.pods if pod not in gates and self._release_of(pod) != self.running]
        self.pods = [*gates, *others, a_pod(self.running, 0, **pod_status)]
        self.set_counts(replicas=len(others) + 1, updated=1, available=len(others))
        self.wait()

    def _release_of(self, pod: Manifest) -> str:
        number: str = pod["metadata"]["labels"][LABEL_REVISION]
        return number

    def _gates(self) -> list[Manifest]:
        return [pod for pod in self.pods if pod["metadata"]["labels"].get("aiapp.dev/role") == "gate"]

    def set_counts(self, *, replicas: int, updated: int, available: int, **more: Any) -> None:
        """Set the Deployment's status, up to date with its spec."""
        self.deployment["status"] = {
            "observedGeneration": self.deployment["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": updated,
            "availableReplicas": available,
            **more,
        }

    def annotate(self, action: str, argument: str) -> None:
        """Ask for something now."""
        value = f"{argument}@{format_time(self.now)}"
        self.app["metadata"].setdefault("annotations", {})[f"aiapp.dev/{action}"] = value

    def let_a_gate_fetch(self, **pod_status: Any) -> None:
        """Let the Job that has no pod yet start one that is not done."""
        (job,) = [each for each in self.children.values() if each["kind"] == "Job"]
        self.pods.append({**gate_pod(job, "Passed", self.now), "status": {"phase": "Failed", **pod_status}})

    # --- what the operator does ----------------------------------------------------------------------------
    def run(self) -> Plan:
        """Ask, plan, and do what was planned, until no gate that was begun has come to its end; return all of it."""
        whole = self.run_once()
        asked = self.asked
        while self.let_gates_end():
            step = self.run_once()
            whole = replace(
                step,
                apply=whole.apply + step.apply,
                create=whole.create + step.create,
                delete=whole.delete + step.delete,
                events=whole.events + step.events,
            )
        self.asked = asked
        return whole

    def run_once(self) -> Plan:
        """Ask what is to be asked, plan, and do what was planned."""
        self.asked = unresolved(self.app, self.children, self.ordered_revisions)
        planned = plan(self.observed, self.settings, self.now)
        for manifest in (*planned.apply, *planned.create):
            self.apply(manifest)
        for gone in planned.delete:
            self.children.pop(gone, None)
            self.revisions.pop(gone.name, None)
            self.pods = [pod for pod in self.pods if _owner(pod) != gone.name]
        if planned.status is not None:
            self.app["status"] = deepcopy(planned.status)
        return planned

    def let_gates_end(self) -> bool:
        """Let the Jobs that have no pod yet come to what `gates` says of their releases."""
        ended = False
        for job in [manifest for child, manifest in self.children.items() if child.kind == "Job"]:
            name, number = job["metadata"]["name"], job["metadata"]["annotations"][ANNOTATION_REVISION]
            if any(_owner(pod) == name for pod in self.pods):
                continue
            record = next(each for each in self.ordered_revisions if str(each["revision"]) == number)
            inputs = record["data"]["inputs"]
            tag, version = inputs["image"]["ref"].rpartition(":")[2], inputs.get("model", {}).get("version", "")
            names = (f"{tag}+{version}", tag, version)
            result = next((self.gates[name] for name in names if name in self.gates), "Passed")
            if result:
                self.pods.append(gate_pod(job, result, self.now))
                ended = True
        return ended

    @property
    def _sources(self) -> Listed:
        held = holds.digests(ledger.read(self.app, self.children, self.ordered_revisions))
        return Listed(self.tags, self.versions, self.contents, self.missing, held)

    @property
    def observed(self) -> Observed:
        """Return what the shell would hand to the plan, with answers to the questions of `asked`."""
        return Observed(
            app=deepcopy(self.app),
            children=deepcopy(self.children),
            pods=tuple(deepcopy(self.pods)),
            revisions=self.ordered_revisions,
            occupied=self.occupied,
            sources=Sources(
                image=self._sources.image(self.app) if self.asked.ask_image else None,
                model=self._sources.model(self.app) if self.asked.ask_model else None,
            ),
            drifts=self.drifts,
        )

    def apply(self, manifest: Manifest) -> None:
        """Keep a manifest as the API server would, with what it adds."""
        desired = deepcopy(manifest)
        child = ObjectId(desired["kind"], desired["metadata"]["name"])
        if child.kind == "ControllerRevision":
            created = self.revisions.get(child.name, {}).get("metadata", {}).get("creationTimestamp")
            desired["metadata"]["creationTimestamp"] = created or format_time(self.now)
            self.revisions[child.name] = desired
            return
        if child.kind == "Job":
            desired["metadata"] |= {"uid": child.name, "creationTimestamp": format_time(self.now)}
        live = self.children.get(child, {"metadata": {"generation": 0}})
        changed = live.get("spec") != desired.get("spec")
        desired["metadata"]["generation"] = live["metadata"]["generation"] + changed
        self.children[child] = desired | ({"status": live["status"]} if "status" in live else {})

    # --- what tests look at --------------------------------------------------------------------------------
    @property
    def deployment(self) -> Manifest:
        """Return the live Deployment."""
        return self.children[ObjectId("Deployment", "digits")]

    @property
    def running(self) -> str:
        """Return the number of the release on the Deployment."""
        number: str = self.deployment["metadata"]["annotations"][ANNOTATION_REVISION]
        return number

    @property
    def conditions(self) -> Mapping[str, Manifest]:
        """Return the conditions by type."""
        return {condition["type"]: condition for condition in self.app["status"]["conditions"]}

    @property
    def ordered_revisions(self) -> tuple[Manifest, ...]:
        """Return the records, oldest first."""
        return tuple(sorted(self.revisions.values(), key=lambda revision: int(revision["revision"])))


def _owner(pod: Manifest) -> str:
    return next((str(owner["name"]) for owner in pod["metadata"].get("ownerReferences", ())), "")


def a_pod(revision: str, number: int, *, ready: bool = False, **status: Any) -> Manifest:
    """Return a pod of a release; `status` as the kubelet reports it."""
    labels = {
        "app.kubernetes.io/instance": "digits",
        "app.kubernetes.io/managed-by": "aiapp-operator",
        "aiapp.dev/role": "serving",
        LABEL_REVISION: revision,
    }
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"digits-{revision}-{number}",
            "namespace": "vision",
            "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"digits-{revision}", "controller": True}],
        },
        "status": {"phase": "Running" if ready else "Pending", "conditions": conditions, **status},
    }


def serving_cluster(**spec: Any) -> AppCluster:
    """Return an app whose first release serves."""
    cluster = AppCluster(app=an_app(**spec))
    cluster.run()
    cluster.roll_out()
    return cluster
