"""Pods of gates, as the kubelet reports them once they have ended."""

import json
from datetime import datetime, timedelta
from typing import Any

from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Manifest

EXIT_CODES = {"Passed": 0, "Failed": 1, "Inconclusive": 3}
REASONS = {"Passed": "", "Failed": "CaseFailed", "Inconclusive": "CasesMissing"}


def gate_pod(job: Manifest, result: str, now: datetime, **report: Any) -> Manifest:
    """Return the pod of a gate that came to a result."""
    name, template = job["metadata"]["name"], job["spec"]["template"]
    said = {"result": result, "reason": REASONS[result], "message": f"1 case: {result.lower()}", **report}
    start, end = format_time(now - timedelta(seconds=2)), format_time(now)
    ended = {
        "exitCode": EXIT_CODES[result],
        "reason": "Completed" if result == "Passed" else "Error",
        "message": json.dumps(said),
        "startedAt": start,
        "finishedAt": end,
    }
    gate = {"name": "gate", "image": "", "ready": False, "restartCount": 0, "state": {"terminated": ended}}
    app = {"name": "app", "image": "", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": start}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-x1y2z",
            "namespace": job["metadata"]["namespace"],
            "labels": template["metadata"]["labels"],
            "creationTimestamp": start,
            "ownerReferences": [
                {"kind": "Job", "name": name, "uid": job["metadata"].get("uid", name), "controller": True}
            ],
        },
        "status": {"phase": "Running", "initContainerStatuses": [app], "containerStatuses": [gate]},
    }
