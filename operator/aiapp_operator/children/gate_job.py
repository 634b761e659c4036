"""The gate's Job: the release's own pod, tried without any traffic.

Its pod is the one that the Deployment would run, changed where a trial needs it: the app becomes a sidecar that ends
with the gate, and no label makes it a pod that serves.
"""

import hashlib
import json
from copy import deepcopy
from datetime import timedelta
from typing import Any, Final

from aiapp_models import contract
from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.gate import GateCase, GateSpec
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.containers import MODEL_VOLUME, container_security, named
from aiapp_operator.children.fetch import fetch_allowance
from aiapp_operator.children.metadata import child_metadata, labels
from aiapp_operator.release.ledger import Release
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest

COMMAND: Final = ("python", "-m", "aiapp_serving.gate")
RESOURCES: Final = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
"""It sends requests and compares answers: the app gets what the node has."""
LONGEST_NAME: Final = 63
"""Characters of a Job's name, which is also a label of its pods; revisions and tries are counted on for years."""
GRACE_SECONDS: Final = 10
PULL_ALLOWANCE: Final = timedelta(minutes=10)
"""For the images of the app and of the gate, which a node may have to pull first."""
SLACK: Final = timedelta(minutes=1)
"""So that the gate, whose time is counted from its own start, ends before its pod is ended."""
CASES_VOLUME: Final = "gate-cases"
BODY_VOLUME: Final = "gate-body"
SECRET_VARIABLE: Final = "AIAPP_GATE_SECRET"  # noqa: S105 - a variable's name
ONLY_WHERE_IT_SERVES: Final = ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle")
"""Probes would restart or hide what the gate is there to see; nobody has to be sent elsewhere before the app ends."""


def gate_job_name(app: str, number: int, attempt: int) -> str:
    """Return the name of one try of a gate: the same whoever asks, so that it is made once."""
    end = f"-gate-{number}-{attempt}"
    if len(app) + len(end) > LONGEST_NAME:
        digest = hashlib.sha256(app.encode()).hexdigest()[:8]
        app = f"{app[: LONGEST_NAME - len(end) - len(digest) - 1]}-{digest}"
    return app + end


def gate_job(app: AIApp, release: Release, against: Release | None, settings: Settings) -> Manifest:
    """Return the Job that tries `release`; its attempt is that of the release's notes.

    against: the release that serves, for comparison; None: nothing serves.
    """
    name = gate_job_name(app.metadata.name, release.number, release.notes.attempts)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(app, name, _named_after(release)),
        "spec": {
            "completions": 1,
            "parallelism": 1,
            # A release that failed its gate once has failed; a pod that was evicted says nothing about it.
            "backoffLimit": 0,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "podReplacementPolicy": "Failed",
            "template": _pod_template(app, release, against, settings),
        },
    }


def _named_after(release: Release) -> dict[str, str]:
    return {contract.ANNOTATION_REVISION: str(release.number), contract.ANNOTATION_RELEASE: release.name}


def time_limit(app: AIApp, release: Release) -> timedelta:
    """Return how long a gate's pod may live once a node has it: the node's kubelet ends it, operator or not."""
    model = release.inputs.model
    fetch = fetch_allowance(model.size_bytes) if model else timedelta()
    return fetch + PULL_ALLOWANCE + parse_duration(app.spec.release.gate.timeout) + SLACK


def _pod_template(app: AIApp, release: Release, against: Release | None, settings: Settings) -> Manifest:
    gate = app.spec.release.gate
    template = deepcopy(release.template)
    spec, annotations = template["spec"], template["metadata"].get("annotations", {})
    serving = next(each for each in spec["containers"] if each["name"] == contract.APP_CONTAINER)
    # Spreading counts the pods that serve, and this is none of them.
    spec.pop("topologySpreadConstraints", None)
    if gate.cases:
        annotations = annotations | {contract.ANNOTATION_GATE_CASES: _cases(gate.cases)}
    return {
        "metadata": {"labels": _labels(app, release), "annotations": annotations},
        "spec": spec
        | {
            "initContainers": [*spec.get("initContainers", ()), _sidecar(serving)],
            "containers": [_gate_container(app, release, against, settings, serving)],
            "volumes": [*spec["volumes"], *(volume for volume, _ in _files(gate))],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "activeDeadlineSeconds": int(time_limit(app, release).total_seconds()),
        },
    }


def _labels(app: AIApp, release: Release) -> dict[str, str]:
    number = {contract.LABEL_REVISION: str(release.number)}
    return labels(app.metadata.name) | {contract.LABEL_ROLE: contract.ROLE_GATE} | number


def _sidecar(serving: Manifest) -> Manifest:
    """Return the app's container as one that starts before the gate and ends after it."""
    kept = {field: value for field, value in serving.items() if field not in ONLY_WHERE_IT_SERVES}
    return kept | {"restartPolicy": "Always", "env": [*kept["env"], *named({contract.ENV_PHASE: contract.PHASE_GATE})]}


def _gate_container(
    app: AIApp, release: Release, against: Release | None, settings: Settings, serving: Manifest
) -> Manifest:
    mounts: list[Manifest] = [
        {"name": volume["name"], "mountPath": path, "readOnly": True} for volume, path in _files(app.spec.release.gate)
    ]
    mounts += [mount for mount in serving["volumeMounts"] if mount["name"] == MODEL_VOLUME]
    container: Manifest = {
        "name": contract.GATE_CONTAINER,
        "image": settings.fetch_image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(COMMAND),
        "args": _arguments(app, release, against, serving),
        "resources": RESOURCES,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
    }
    optional = {"env": _secrets(serving), "volumeMounts": mounts}
    return container | {field: value for field, value in optional.items() if value}


def _arguments(app: AIApp, release: Release, against: Release | None, serving: Manifest) -> list[str]:
    gate, model, port = app.spec.release.gate, release.inputs.model, serving["ports"][0]["containerPort"]
    # What the stored template says counts: the spec may say something else by now.
    ready_path = serving["readinessProbe"]["httpGet"]["path"]
    arguments = ["--name", str(release), "--url", f"http://127.0.0.1:{port}"]
    arguments += ["--ready-path", ready_path, "--timeout", gate.timeout]
    if gate.cases:
        arguments += ["--cases", contract.GATE_CASES]
    arguments += ["--expect-image", release.inputs.image.digest]
    if model:
        # Of a volume's model only the folder itself tells the digest.
        arguments += ["--model-folder", contract.MODEL_DIR, "--expect-model", f"{model.version}@{model.digest}"]
    if against:
        arguments += ["--compare-with", f"http://{app.metadata.name}.{app.metadata.namespace}"]
    if gate.comparison:
        arguments += ["--max-label-flips", gate.comparison.max_label_flips]
    return [*arguments, "--report", contract.TERMINATION_LOG]


def _secrets(serving: Manifest) -> list[Manifest]:
    """Return what the gate must never repeat, under names that mean nothing to any program."""
    references = [variable.get("valueFrom", {}).get("secretKeyRef") for variable in serving["env"]]
    secrets = {f"{SECRET_VARIABLE}_{place}": reference for place, reference in enumerate(filter(None, references))}
    if not secrets:
        return []
    variables: list[Manifest] = [
        {"name": name, "valueFrom": {"secretKeyRef": {**reference, "optional": True}}}
        for name, reference in secrets.items()
    ]
    return [*named({contract.ENV_GATE_MASKED: ",".join(secrets)}), *variables]


def _cases(cases: tuple[GateCase, ...]) -> str:
    rendered = [case.model_dump(mode="json", by_alias=True, exclude_defaults=True) for case in cases]
    return json.dumps(rendered, separators=(",", ":"), ensure_ascii=False)


def _files(gate: GateSpec) -> list[tuple[Manifest, str]]:
    """Return the volumes with the golden cases of the spec, and where the gate sees them."""
    if not gate.cases:
        return []
    field = {"fieldPath": f"metadata.annotations['{contract.ANNOTATION_GATE_CASES}']"}
    item: dict[str, Any] = {"path": contract.GATE_CASES.removeprefix(f"{contract.GATE_DIR}/"), "fieldRef": field}
    files: list[tuple[Manifest, str]] = [
        ({"name": CASES_VOLUME, "downwardAPI": {"items": [item]}}, contract.GATE_DIR),
    ]
    for place, case in enumerate(gate.cases):
        if case.request.body_from:
            key = case.request.body_from.config_map_key_ref
            # A ConfigMap that is not there yet must not keep the pod from starting: the gate names it.
            items = [{"key": key.key, "path": contract.GATE_BODY}]
            volume = {
                "name": f"{BODY_VOLUME}-{place}",
                "configMap": {"name": key.name, "items": items, "optional": True},
            }
            files.append((volume, f"{contract.GATE_BODIES_DIR}/{place}"))
    return files
