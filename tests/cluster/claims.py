"""PURE: a PersistentVolumeClaim over a folder of the node, for tests of what mounts one."""

from typing import Any


def of_folder(namespace: str, name: str, folder: str) -> list[dict[str, Any]]:
    """Return the volume and the claim that is bound to it; nothing in the cluster provisions any."""
    volume, modes = f"{namespace}-{name}", ["ReadOnlyMany", "ReadWriteOnce"]
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": modes,
                "storageClassName": "",
                "hostPath": {"path": folder},
                "claimRef": {"namespace": namespace, "name": name},
                "persistentVolumeReclaimPolicy": "Retain",
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "accessModes": modes,
                "storageClassName": "",
                "volumeName": volume,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
    ]
