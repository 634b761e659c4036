"""Apps in the middle of a release's life, for the tests of what is said about them."""

from typing import Final

from aiapp_models.contract import LABEL_ROLE, ROLE_SERVING
from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Manifest, Plan
from stand_ins.app_cluster import AppCluster, serving_cluster
from stand_ins.pod_status import ended

BAKE: Final[Manifest] = {"bake": {"duration": "5m"}}
NIGHTLY: Final[Manifest] = {
    "bake": {"duration": "0s"},
    "schedule": [{"cron": "0 2 * * *", "timeZone": "UTC", "duration": "1h"}],
}


def failed_gate() -> AppCluster:
    """Return an app whose model 42 failed its gate."""
    cluster = serving_cluster()
    cluster.gates["42"] = "Failed"
    cluster.edit(modelVersion="42")
    cluster.run()
    return cluster


def bad_bake() -> AppCluster:
    """Return an app whose model 42 crashed in its bake."""
    cluster = serving_cluster(release=BAKE)
    cluster.wait(minutes=6)
    cluster.run()
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.roll_out()
    crash(cluster)
    cluster.run()
    return cluster


def crash(cluster: AppCluster) -> None:
    """Let all serving pods crash."""
    cluster.wait()
    for pod in cluster.pods:
        if pod["metadata"]["labels"][LABEL_ROLE] == ROLE_SERVING:
            pod["status"] = ended(1, "boom", finishedAt=format_time(cluster.now))
    cluster.set_counts(replicas=2, updated=2, available=0)
    cluster.wait()


def asked(cluster: AppCluster, action: str, argument: str) -> Plan:
    """Ask for an action now, and let the operator see it."""
    annotations = cluster.app["metadata"].setdefault("annotations", {})
    annotations[f"aiapp.dev/{action}"] = f"{argument}@{format_time(cluster.now)}"
    return cluster.run()
