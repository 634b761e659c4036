"""The pod template of a release, rendered once and stored with it."""

from typing import Final

from aiapp_models import contract
from aiapp_operator.api.serving import Toleration
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.containers import MODEL_VOLUME, TMP_VOLUME, Cargo, app_container
from aiapp_operator.children.fetch import fetch_container, fetch_volumes
from aiapp_operator.children.metadata import labels, selector
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest

TOPOLOGY_NODE: Final = "kubernetes.io/hostname"
TOPOLOGY_ZONE: Final = "topology.kubernetes.io/zone"
USER: Final = 65532
"""The user of distroless images; any other would do, except 0."""
GRACE_SECONDS: Final = 60
"""From the end of a pod's life being asked for to SIGKILL: the preStop sleep, then the longest request."""


def pod_template(app: AIApp, cargo: Cargo, settings: Settings) -> Manifest:
    """Return the template of the pods that serve `cargo` as `app` asks for."""
    source = app.spec.model_source if cargo.model else None
    spec: Manifest = {
        "containers": [app_container(app.spec.serving, cargo, settings)],
        "volumes": _volumes(app, cargo, settings),
        "serviceAccountName": app.spec.service_account_name or app.metadata.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _pod_security(),
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "topologySpreadConstraints": [_spread(app, key) for key in (TOPOLOGY_NODE, TOPOLOGY_ZONE)],
    }
    if source:
        spec["initContainers"] = [fetch_container(source, cargo, settings)]
    if app.spec.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": secret.name} for secret in app.spec.image_pull_secrets]
    return {"metadata": _metadata(app, cargo), "spec": spec | _placement(app)}


def _metadata(app: AIApp, cargo: Cargo) -> Manifest:
    name = app.metadata.name
    annotations = {contract.ANNOTATION_IMAGE: cargo.image_ref}
    if cargo.model:
        annotations[contract.ANNOTATION_MODEL_VERSION] = cargo.model.version
    if cargo.model and cargo.model.digest:
        annotations[contract.ANNOTATION_MODEL_DIGEST] = cargo.model.digest
    return {
        "labels": labels(name) | selector(name) | {contract.LABEL_REVISION: str(cargo.revision)},
        "annotations": annotations,
    }


def _volumes(app: AIApp, cargo: Cargo, settings: Settings) -> list[Manifest]:
    volumes: list[Manifest] = [{"name": TMP_VOLUME, "emptyDir": {}}]
    source = app.spec.model_source if cargo.model else None
    if source is None:
        return volumes
    return [*volumes, {"name": MODEL_VOLUME, "emptyDir": {}}, *fetch_volumes(source, cargo, settings)]


def _pod_security() -> Manifest:
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _spread(app: AIApp, topology_key: str) -> Manifest:
    return {
        "topologyKey": topology_key,
        "maxSkew": 1,
        # Spreading is a wish: a cluster with one node or one zone serves as well.
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(app.metadata.name)},
        "matchLabelKeys": ["pod-template-hash"],
    }


def _placement(app: AIApp) -> Manifest:
    placement: Manifest = {}
    serving = app.spec.serving
    if serving.node_selector:
        placement["nodeSelector"] = dict(serving.node_selector)
    if serving.tolerations:
        placement["tolerations"] = [toleration(each) for each in serving.tolerations]
    return placement


def toleration(wanted: Toleration) -> Manifest:
    """Return one toleration as a pod has it."""
    rendered = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in rendered.items() if value != ""}
