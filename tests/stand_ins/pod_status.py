"""What the kubelet reports about pods that do not serve."""

from typing import Any

from aiapp_operator.state import Manifest

IMAGE = f"contoso.azurecr.io/digits@sha256:{'1' * 64}"


def waiting(reason: str, message: str = "", container: str = "app", **more: Any) -> Manifest:
    """Return the status of a pod whose container waits."""
    return _of(container, {"waiting": {"reason": reason, "message": message}}, **more)


def running(started: str = "2026-11-23T12:00:00Z", container: str = "app", **more: Any) -> Manifest:
    """Return the status of a pod whose container runs and is not ready."""
    return _of(container, {"running": {"startedAt": started}}, **more)


def ended(exit_code: int, message: str = "", container: str = "app", reason: str = "Error", **more: Any) -> Manifest:
    """Return the status of a pod whose container ended and waits to be started again."""
    terminated = {"exitCode": exit_code, "reason": reason, "message": message, **more}
    back_off = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}}
    return _of(container, back_off, lastState={"terminated": terminated}, restartCount=1)


def unschedulable(message: str) -> Manifest:
    """Return the status of a pod that no node has room for."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


def _of(container: str, state: Manifest, **more: Any) -> Manifest:
    entry = {"name": container, "image": IMAGE, "ready": False, "restartCount": 0, "state": state, **more}
    return {"initContainerStatuses" if container == "fetch" else "containerStatuses": [entry]}
