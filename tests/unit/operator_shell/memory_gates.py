"""What a cluster in memory does with the Jobs of gates: their pods come to an end, and go when they go."""

from datetime import datetime

from aiapp_models.contract import LABEL_ROLE, ROLE_GATE
from aiapp_operator.state import Manifest
from aiapp_operator.view import View
from stand_ins.gate_pods import gate_pod
from unit.operator_shell.memory_api import MemoryApi


def let_gates_end(api: MemoryApi, view: View, now: datetime, result: str = "Passed") -> None:
    """Give each Job that has no pod yet one that came to `result`; take away the pods of Jobs that were deleted."""
    jobs = {job["metadata"]["name"]: job for job in api.all_of("Job")}
    pods = {_job(pod): pod for pod in api.all_of("Pod") if pod["metadata"]["labels"][LABEL_ROLE] == ROLE_GATE}
    for name in jobs.keys() - pods.keys():
        api.put(gate_pod(jobs[name], result, now))
    for name in pods.keys() - jobs.keys():
        view.gone(api.remove("Pod", pods[name]["metadata"]["name"]))


def _job(pod: Manifest) -> str:
    name: str = pod["metadata"]["ownerReferences"][0]["name"]
    return name
