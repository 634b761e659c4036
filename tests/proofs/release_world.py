"""One AIApp in a simulated cluster, with the whole pure plan as its operator: time passes, people push and ask."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from aiapp_operator.actions import OLDEST
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.plan import plan
from aiapp_operator.release.holds import digests
from aiapp_operator.release.ledger import read
from aiapp_operator.release.notes import format_time
from aiapp_operator.release.releases import unresolved
from aiapp_operator.state import Manifest, ObjectId, Observed, Plan, Sources
from proofs import release_sources
from proofs.release_nodes import NAMESPACE, Nodes
from proofs.release_rules import Rules
from proofs.release_truth import Fate, Truth, digest
from stand_ins.app_cluster import MODEL_SOURCE, SETTINGS

BEGIN: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPOSITORY: Final = "contoso.azurecr.io/digits"
NIGHTLY: Final[Manifest] = {"cron": "0 2 * * *", "timeZone": "UTC", "duration": "2h"}
MOST_RUNS: Final = 8
"""How many runs in a row an operator may need until it has nothing more to write, while the world stands still."""


def following(*, nightly: bool = False, records: int = 10, **serving: Any) -> Manifest:
    """Return a spec that follows both streams; records: how many past releases are kept."""
    release: Manifest = {"bake": {"duration": "2m"}, "gate": {"timeout": "2m"}, "progressDeadline": "5m"}
    release["revisionHistoryLimit"] = records
    return {
        "image": REPOSITORY,
        "imagePolicy": {"type": "SemVer"},
        "modelSource": MODEL_SOURCE,
        "release": release | ({"schedule": [NIGHTLY]} if nightly else {}),
        "serving": {"replicas": 2, **serving},
    }


@dataclass
class World:
    """`advance` lets time pass; whatever broke a rule is in `rules.broken`.

    tags: digests by tag. versions: time and digest by name. pushed, uploaded: all that there ever was, in order.
    present: the operator runs.
    """

    spec: Manifest = field(default_factory=following)
    now: datetime = BEGIN
    truth: Truth = field(default_factory=Truth)
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    pushed: list[str] = field(default_factory=list)
    uploaded: list[str] = field(default_factory=list)
    present: bool = True
    writes: int = 0
    runs: int = 0
    last_write: datetime = BEGIN
    unheld: datetime = BEGIN - OLDEST

    def __post_init__(self) -> None:
        bake = AIApp.parse(self._app(1)).spec.release.bake.duration
        self.objects: dict[ObjectId, Manifest] = {}
        self.nodes = Nodes(self, self.truth)
        self.rules = Rules("schedule" in self.spec["release"], _seconds(bake))
        self.due: datetime | None = self.now
        self._version = 0
        self.put(self._app(1))

    def _app(self, generation: int) -> Manifest:
        metadata = {"name": "digits", "namespace": NAMESPACE, "uid": "app-1", "generation": generation}
        created = {"creationTimestamp": format_time(BEGIN)}
        return {"apiVersion": "aiapp.dev/v1alpha1", "kind": "AIApp", "metadata": metadata | created, "spec": self.spec}

    # --- what others see and change ------------------------------------------------------------------------
    def all_of(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""
        return [manifest for child, manifest in self.objects.items() if child.kind == kind]

    def put(self, manifest: Manifest) -> None:
        """Set an object, and let the operator see it."""
        self.objects[ObjectId(manifest["kind"], manifest["metadata"]["name"])] = manifest
        self.due = self.now

    def remove(self, kind: str, name: str) -> None:
        """Delete an object, and let the operator see that."""
        if self.objects.pop(ObjectId(kind, name), None):
            self.due = self.now

    @property
    def app(self) -> Manifest:
        """Return the AIApp."""
        return self.objects[ObjectId("AIApp", "digits")]

    @property
    def status(self) -> Manifest:
        """Return the AIApp's status."""
        status: Manifest = self.app.get("status") or {}
        return status

    # --- what people do ------------------------------------------------------------------------------------
    def push(self, tag: str, fate: Fate = Fate.GOOD) -> str:
        """Push an image; return its digest."""
        self.tags[tag] = digest(f"image {tag}")
        self.truth.fates[self.tags[tag]] = fate
        self.pushed.append(self.tags[tag])
        self.due = self.now
        return self.tags[tag]

    def upload(self, version: str, fate: Fate = Fate.GOOD) -> str:
        """Upload a model; return its digest."""
        self.versions[version] = (self.now, digest(f"model {version}"))
        self.truth.fates[self.versions[version][1]] = fate
        self.uploaded.append(self.versions[version][1])
        self.due = self.now
        return self.versions[version][1]

    def edit(self, **spec: Any) -> None:
        """Change fields of the spec; None takes one away."""
        self.spec = {name: value for name, value in {**self.spec, **spec}.items() if value is not None}
        old = self.app["metadata"]
        self.put({**self.app, "spec": self.spec, "metadata": {**old, "generation": old["generation"] + 1}})

    def ask(self, action: str, argument: str) -> None:
        """Set the annotation of an action."""
        value = {f"aiapp.dev/{action}": f"{argument}@{format_time(self.now)}"}
        metadata = self.app["metadata"]
        annotations = {**metadata.get("annotations", {}), **value}
        self.put({**self.app, "metadata": {**metadata, "annotations": annotations}})
        if action in ("rollback-to", "release-now"):
            self.rules.asked = self.now

    def unhold(self, hold: Manifest) -> None:
        """End a hold that status shows."""
        self.unheld = self.now
        self.rules.forgive(hold["stream"], hold["digest"])
        self.ask("unhold", hold["digest"])

    def lose_status(self) -> None:
        """Take the status away, as a restore from a backup does.

        Not within the ten minutes of an `unhold`: what was held again meanwhile would be tried once more.
        """
        self.advance(seconds=max(0.0, (self.unheld + OLDEST - self.now).total_seconds() + 1))
        self.put({name: value for name, value in self.app.items() if name != "status"})

    # --- time ----------------------------------------------------------------------------------------------
    def advance(self, **time: float) -> None:
        """Let time pass, with all that happens meanwhile."""
        until, idle = self.now + timedelta(**time), 0
        while True:
            self.nodes.settle(self.now)
            if self.present and self.due is not None and self.due <= self.now:
                before = self.writes
                self.run()
                idle = idle + 1 if self.writes > before else 0
                assert idle < MOST_RUNS, f"{self.now}: the operator writes and writes although nothing happens"
                continue
            idle = 0
            coming = [self.nodes.next_change(self.now), self.due if self.present else None]
            following_times = [at for at in coming if at is not None and at < until]
            if not following_times:
                self.now = until
                self.nodes.settle(self.now)
                return
            self.now = min(following_times)

    # --- the operator --------------------------------------------------------------------------------------
    def run(self, *, crash_after: int | None = None) -> Plan:
        """Reconcile once; with `crash_after`, the process ends after so many writes, and the next one begins."""
        self.runs += 1
        self.due = None
        planned = plan(self.observed, SETTINGS, self.now)
        self.due = self.now + timedelta(seconds=planned.requeue_after) if planned.requeue_after is not None else None
        done = 0
        for write in self._writes(planned):
            if crash_after is not None and done >= crash_after:
                self.due = self.now
                break
            if write():
                done, self.due, self.last_write = done + 1, self.now, self.now
        self.writes += done
        return planned

    @property
    def observed(self) -> Observed:
        """Return what the shell would hand to the plan."""
        ours = ("Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Job")
        children = {child: manifest for child, manifest in self.objects.items() if child.kind in ours}
        revisions = tuple(sorted(self.all_of("ControllerRevision"), key=lambda each: int(each["revision"])))
        asked, held = unresolved(self.app, children, revisions), digests(read(self.app, children, revisions))
        return Observed(
            app=self.app,
            children=children,
            pods=tuple(self.all_of("Pod")),
            revisions=revisions,
            sources=Sources(
                image=release_sources.image(self.app, self.tags, held) if asked.ask_image else None,
                model=release_sources.model(self.app, self.versions, held) if asked.ask_model else None,
            ),
            drifts=(),
        )

    def _writes(self, planned: Plan) -> list[Callable[[], bool]]:
        return [
            *(partial(self._apply, each) for each in planned.apply),
            *(partial(self._create, each) for each in planned.create),
            *(partial(self._delete, each) for each in planned.delete),
            partial(self._write_status, planned.status),
        ]

    def _apply(self, desired: Manifest) -> bool:
        child = ObjectId(desired["kind"], desired["metadata"]["name"])
        live = self.objects.get(child)
        if live and _same(desired, live):
            return False
        if child.kind == "Deployment":
            records = {int(each["revision"]): each for each in self.all_of("ControllerRevision")}
            self.rules.deployment(desired, live, records, self.now)
        elif child.kind == "ControllerRevision":
            self.rules.record(desired)
        self.put(self._stored(desired, live))
        return True

    def _create(self, desired: Manifest) -> bool:
        child = ObjectId(desired["kind"], desired["metadata"]["name"])
        if child in self.objects:
            return False
        self.rules.job(desired, self.now)
        self.put(self._stored(desired, None))
        return True

    def _stored(self, desired: Manifest, live: Manifest | None) -> Manifest:
        old: Manifest = live or {"metadata": {"generation": 0, "creationTimestamp": format_time(self.now)}}
        self._version += 1
        manifest = deepcopy(desired)
        changed = old.get("spec") != desired.get("spec")
        manifest["metadata"] |= {
            "uid": old["metadata"].get("uid", f"uid-{self._version}"),
            "generation": old["metadata"]["generation"] + changed,
            "creationTimestamp": old["metadata"]["creationTimestamp"],
        }
        return manifest | ({"status": old["status"]} if "status" in old else {})

    def _delete(self, child: ObjectId) -> bool:
        found = child in self.objects
        if child.kind == "ControllerRevision":
            self.rules.pruned(child.name)
        self.remove(child.kind, child.name)
        return found

    def _write_status(self, status: Manifest | None) -> bool:
        if status is None or status == self.app.get("status"):
            return False
        self.put({**self.app, "status": status})
        return True


def _same(desired: Manifest, live: Manifest) -> bool:
    """Tell whether an apply would change nothing."""
    meta = ("labels", "annotations", "ownerReferences")
    if any(desired["metadata"].get(part) != live["metadata"].get(part) for part in meta):
        return False
    rest = desired.keys() - {"metadata", "status"}
    return all(desired[part] == live.get(part) for part in rest)


def _seconds(duration: str) -> timedelta:
    units = {"s": 1, "m": 60, "h": 3600}
    return timedelta(seconds=int(duration[:-1]) * units[duration[-1]])
