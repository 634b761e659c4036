"""A release in its gate: the AIApp, the release, its Job, the pods of that Job, and what comes of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.containers import Cargo
from aiapp_operator.children.gate_job import gate_job
from aiapp_operator.children.pod import pod_template
from aiapp_operator.release.gating import Gate, judge
from aiapp_operator.release.ledger import Inputs, Release
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest, ResolvedImage, ResolvedModel
from stand_ins.pod_status import end_of, up

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOON = NOON + timedelta(seconds=30)
DURING = "2026-11-23T12:00:10Z"
"""While the gate runs."""
SETTINGS = Settings(fetch_image=f"contoso.azurecr.io/aiapp-serving@sha256:{'f' * 64}")
IMAGE = ResolvedImage("contoso.azurecr.io/digits:1.4.2", f"sha256:{'1' * 64}")
MODEL = ResolvedModel("42", f"sha256:{'2' * 64}", 18_764, NOON)
SOURCE: Manifest = {
    "azureBlob": {"account": "contosomodels", "container": "models", "path": "digits"},
    "credentials": {"secretRef": {"name": "contosomodels"}},
}


def an_app(*, with_model: bool = True, **spec: Any) -> AIApp:
    """Return an AIApp with these fields of its spec set."""
    model = {"modelVersion": "42", "modelSource": SOURCE} if with_model else {}
    return AIApp.parse(
        {
            "apiVersion": "aiapp.dev/v1alpha1",
            "kind": "AIApp",
            "metadata": {"name": "digits", "namespace": "vision", "uid": "0b5d0a5e"},
            "spec": {"image": IMAGE.ref, **model, **spec},
        }
    )


def a_release(app: AIApp, number: int = 7, model: ResolvedModel | None = MODEL) -> Release:
    """Return the release that `app` asks for, rendered as it would be."""
    loaded = model if app.spec.model_source else None
    cargo = Cargo(number, f"contoso.azurecr.io/digits@{IMAGE.digest}", IMAGE.ref, IMAGE.digest, loaded)
    template = pod_template(app, cargo, SETTINGS)
    return Release(number, f"digits-{number}", Inputs(IMAGE, loaded, {}), IMAGE.ref, {"template": template})


def a_job(app: AIApp, release: Release, **status: Any) -> Manifest:
    """Return the gate's Job as the API server has it, made at noon."""
    job = gate_job(app, release, None, SETTINGS)
    job["metadata"] |= {"uid": "5f0a", "creationTimestamp": "2026-11-23T12:00:00Z"}
    return {**job, "status": status}


def a_gate_pod(job: Manifest, status: Manifest, name: str = "x7k2p", **metadata: Any) -> Manifest:
    """Return a pod of the Job, with what its kubelet says."""
    template = job["spec"]["template"]
    owner = {"kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"], "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{job['metadata']['name']}-{name}",
            "namespace": "vision",
            "labels": template["metadata"]["labels"],
            "creationTimestamp": "2026-11-23T12:00:00Z",
            "ownerReferences": [owner],
            **metadata,
        },
        "status": status,
    }


def judged(status: Manifest, now: datetime = SOON, **job_status: Any) -> Gate:
    """Return how a gate stands whose Job has one pod."""
    app = an_app()
    release = a_release(app)
    job = a_job(app, release, **job_status)
    return judge(app, release, job, [a_gate_pod(job, status)], now)


def after(**time: float) -> datetime:
    """Return a time after the start of the gate."""
    return NOON + timedelta(**time)


def crashed(exit_code: int = 1, message: str = "", *, reason: str = "") -> Manifest:
    """Return an app that ended while the gate ran, and was started again."""
    end = end_of(exit_code, message, reason=reason, end=DURING)
    return up(DURING, restartCount=1, lastState={"terminated": end})
