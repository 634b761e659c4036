"""How the status of a pod goes on, as a kubelet reports it: a list of stages, each some seconds after its start."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from aiapp_models import contract
from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Manifest
from proofs.release_truth import Fate


class Pace(NamedTuple):
    """When what happens to a pod happens, in seconds after its start.

    over: its app is ready, or its gate is over. deaths: an app that dies in its bake ends.
    """

    app: int = 3
    over: int = 6
    deaths: tuple[int, ...] = (20, 50, 90, 150)


USUAL: Final = Pace()


class Stage(NamedTuple):
    """From `after` seconds of a pod's life on, its status is what `status` makes of the pod and its start."""

    after: int
    status: Callable[[Manifest, datetime], Manifest]


def unschedulable(_pod: Manifest, now: datetime) -> Manifest:
    """Return the status of a pod for which no node has room."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
        "lastTransitionTime": format_time(now),
    }
    return {"phase": "Pending", "conditions": [condition]}


def serving(fate: Fate, pace: Pace = USUAL) -> tuple[Stage, ...]:
    """Return the stages of a pod that is to serve."""
    begin = (Stage(0, _fetching), Stage(pace.app, lambda pod, at: _starting(pod, _later(at, pace.app))))
    if fate is Fate.NEVER_READY:
        return begin
    if fate in (Fate.CRASHES, Fate.DIES_IN_ROLLOUT):
        return (*begin, *(_crash(count, 4 + 15 * count) for count in range(4)))
    ready = Stage(pace.over, lambda pod, at: _ready(pod, _later(at, pace.app), _later(at, pace.over), 0))
    if fate is Fate.DIES_IN_BAKE:
        deaths = [stage for count, second in enumerate(pace.deaths) for stage in _death(count, second)]
        return (*begin, ready, *deaths)
    return (*begin, ready)


def gate(fate: Fate, *, inconclusive: bool = False, pace: Pace = USUAL) -> tuple[Stage, ...]:
    """Return the stages of a gate's pod."""
    begin = (Stage(0, _fetching), Stage(pace.app, lambda pod, at: _gating(pod, _later(at, pace.app))))
    if inconclusive:
        report = {"result": "Inconclusive", "reason": "CasesMissing", "message": "ConfigMap cases is not there"}
        return (*begin, _verdict(3, report, pace))
    if fate is Fate.CRASHES:
        return (*begin, Stage(pace.over, lambda pod, at: _gate_crashed(pod, at, pace)))
    if fate is Fate.FAILS_CASES:
        report = {"result": "Failed", "reason": "CaseFailed", "message": "1 of 3 cases failed"}
        return (*begin, _verdict(1, report, pace))
    return (*begin, _verdict(0, {"result": "Passed", "reason": "", "message": "3 of 3 cases passed"}, pace))


def _crash(count: int, second: int) -> Stage:
    def status(pod: Manifest, at: datetime) -> Manifest:
        ended = {"exitCode": 1, "reason": "Error", "finishedAt": _time(at, second), "message": "ValueError: no"}
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}}
        app = _container(pod, waiting, restarts=count + 1, last={"terminated": ended})
        return _status(pod, at, "Running", containers=[app])

    return Stage(second, status)


def _death(count: int, second: int) -> tuple[Stage, Stage]:
    def dead(pod: Manifest, at: datetime) -> Manifest:
        ended = {"exitCode": 1, "reason": "Error", "finishedAt": _time(at, second), "message": "MemoryError: leak"}
        app = _container(pod, {"running": {"startedAt": _time(at, second + 1)}}, count + 1, {"terminated": ended})
        return _status(pod, at, "Running", containers=[app], turned=_later(at, second))

    def again(pod: Manifest, at: datetime) -> Manifest:
        return _ready(pod, _later(at, second + 1), _later(at, second + 5), count + 1)

    return Stage(second, dead), Stage(second + 5, again)


def _verdict(code: int, report: Manifest, pace: Pace) -> Stage:
    def status(pod: Manifest, at: datetime) -> Manifest:
        whole = {**report, "cases": [], "seconds": 0.4}
        ended = {"exitCode": code, "reason": "Error" if code else "Completed", "finishedAt": _time(at, pace.over)}
        ended |= {"startedAt": _time(at, pace.app), "message": json.dumps(whole)}
        return _gate_status(pod, at, _app_in_gate(at, {"terminated": {"exitCode": 0}}, pace), ended, code)

    return Stage(pace.over, status)


def _gate_crashed(pod: Manifest, at: datetime, pace: Pace) -> Manifest:
    died = {"exitCode": 1, "reason": "Error", "finishedAt": _time(at, pace.over), "message": "ValueError: no"}
    app = _app_in_gate(at, {"terminated": died}, pace) | {"restartCount": 1, "lastState": {"terminated": died}}
    running = {"startedAt": _time(at, pace.app)}
    return _status(pod, at, "Running", init=[_fetched(at), app], containers=[_named("gate", {"running": running})])


def _gate_status(pod: Manifest, at: datetime, app: Manifest, ended: Manifest, code: int) -> Manifest:
    containers = [_named(contract.GATE_CONTAINER, {"terminated": ended})]
    phase = "Failed" if code else "Succeeded"
    return _status(pod, at, phase, init=[_fetched(at), app], containers=containers)


def _gating(pod: Manifest, since: datetime) -> Manifest:
    running = {"running": {"startedAt": format_time(since)}}
    app = _named(contract.APP_CONTAINER, running) | {"started": True, "ready": True}
    return _status(pod, since, "Running", init=[_fetched(since), app], containers=[_named("gate", running)])


def _app_in_gate(at: datetime, state: Manifest, pace: Pace) -> Manifest:
    whole = {kind: {"startedAt": _time(at, pace.app), **how} for kind, how in state.items()}
    return _named(contract.APP_CONTAINER, whole) | {"started": True}


def _fetching(pod: Manifest, at: datetime) -> Manifest:
    running = {"running": {"startedAt": format_time(at)}}
    waiting = _container(pod, {"waiting": {"reason": "PodInitializing"}})
    fetch = _named(contract.FETCH_CONTAINER, running)
    return _status(pod, at, "Pending", init=[fetch], containers=[waiting])


def _starting(pod: Manifest, since: datetime) -> Manifest:
    app = _container(pod, {"running": {"startedAt": format_time(since)}})
    return _status(pod, since, "Running", containers=[app])


def _ready(pod: Manifest, since: datetime, turned: datetime, restarts: int) -> Manifest:
    app = _container(pod, {"running": {"startedAt": format_time(since)}}, restarts) | {"ready": True, "started": True}
    return _status(pod, since, "Running", containers=[app], ready=True, turned=turned)


def _status(
    pod: Manifest,
    at: datetime,
    phase: str,
    *,
    containers: list[Manifest],
    init: list[Manifest] | None = None,
    ready: bool = False,
    turned: datetime | None = None,
) -> Manifest:
    del pod
    when = format_time(turned or at)
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": format_time(at)},
        {"type": "Ready", "status": str(ready), "lastTransitionTime": when},
        {"type": "ContainersReady", "status": str(ready), "lastTransitionTime": when},
    ]
    statuses = init if init is not None else [_fetched(at)]
    return {
        "phase": phase,
        "startTime": format_time(at),
        "conditions": conditions,
        "initContainerStatuses": statuses,
        "containerStatuses": containers,
    }


def _fetched(at: datetime) -> Manifest:
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": format_time(at)}}
    return _named(contract.FETCH_CONTAINER, ended) | {"ready": True}


def _container(pod: Manifest, state: Manifest, restarts: int = 0, last: Manifest | None = None) -> Manifest:
    # In a gate's pod the app is a sidecar, and the container that waits is the gate.
    gates = pod["metadata"]["labels"].get(contract.LABEL_ROLE) == contract.ROLE_GATE
    name = contract.GATE_CONTAINER if gates else contract.APP_CONTAINER
    return _named(name, state) | {"restartCount": restarts, "lastState": last or {}}


def _named(name: str, state: Manifest) -> Manifest:
    return {"name": name, "image": name, "state": state, "ready": False, "restartCount": 0, "lastState": {}}


def _later(at: datetime, seconds: int) -> datetime:
    return at + timedelta(seconds=seconds)


def _time(at: datetime, seconds: int) -> str:
    return format_time(_later(at, seconds))
