"""The controllers and the kubelet of a simulated cluster: pods of Deployments and Jobs, which fare as the truth says.

A Deployment rolls as the real controller's does with maxUnavailable 0 and maxSurge 1.
"""

import json
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Protocol

from aiapp_models import contract
from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Manifest
from proofs import release_pods
from proofs.release_pods import Stage
from proofs.release_truth import Contents, Truth, contents_of

NAMESPACE: Final = "vision"


class Objects(Protocol):
    """The objects of a cluster, as those who are no operator see and change them."""

    def all_of(self, kind: str) -> list[Manifest]: ...
    def put(self, manifest: Manifest) -> Any: ...
    def remove(self, kind: str, name: str) -> Any: ...


@dataclass
class _Life:
    """One pod's: the stages that are left begin at `started`; None: no node has room for it yet."""

    stages: tuple[Stage, ...]
    started: datetime | None


@dataclass
class _Progress:
    seen: tuple[Any, ...]
    at: datetime
    complete: str = ""


@dataclass
class Nodes:
    """`settle` brings everything to where it is at a time; `next_change` says when it goes on by itself.

    no_room_until: until then no new pod finds a node. inconclusive: how many of the next gates say nothing.
    failed: what pods were made of that failed their cases or ended by their own fault.
    """

    objects: Objects
    truth: Truth
    no_room_until: datetime | None = None
    inconclusive: int = 0
    failed: set[Contents] = field(default_factory=set)
    _lives: dict[str, _Life] = field(default_factory=dict)
    _progress: dict[str, _Progress] = field(default_factory=dict)
    _made: Counter[str] = field(default_factory=Counter)

    def settle(self, now: datetime) -> None:
        """Let controllers and kubelet do all that they do by now."""
        while self._pods_go_on(now) or self._jobs(now) or self._deployments(now):
            pass

    def next_change(self, now: datetime) -> datetime | None:
        """Return when a pod's status changes next, or a Deployment gives up waiting."""
        times = [at for life in self._lives.values() for at in self._coming(life) if at > now]
        for deployment in self.objects.all_of("Deployment"):
            progress = self._progress.get(deployment["metadata"]["uid"])
            if progress and not progress.complete:
                deadline = timedelta(seconds=deployment["spec"].get("progressDeadlineSeconds", 600))
                times.append(progress.at + deadline)
        return min((at for at in times if at > now), default=None)

    def evict(self, pod: Manifest, now: datetime) -> None:
        """End a pod as a node that is drained does."""
        drained = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
        status = {"phase": "Failed", "reason": "Evicted", "conditions": [drained], "startTime": format_time(now)}
        self._lives.pop(pod["metadata"]["name"], None)
        if _role(pod) == contract.ROLE_SERVING:
            self.objects.remove("Pod", pod["metadata"]["name"])
        else:
            self.objects.put({**pod, "status": status})

    def _coming(self, life: _Life) -> list[datetime]:
        if life.started is None:
            return [self.no_room_until] if self.no_room_until else []
        return [life.started + timedelta(seconds=stage.after) for stage in life.stages]

    # --- pods --------------------------------------------------------------------------------------------
    def _pods_go_on(self, now: datetime) -> bool:
        changed = False
        for pod in self.objects.all_of("Pod"):
            life = self._lives.get(pod["metadata"]["name"])
            status = self._status(pod, life, now) if life else None
            if status is not None and status != pod.get("status"):
                self.objects.put({**pod, "status": status})
                changed = True
        return changed

    def _status(self, pod: Manifest, life: _Life, now: datetime) -> Manifest | None:
        if life.started is None and not (self.no_room_until and now < self.no_room_until):
            life.started = now
        if life.started is None:
            return None if pod.get("status", {}).get("conditions") else release_pods.unschedulable(pod, now)
        passed, status = (now - life.started).total_seconds(), None
        while life.stages and life.stages[0].after <= passed:
            status = life.stages[0].status(pod, life.started)
            life.stages = life.stages[1:]
            if _tells_fault(status):
                self.failed.add(contents_of(pod))
        if not life.stages:
            del self._lives[pod["metadata"]["name"]]
        return status

    def _start_pod(self, owner: Manifest, name: str, template: Manifest, stages: tuple[Stage, ...], at: str) -> None:
        self._made[name] += 1
        unique = f"{name}-{self._made[name]}"
        self._lives[unique] = _Life(stages, None)
        metadata = {
            **deepcopy(template.get("metadata", {})),
            "name": unique,
            "namespace": NAMESPACE,
            "uid": f"pod-{unique}",
            "creationTimestamp": at,
            "ownerReferences": [{**owner, "controller": True}],
        }
        spec = deepcopy(template["spec"])
        self.objects.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {}})

    def _end_pod(self, pod: Manifest) -> None:
        self._lives.pop(pod["metadata"]["name"], None)
        self.objects.remove("Pod", pod["metadata"]["name"])

    # --- Jobs --------------------------------------------------------------------------------------------
    def _jobs(self, now: datetime) -> bool:
        jobs = {job["metadata"]["uid"]: job for job in self.objects.all_of("Job")}
        orphans = [pod for pod in self._pods_of("Job") if _owner(pod)["uid"] not in jobs]
        for pod in orphans:
            self._end_pod(pod)
        changed = [self._job(job, now) for job in jobs.values()]
        return any(changed) or bool(orphans)

    def _job(self, job: Manifest, now: datetime) -> bool:
        status = job.get("status") or {}
        if any(each["type"] in ("Complete", "Failed") for each in status.get("conditions", ())):
            return False
        pods = [pod for pod in self._pods_of("Job") if _owner(pod)["uid"] == job["metadata"]["uid"]]
        ended = [pod for pod in pods if pod.get("status", {}).get("phase") in ("Succeeded", "Failed")]
        judged = [pod for pod in ended if not _is_disrupted(pod)]
        if judged:
            self.objects.put({**job, "status": _job_ended(judged[0]["status"]["phase"], now)})
            return True
        if len(pods) > len(ended):
            return False
        self._gate_pod(job, now)
        if not status:
            self.objects.put({**job, "status": {"active": 1, "startTime": format_time(now)}})
        return True

    def _gate_pod(self, job: Manifest, now: datetime) -> None:
        template = job["spec"]["template"]
        silent, self.inconclusive = self.inconclusive > 0, max(0, self.inconclusive - 1)
        stages = release_pods.gate(self.truth.of_template(template), inconclusive=silent)
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job["metadata"]["name"],
            "uid": job["metadata"]["uid"],
        }
        self._start_pod(owner, job["metadata"]["name"], template, stages, format_time(now))

    # --- Deployments -------------------------------------------------------------------------------------
    def _deployments(self, now: datetime) -> bool:
        changed = [self._deployment(deployment, now) for deployment in self.objects.all_of("Deployment")]
        return any(changed)

    def _deployment(self, deployment: Manifest, now: datetime) -> bool:
        wanted, template = deployment["spec"].get("replicas", 1), deployment["spec"]["template"]
        replica_set = f"{deployment['metadata']['name']}-{_hash(template)}"
        pods = self._pods_of("ReplicaSet")
        new = [pod for pod in pods if _owner(pod)["name"] == replica_set]
        old = [pod for pod in pods if _owner(pod)["name"] != replica_set]
        surplus = _surplus(new, old, wanted)
        if len(new) < wanted and len(pods) < wanted + 1:
            owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set, "uid": replica_set}
            stages = release_pods.serving(self.truth.of_template(template))
            self._start_pod(owner, replica_set, template, stages, format_time(now))
        elif surplus:
            self._end_pod(surplus)
        else:
            return self._tell(deployment, new, old, now)
        return True

    def _tell(self, deployment: Manifest, new: list[Manifest], old: list[Manifest], now: datetime) -> bool:
        wanted, ready = deployment["spec"].get("replicas", 1), sum(map(_is_ready, [*new, *old]))
        updated = sum(map(_is_ready, new))
        counts = {
            "replicas": len(new) + len(old),
            "updatedReplicas": len(new),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, max(len(new) + len(old), wanted) - ready),
        }
        status = {
            "observedGeneration": deployment["metadata"].get("generation", 1),
            **{name: count for name, count in counts.items() if count},
            "conditions": [self._progressing(deployment, updated == wanted and not old, (len(new), updated), now)],
        }
        if status == deployment.get("status"):
            return False
        self.objects.put({**deployment, "status": status})
        return True

    def _progressing(self, deployment: Manifest, complete: bool, counts: tuple[int, int], now: datetime) -> Manifest:
        uid, seen = deployment["metadata"]["uid"], (_hash(deployment["spec"]["template"]), counts)
        progress = self._progress.get(uid)
        if progress is None or progress.seen[0] != seen[0]:
            progress = self._progress[uid] = _Progress(seen, now)
        elif progress.seen != seen and not progress.complete:
            progress.seen, progress.at = seen, now
        if complete and not progress.complete:
            progress.complete, progress.at = format_time(now), now
        deadline = timedelta(seconds=deployment["spec"].get("progressDeadlineSeconds", 600))
        late = not progress.complete and now - progress.at >= deadline
        reason = "NewReplicaSetAvailable" if progress.complete else "ReplicaSetUpdated"
        return {
            "type": "Progressing",
            "status": "False" if late else "True",
            "reason": "ProgressDeadlineExceeded" if late else reason,
            "lastUpdateTime": format_time(progress.at),
        }

    def _pods_of(self, kind: str) -> list[Manifest]:
        return [pod for pod in self.objects.all_of("Pod") if _owner(pod)["kind"] == kind]


def _tells_fault(status: Manifest) -> bool:
    """Tell whether a container other than fetch ended as none does that is well."""
    states = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    ended = [how.get("terminated", {}) for each in states for how in (each["state"], each["lastState"])]
    return any(each.get("exitCode") == 1 for each in ended)


def _surplus(new: list[Manifest], old: list[Manifest], wanted: int) -> Manifest | None:
    """Return a pod that may go now: none that takes requests unless enough others do."""
    if len(new) > wanted:
        return min(new, key=_is_ready)
    unready = [pod for pod in old if not _is_ready(pod)]
    new_unready = sum(not _is_ready(pod) for pod in new)
    if unready and len(new) + len(old) - wanted - new_unready > 0:
        return unready[0]
    ready = sum(map(_is_ready, [*new, *old]))
    return next((pod for pod in old if _is_ready(pod)), None) if ready > wanted else None


def _job_ended(phase: str, now: datetime) -> Manifest:
    kind = "Complete" if phase == "Succeeded" else "Failed"
    reason = "CompletionsReached" if kind == "Complete" else "BackoffLimitExceeded"
    condition = {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": format_time(now)}
    return {"conditions": [condition], "startTime": format_time(now), phase.lower(): 1}


def _is_disrupted(pod: Manifest) -> bool:
    return any(each["type"] == "DisruptionTarget" for each in pod["status"].get("conditions", ()))


def _is_ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _owner(pod: Manifest) -> Manifest:
    owner: Manifest = pod["metadata"]["ownerReferences"][0]
    return owner


def _role(pod: Manifest) -> str:
    return str(pod["metadata"]["labels"].get(contract.LABEL_ROLE))


def _hash(template: Manifest) -> str:
    return sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
