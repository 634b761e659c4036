"""How the gate of a release stands: what its Job and its pods say. Pure.

The same pods give the same verdict whenever they are looked at: an operator that was away decides as one that was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from aiapp_models import contract
from aiapp_operator import pod_findings
from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.container_findings import crash, never_starts
from aiapp_operator.container_states import Container, conditions, containers, excerpt, last_line, time_of, way_out
from aiapp_operator.reasons import Reason
from aiapp_operator.release import gate_report
from aiapp_operator.release.ledger import Release, controller
from aiapp_operator.state import GateResult, Manifest, Problem, Severity

POD_DELAY: Final = timedelta(seconds=30)
"""How long a Job may take to get its pod before that is worth a word."""
OVERDUE: Final = "DeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Gate:
    """One try of a gate.

    result: None while it is under way.
    problem: why it failed or said nothing; of one that is under way: what it waits for, such as a node with room.
    report: the transcript, JSON of at most 4 KiB; empty: it left none.
    started: the app's container has been started, so that the release itself is being judged.
    due: when it must be looked at again without any event.
    """

    result: GateResult | None
    problem: Problem | None = None
    report: str = ""
    started: bool = False
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Try:
    """One pod of a gate; a container is None until the kubelet tells of it."""

    pod: Manifest
    serving: Container | None
    gate: Container | None

    @property
    def name(self) -> str:
        name: str = self.pod["metadata"]["name"]
        return name

    @property
    def ended(self) -> bool:
        """Tell whether none of its containers will ever run again."""
        return self.pod.get("status", {}).get("phase") in ("Failed", "Succeeded")

    @property
    def end_reason(self) -> str:
        """Return why the kubelet ended the pod as a whole; empty: it did not."""
        reason: str = self.pod.get("status", {}).get("reason", "") if self.ended else ""
        return reason

    @property
    def app_started(self) -> bool:
        return self.serving is not None and bool(self.serving.running or self.serving.end)


def judge(app: AIApp, release: Release, job: Manifest, pods: Sequence[Manifest], now: datetime) -> Gate:
    """Return how a gate stands.

    job: the live Job. pods: all pods of the app; those of the Job are found by their owner.
    """
    tries = [_read(pod) for pod in _newest_first(_of_job(job, pods))]
    standing = [each for each in tries if not pod_findings.disrupted(each.pod)]
    reported = [each for each in tries if each.gate and gate_report.read(each.gate)]
    if chosen := next(iter(reported or standing), None):
        return _verdict(app, chosen) or _under_way(release, chosen, now)
    if _is_over(job):
        return Gate(GateResult.INCONCLUSIVE, _without_pod(job, tries))
    return _before_its_pod(job, tries, now)


def lost_its_pod(job: Manifest, pods: Sequence[Manifest]) -> bool:
    """Tell whether a Job is over and none of the pods is one of its own."""
    return _is_over(job) and not _of_job(job, pods)


def _verdict(app: AIApp, tried: _Try) -> Gate | None:
    """Return what the pod says for good; None: it is under way."""
    gate = tried.gate
    report = gate_report.read(gate) if gate else None
    # An app that ended is told in its own words: to the gate it is only one that does not answer.
    if fault := _fault(tried):
        return Gate(GateResult.FAILED, fault, report.text if report else "", started=True)
    if report:
        return Gate(report.result, report.problem, report.text, started=True)
    if tried.end_reason == OVERDUE and gate and _ran(gate) >= _timeout(app):
        return Gate(GateResult.FAILED, _never_ready(app, tried), started=True)
    if tried.ended or (gate and gate.ended):
        return Gate(GateResult.INCONCLUSIVE, _inconclusive(tried), started=tried.app_started)
    return None


def _under_way(release: Release, tried: _Try, now: datetime) -> Gate:
    gate, fetching = tried.gate, pod_findings.fetch_due([tried.pod], release)
    problem = pod_findings.hindrance(tried.pod)
    if gate and gate.started:
        # It ends by itself when its time is over, and its pod's deadline ends one that hangs: what a watch shows may be
        # old, and a clock may be wrong.
        return Gate(None, started=True)
    if fetching:
        slow = pod_findings.fetch_slow([tried.pod], release, now)
        return Gate(None, problem or slow, due=None if slow else fetching)
    return Gate(None, problem, started=tried.app_started and problem is None)


def _fault(tried: _Try) -> Problem | None:
    """Return what the app's own container does wrong."""
    if tried.serving is None:
        return None
    return never_starts(tried.serving) or crash(replace(tried.serving, ended=_own_end(tried, tried.serving), last={}))


def _own_end(tried: _Try, serving: Container) -> Manifest:
    """Return how the app ended by its own doing; empty: it did not.

    The kubelet ends it after the gate, and with the whole pod; nothing starts again what the kubelet ended.
    """
    if serving.last:
        return serving.last
    if tried.end_reason or pod_findings.disrupted(tried.pod):
        return {}
    if tried.gate and tried.gate.ended:
        app_end, gate_end = time_of(serving.ended.get("finishedAt")), time_of(tried.gate.ended.get("finishedAt"))
        return serving.ended if app_end and gate_end and app_end < gate_end else {}
    return serving.ended


def _inconclusive(tried: _Try) -> Problem:
    """Return why a pod that ended says nothing about the release."""
    gate, status = tried.gate, tried.pod.get("status", {})
    if problem := pod_findings.hindrance(tried.pod):
        return problem
    if gate and gate.ended and not tried.end_reason:
        words = f"{way_out(gate.ended)}, without a report: {excerpt(last_line(gate.ended))}"
        return _said_nothing(f"{gate.title} ended with {words}")
    if tried.end_reason == OVERDUE:
        return _said_nothing(
            f"pod {tried.name} had no time left for the gate's cases: `kubectl describe pod {tried.name}` shows what "
            "took it, such as a Secret that cannot be mounted, a slow pull or a slow fetch"
        )
    words = excerpt(status.get("message", "")) or "the kubelet gives no cause"
    return _said_nothing(f"pod {tried.name} ended before its gate did: {tried.end_reason or 'Failed'}: {words}")


def _never_ready(app: AIApp, tried: _Try) -> Problem:
    return Problem(
        Severity.WAITING,
        Reason.NEVER_READY,
        f"pod {tried.name}: the gate did not come to its end within {app.spec.release.gate.timeout}: the app must "
        "answer, and spec.serving.readinessPath with 2xx once the model is loaded; if it only needs longer, raise "
        f"spec.release.gate.timeout; `kubectl logs {tried.name} -c {contract.APP_CONTAINER}` shows what it does",
    )


def _without_pod(job: Manifest, tries: Sequence[_Try]) -> Problem:
    name = job["metadata"]["name"]
    if tries:
        return _said_nothing(f"pod {tries[0].name} was evicted or deleted before its gate ended")
    return _said_nothing(f"Job {name} is over and its pod is gone: nobody knows what it said")


def _before_its_pod(job: Manifest, tries: Sequence[_Try], now: datetime) -> Gate:
    """Return how a Job stands that has no pod, or no other one yet."""
    name = job["metadata"]["name"]
    if tries:
        words = f"pod {tries[0].name} was evicted or deleted before its gate ended; another one takes its place"
        return Gate(None, _said_nothing(words))
    created = time_of(job["metadata"].get("creationTimestamp"))
    if created and now < created + POD_DELAY:
        return Gate(None, due=created + POD_DELAY)
    words = (
        f"Job {name} has no pod: `kubectl describe job {name}` shows why, such as a ResourceQuota, a policy or a "
        "webhook that refuses it"
    )
    return Gate(None, Problem(Severity.WAITING, Reason.PODS_REFUSED, words))


def _said_nothing(words: str) -> Problem:
    return Problem(Severity.WAITING, Reason.GATE_INCONCLUSIVE, words)


def _timeout(app: AIApp) -> timedelta:
    return parse_duration(app.spec.release.gate.timeout)


def _ran(gate: Container) -> timedelta:
    """Return how long a container ran that ended."""
    start, end = time_of(gate.ended.get("startedAt")), time_of(gate.ended.get("finishedAt"))
    return end - start if start and end else timedelta()


def _is_over(job: Manifest) -> bool:
    found = conditions(job)
    over = any(found.get(kind, {}).get("status") == "True" for kind in ("Complete", "Failed"))
    return over or "deletionTimestamp" in job["metadata"]


def _of_job(job: Manifest, pods: Sequence[Manifest]) -> list[Manifest]:
    """Return the Job's pods; one of an earlier Job of the same name is none of them."""
    owner = {"kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"].get("uid")}
    return [pod for pod in pods if owner.items() <= {"uid": None, **controller(pod)}.items()]


def _newest_first(pods: list[Manifest]) -> list[Manifest]:
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)


def _read(pod: Manifest) -> _Try:
    found = {container.name: container for container in containers(pod)}
    return _Try(
        pod=pod,
        serving=found.get(contract.APP_CONTAINER),
        gate=found.get(contract.GATE_CONTAINER),
    )
