"""Whether a live object is already what is desired. Pure.

Desired manifests hold only what the operator owns; a live one holds defaults and what others added too.
"""

import hashlib
import json
from typing import Any, Final

from aiapp_models.contract import ANNOTATION_HASH
from aiapp_operator.state import Manifest

# What the API server merges lists by; other lists are replaced whole.
LIST_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
PORT_KEYS: Final = ("containerPort", "port")
# Maps that the API server replaces whole: a foreign key in a selector is drift, one among labels is not.
ATOMIC_MAPS: Final = frozenset({"selector", "matchLabels", "labelSelector", "nodeSelector"})


def applied_hash(desired: Manifest) -> str:
    """Return what tells one desired manifest from another: 16 hex digits of its SHA-256."""
    return hashlib.sha256(json.dumps(desired, sort_keys=True).encode()).hexdigest()[:16]


def with_hash(desired: Manifest) -> Manifest:
    """Return the manifest with its hash as an annotation."""
    metadata = desired["metadata"]
    annotations = {**metadata.get("annotations", {}), ANNOTATION_HASH: applied_hash(desired)}
    return {**desired, "metadata": {**metadata, "annotations": annotations}}


def stands(desired: Manifest, live: Manifest) -> bool:
    """Tell whether applying `desired`, made by `with_hash`, would change nothing."""
    return _within(desired, live, "")


def _within(desired: Any, live: Any, field: str) -> bool:
    if isinstance(desired, dict):
        return isinstance(live, dict) and _map_within(desired, live, field)
    if isinstance(desired, list):
        return isinstance(live, list) and _list_within(desired, live, field)
    return bool(desired == live) and isinstance(desired, bool) == isinstance(live, bool)


def _map_within(desired: dict[str, Any], live: dict[str, Any], field: str) -> bool:
    if field in ATOMIC_MAPS and desired.keys() != live.keys():
        return False
    return all(name in live and _within(value, live[name], name) for name, value in desired.items())


def _list_within(desired: list[Any], live: list[Any], field: str) -> bool:
    keys = LIST_KEYS.get(field) or (PORT_KEYS if field == "ports" else ())
    if not keys:
        return len(desired) == len(live) and all(_within(a, b, field) for a, b in zip(desired, live, strict=True))
    by_key = {_identity(item, keys): item for item in live}
    return all(_within(item, by_key.get(_identity(item, keys)), "") for item in desired)


def _identity(item: Manifest, keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)
