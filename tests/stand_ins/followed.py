"""An app that follows both of its streams, and what it shows."""

from datetime import datetime, timedelta
from typing import Any, Final

from aiapp_operator.state import Manifest
from stand_ins.app_cluster import NOON, AppCluster, an_app

REPOSITORY: Final = "contoso.azurecr.io/digits"
SEM_VER: Final[Manifest] = {"image": REPOSITORY, "imagePolicy": {"type": "SemVer", "range": "1.x"}}
LATEST: Final[Manifest] = {"modelVersion": None}


def minutes(count: float) -> datetime:
    """Return a time in the hour before noon."""
    return NOON - timedelta(hours=1) + timedelta(minutes=count)


def following(**spec: Any) -> AppCluster:
    """Return an app that serves image 1.4.1 and model 41 and follows both."""
    cluster = AppCluster(app=an_app(**{**SEM_VER, **LATEST, **spec}))
    cluster.tags = ["1.3.0", "1.4.1"]
    cluster.versions = {"40": minutes(0), "41": minutes(1)}
    cluster.run()
    cluster.roll_out()
    return cluster


def serves(cluster: AppCluster) -> tuple[str, str]:
    """Return image and model of the release on the Deployment."""
    annotations = cluster.deployment["spec"]["template"]["metadata"]["annotations"]
    return annotations["aiapp.dev/image"].rpartition(":")[2], annotations["aiapp.dev/model-version"]


def shown(cluster: AppCluster, kind: str = "UpToDate") -> tuple[str, str]:
    """Return status and reason of a condition."""
    condition = cluster.conditions[kind]
    return condition["status"], condition["reason"]


def said(cluster: AppCluster, kind: str = "UpToDate") -> str:
    """Return the words of a condition."""
    message: str = cluster.conditions[kind]["message"]
    return message
