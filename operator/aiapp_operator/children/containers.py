"""The container `app` of a serving pod, and what it has in common with `fetch`."""

from dataclasses import dataclass
from typing import Final

from aiapp_models import contract
from aiapp_operator.api.serving import EnvVar, Resources, Serving
from aiapp_operator.children.quantity import canonical
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest, ResolvedModel

MODEL_VOLUME: Final = "model"
TMP_VOLUME: Final = "tmp"
TMP_MOUNT: Final = {"name": TMP_VOLUME, "mountPath": "/tmp"}  # noqa: S108 - an emptyDir of the pod's own

DEFAULT_REQUESTS: Final = {"cpu": "100m", "memory": "128Mi"}
"""What the scheduler reserves where the spec does not say: enough for Flask with a small model. No limits."""

PRE_STOP_SECONDS: Final = 6
"""Time for load balancers and kube-proxies to forget a pod before it stops accepting connections."""
START_SECONDS: Final = 24 * 60 * 60
"""The largest release.progressDeadline: a slow start is judged by that field, which applies at once, and never by
the kubelet, whose probe could only change with a release."""


@dataclass(frozen=True, slots=True)
class Cargo:
    """What a pod carries besides the spec: digests of one release and its number.

    image: `registry/path@sha256:...`.
    """

    revision: int
    image: str
    image_ref: str
    image_digest: str
    model: ResolvedModel | None


def app_container(serving: Serving, cargo: Cargo, settings: Settings) -> Manifest:
    """Return the container that serves, from the user's image."""
    mounts: list[Manifest] = [TMP_MOUNT]
    if cargo.model:
        mounts.append({"name": MODEL_VOLUME, "mountPath": contract.MODEL_VOLUME_DIR, "readOnly": True})
    return {
        "name": contract.APP_CONTAINER,
        "image": cargo.image,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            *named(_release_env(serving, cargo) | admin_env(settings)),
            *(env_var(variable) for variable in serving.env),
        ],
        "ports": [{"name": "http", "containerPort": serving.port, "protocol": "TCP"}],
        "resources": resources(serving.resources),
        "volumeMounts": mounts,
        **_probes(serving),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
    }


def model_env(cargo: Cargo) -> dict[str, str]:
    """Return what both containers are told of the model.

    Its digest is not known before the pod reads it where the source is a claim; the variable is left out then.
    """
    if cargo.model is None:
        return {}
    told = {
        contract.ENV_MODEL_DIR: contract.MODEL_DIR,
        contract.ENV_MODEL_VERSION: cargo.model.version,
        contract.ENV_MODEL_DIGEST: cargo.model.digest,
    }
    return {name: value for name, value in told.items() if value}


def admin_env(settings: Settings) -> dict[str, str]:
    """Return what the app is told of the administrator's choices: nothing, unless one differs from the default."""
    told = {
        contract.ENV_ALLOW_PICKLE: "true" if settings.allow_pickle else "",
        contract.ENV_TRUSTED_TYPES: settings.trusted_types,
    }
    return {name: value for name, value in told.items() if value}


def named(values: dict[str, str]) -> list[Manifest]:
    """Return variables as a container has them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def container_security() -> Manifest:
    """Return what the Pod Security Standard `restricted` asks of a container, and a root that cannot be written."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def resources(wanted: Resources | None) -> Manifest:
    """Return requests and limits in the API server's form; a request that is not named is the limit or our default."""
    limits = {name: canonical(amount) for name, amount in ((wanted and wanted.limits) or {}).items()}
    requests = {name: amount for name, amount in DEFAULT_REQUESTS.items() if name not in limits}
    requests |= {name: canonical(amount) for name, amount in ((wanted and wanted.requests) or {}).items()}
    return {kind: amounts for kind, amounts in (("requests", requests), ("limits", limits)) if amounts}


def env_var(variable: EnvVar) -> Manifest:
    """Return one variable as a container has it; an empty value is left out, as the API server does."""
    rendered: Manifest = {"name": variable.name}
    if variable.value:
        rendered["value"] = variable.value
    if variable.value_from:
        rendered["valueFrom"] = variable.value_from.model_dump(mode="json", by_alias=True, exclude_none=True)
    return rendered


def _release_env(serving: Serving, cargo: Cargo) -> dict[str, str]:
    return {
        contract.ENV_REVISION: str(cargo.revision),
        contract.ENV_IMAGE_DIGEST: cargo.image_digest,
        contract.ENV_PORT: str(serving.port),
        **model_env(cargo),
    }


def _probes(serving: Serving) -> Manifest:
    ready = {"httpGet": {"path": serving.readiness_path, "port": "http", "scheme": "HTTP"}}
    return {
        # Every second of its period is a second in which a started pod waits for traffic.
        "startupProbe": {**ready, "periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": START_SECONDS},
        "readinessProbe": {**ready, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3},
        # TCP only: an app that is busy scoring must not be killed for a slow answer.
        "livenessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 10, "failureThreshold": 6},
    }
