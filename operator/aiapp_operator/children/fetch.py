"""The container `fetch`, which brings the model into the pod, and the volumes that it alone sees."""

import json
from datetime import timedelta
from typing import Final, NamedTuple

from aiapp_models import contract
from aiapp_operator.api.model_source import ModelSource
from aiapp_operator.children.containers import MODEL_VOLUME, TMP_MOUNT, Cargo, container_security, model_env, named
from aiapp_operator.children.quantity import canonical
from aiapp_operator.settings import Settings
from aiapp_operator.state import Identity, Manifest

COMMAND: Final = ("python", "-m", "aiapp_serving.fetch")
REQUESTS: Final = {"cpu": "100m", "memory": "128Mi"}
"""They never add to the app's: of the two containers the larger request counts."""
LIMITS: Final = {"memory": "512Mi"}
"""Fetch streams; it never holds a file in memory."""
DISK_SLACK: Final = 64 * 1024 * 1024
"""Beside the model's bytes: what is written next to them, and what files lose to the blocks of a disk."""
TOKEN_SECONDS: Final = 3600
"""How long a token is good for; the kubelet renews it before."""
READABLE_BY_GROUP: Final = 0o440
START_ALLOWANCE: Final = timedelta(minutes=10)
"""For a store that answers slowly, throttles or is away for a moment."""
SLOWEST: Final = 10 * 1024 * 1024
"""Bytes a second of the slowest network and disk that a model is expected to come through."""
UNKNOWN_SIZE_ALLOWANCE: Final = timedelta(hours=1)
"""Nobody but the pod can look into a volume, so how large its model is comes out only there."""


class Access(NamedTuple):
    """One thing that fetch needs to read a source: its variables, and what is mounted where."""

    env: dict[str, str]
    volume: Manifest
    mount_path: str


def fetch_container(source: ModelSource, cargo: Cargo, settings: Settings) -> Manifest:
    """Return the init container that puts the model into the volume, and alone sees what opens the store."""
    accesses = _accesses(source, cargo, settings)
    env = {contract.ENV_MODEL_SOURCE: _where(source), **model_env(cargo)}
    for access in accesses:
        env |= access.env
    networks = {
        contract.ENV_LISTED_ENDPOINTS: settings.listed_endpoints,
        contract.ENV_CLUSTER_NETWORKS: settings.cluster_networks,
    }
    env |= {name: value for name, value in networks.items() if value}
    mounts: list[Manifest] = [TMP_MOUNT, {"name": MODEL_VOLUME, "mountPath": contract.MODEL_VOLUME_DIR}]
    mounts += [{"name": access.volume["name"], "mountPath": access.mount_path, "readOnly": True} for access in accesses]
    return {
        "name": contract.FETCH_CONTAINER,
        "image": settings.fetch_image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(COMMAND),
        "env": named(env),
        "resources": {"requests": REQUESTS | _disk(cargo), "limits": LIMITS},
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
    }


def fetch_allowance(size_bytes: int) -> timedelta:
    """Return how long a model of this size may take to arrive; 0: nobody knows its size."""
    if not size_bytes:
        return UNKNOWN_SIZE_ALLOWANCE
    return START_ALLOWANCE + timedelta(seconds=-(-size_bytes // SLOWEST))


def fetch_volumes(source: ModelSource, cargo: Cargo, settings: Settings) -> list[Manifest]:
    """Return the volumes that fetch reads from, which the app never mounts."""
    return [access.volume for access in _accesses(source, cargo, settings)]


def _where(source: ModelSource) -> str:
    stores = {"azure_blob", "s3", "persistent_volume_claim"}
    where = source.model_dump(mode="json", by_alias=True, exclude_defaults=True, include=stores)
    return json.dumps(where, sort_keys=True, separators=(",", ":"))


def _accesses(source: ModelSource, cargo: Cargo, settings: Settings) -> list[Access]:
    accesses = []
    if source.credentials and source.credentials.secret_ref:
        accesses.append(_secret(source.credentials.secret_ref.name))
    if cargo.model and cargo.model.identity:
        accesses.append(_identity(cargo.model.identity, settings))
    if source.persistent_volume_claim:
        accesses.append(_claim(source.persistent_volume_claim.claim_name))
    if settings.trust_config_map:
        accesses.append(_trust(settings.trust_config_map))
    return accesses


def _secret(name: str) -> Access:
    secret = {"secretName": name, "defaultMode": READABLE_BY_GROUP}
    return Access(
        env={contract.ENV_CREDENTIALS_DIR: contract.CREDENTIALS_DIR},
        volume={"name": "credentials", "secret": secret},
        mount_path=contract.CREDENTIALS_DIR,
    )


def _identity(identity: Identity, settings: Settings) -> Access:
    """Return what an identity needs; the token is for Microsoft Entra alone, the API server takes no such token."""
    token = {
        "audience": contract.IDENTITY_AUDIENCE,
        "expirationSeconds": TOKEN_SECONDS,
        "path": contract.IDENTITY_TOKEN,
    }
    projected = {"sources": [{"serviceAccountToken": token}], "defaultMode": READABLE_BY_GROUP}
    return Access(
        env={
            contract.ENV_AZURE_CLIENT_ID: identity.client_id,
            contract.ENV_AZURE_TENANT_ID: identity.tenant_id,
            contract.ENV_AZURE_AUTHORITY: settings.azure_authority,
            contract.ENV_IDENTITY_TOKEN_FILE: f"{contract.IDENTITY_DIR}/{contract.IDENTITY_TOKEN}",
        },
        volume={"name": "identity", "projected": projected},
        mount_path=contract.IDENTITY_DIR,
    )


def _claim(name: str) -> Access:
    # Read-only as a volume and not only as a mount: the kubelet then leaves the owner of its files alone.
    claim = {"claimName": name, "readOnly": True}
    return Access(env={}, volume={"name": "claim", "persistentVolumeClaim": claim}, mount_path=contract.CLAIM_DIR)


def _trust(config_map: str) -> Access:
    items = [{"key": contract.TRUST_KEY, "path": contract.TRUST_KEY}]
    return Access(
        env={contract.ENV_TRUST_BUNDLE: contract.TRUST_BUNDLE},
        volume={"name": "trust", "configMap": {"name": config_map, "items": items}},
        mount_path=contract.TRUST_DIR,
    )


def _disk(cargo: Cargo) -> dict[str, str]:
    """Return the room that the model needs on its node's disk, so that the scheduler finds a node that has it.

    There is no limit beside it: a pod above one is evicted, while fetch writes no byte that its manifest does not name.
    """
    if cargo.model is None or not cargo.model.size_bytes:
        return {}
    mebibytes = -(-(cargo.model.size_bytes + DISK_SLACK) // 1024**2)
    return {"ephemeral-storage": canonical(f"{mebibytes}Mi")}
