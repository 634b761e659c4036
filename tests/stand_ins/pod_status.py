"""What the kubelet reports about pods that do not serve, and about those of gates."""

import json
from typing import Any

from aiapp_operator.state import Manifest

IMAGE = f"contoso.azurecr.io/digits@sha256:{'1' * 64}"


def waiting(reason: str, message: str = "", container: str = "app", **more: Any) -> Manifest:
    """Return the status of a pod whose container waits."""
    return _of(container, {"waiting": {"reason": reason, "message": message}}, **more)


def running(started: str = "2026-11-23T12:00:00Z", container: str = "app", **more: Any) -> Manifest:
    """Return the status of a pod whose container runs and is not ready."""
    return _of(container, {"running": {"startedAt": started}}, **more)


def ended(
    exit_code: int, message: str = "", container: str = "app", reason: str = "Error", restarts: int = 1, **more: Any
) -> Manifest:
    """Return the status of a pod whose container ended and waits to be started again."""
    terminated = {"exitCode": exit_code, "reason": reason, "message": message, **more}
    back_off = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
    return _of(container, back_off, lastState={"terminated": terminated}, restartCount=restarts)


def unschedulable(message: str) -> Manifest:
    """Return the status of a pod that no node has room for."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


def _of(container: str, state: Manifest, **more: Any) -> Manifest:
    entry = {"name": container, "image": IMAGE, "ready": False, "restartCount": 0, "state": state, **more}
    return {"initContainerStatuses" if container == "fetch" else "containerStatuses": [entry]}


# --- single containers, for pods in which several of them matter -------------------------------------------
def up(since: str = "2026-11-23T12:00:00Z", *, ready: bool = True, **more: Any) -> Manifest:
    """Return a container that runs."""
    return {"ready": ready, "state": {"running": {"startedAt": since}}, **more}


def over(exit_code: int = 0, message: str = "", *, reason: str = "", since: str = "", end: str = "") -> Manifest:
    """Return a container that ended and stays so."""
    return {"ready": False, "state": {"terminated": end_of(exit_code, message, reason=reason, since=since, end=end)}}


def held_up(reason: str, message: str = "", **more: Any) -> Manifest:
    """Return a container that the kubelet cannot start, or not yet."""
    return {"ready": False, "state": {"waiting": {"reason": reason, "message": message}}, **more}


def end_of(exit_code: int, message: str = "", *, reason: str = "", since: str = "", end: str = "") -> Manifest:
    """Return how a container ended."""
    return {
        "exitCode": exit_code,
        "reason": reason or ("Error" if exit_code else "Completed"),
        "message": message,
        "startedAt": since or "2026-11-23T12:00:00Z",
        "finishedAt": end or "2026-11-23T12:00:20Z",
    }


def reported(result: str, reason: str = "", message: str = "3 of 3 cases passed", **more: Any) -> Manifest:
    """Return a gate's container that ended with a report."""
    exit_code = {"Passed": 0, "Failed": 1, "Inconclusive": 3}[result]
    document = {"result": result, "reason": reason, "message": message, "cases": [], "seconds": 0.4, **more}
    return over(exit_code, json.dumps(document))


def serving_status(app: Manifest, *, ready: bool = True, since: str = "2026-11-23T11:59:00Z") -> Manifest:
    """Return the status of a pod that serves, or did: its readiness is as it is since a time."""
    word = "True" if ready else "False"
    conditions = [{"type": kind, "status": word, "lastTransitionTime": since} for kind in ("Ready", "ContainersReady")]
    entry = {"name": "app", "image": IMAGE, "restartCount": 0, **app}
    return {"phase": "Running", "conditions": conditions, "containerStatuses": [entry]}


def gate_status(
    fetch: Manifest | None = None, app: Manifest | None = None, gate: Manifest | None = None, **more: Any
) -> Manifest:
    """Return the status of a gate's pod: the app is a sidecar, so it is listed among the init containers."""
    waits = held_up("PodInitializing")
    named = {"fetch": fetch or over(), "app": app or waits, "gate": gate or waits}
    entries = {name: {"name": name, "image": IMAGE, "restartCount": 0, **entry} for name, entry in named.items()}
    return {
        "phase": "Running",
        "initContainerStatuses": [entries["fetch"], entries["app"]],
        "containerStatuses": [entries["gate"]],
        **more,
    }
