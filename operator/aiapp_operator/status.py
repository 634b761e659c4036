"""The status of an AIApp: a projection of what the cluster holds, computed again in every run. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from aiapp_operator import actions
from aiapp_operator.api.v1alpha1 import AIApp, ServiceType
from aiapp_operator.children.metadata import selector
from aiapp_operator.conditions import judge
from aiapp_operator.ledger import Release, short_image
from aiapp_operator.notes import format_time
from aiapp_operator.releases import Decision
from aiapp_operator.situation import Situation
from aiapp_operator.state import Manifest, ResolvedModel, Stream

RECORDED: Final = ("active", "candidate", "image")
"""Fields that say what ControllerRevisions say."""


def project(situation: Situation, url: str, now: datetime) -> Manifest:
    """Return the whole new status; it equals the old one when there is nothing new to say."""
    old: Manifest = situation.app.get("status") or {}
    active = situation.record.active
    labels = selector(situation.app["metadata"]["name"])
    newest = {"latest": latest(situation.decision, old.get("latest") or {}, now), "active": release_status(active)}
    status: Manifest = {
        "observedGeneration": situation.app["metadata"]["generation"],
        "conditions": judge(situation, _waiting(newest) if active else "", now),
        **newest,
        "candidate": release_status(situation.candidate),
        "lastHandledActions": actions.handled(situation.app, now),
        "url": url,
        "image": active.image_name if active else "",
        "selector": ",".join(f"{name}={value}" for name, value in labels.items()),
    }
    replicas = situation.deployment.get("status", {}).get("replicas", 0)
    return {field: value for field, value in status.items() if value} | {"replicas": replicas}


def without_records(new: Manifest, old: Manifest) -> Manifest:
    """Return the new status with the old releases: what is not on record did not happen yet."""
    rest = {field: value for field, value in new.items() if field not in RECORDED}
    return rest | {field: old[field] for field in RECORDED if field in old}


def stale_since(status: Manifest) -> Mapping[Stream, datetime]:
    """Return, for each stream whose newest known artifact does not serve yet, when that was seen or published."""
    newest, active = status.get("latest") or {}, status.get("active") or {}
    image, model = newest.get("image") or {}, newest.get("model") or {}
    times = {}
    if image and image.get("digest") != active.get("imageDigest"):
        times[Stream.IMAGE] = image.get("seenTime")
    named = (model.get("version"), model.get("digest"))
    if model and named != (active.get("modelVersion"), active.get("modelDigest")):
        times[Stream.MODEL] = model.get("publishedTime")
    return {stream: datetime.fromisoformat(time) for stream, time in times.items() if time}


def _waiting(status: Manifest) -> str:
    """Return `image 1.4.2 (seen 2026-11-23T12:00:00Z)`: an absolute time, so that the words stay what they are."""
    since = stale_since(status)
    parts = []
    if Stream.IMAGE in since:
        image = status["latest"]["image"]
        parts.append(f"image {short_image(image['ref'])} (seen {image['seenTime']})")
    if Stream.MODEL in since:
        model = status["latest"]["model"]
        parts.append(f"model {model['version']} (published {model['publishedTime']})")
    return ", ".join(parts)


def latest(decision: Decision | None, old: Manifest, now: datetime) -> Manifest:
    """Return what the spec's sources stand for; what was known is kept while a source does not answer."""
    known = dict(old)
    if decision is None:
        return known
    if decision.image:
        image = {"ref": decision.image.ref, "digest": decision.image.digest}
        seen = old.get("image", {})
        same = {field: seen.get(field) for field in image} == image
        known["image"] = image | {"seenTime": seen["seenTime"] if same else format_time(now)}
    if decision.model:
        known["model"] = _latest_model(decision.model)
    elif decision.resolved:
        known.pop("model", None)
    return known


def _latest_model(model: ResolvedModel) -> Manifest:
    if not model.digest:
        return {"version": model.version}  # in a volume, where the operator cannot look
    return {
        "version": model.version,
        "digest": model.digest,
        "sizeBytes": model.size_bytes,
        "publishedTime": format_time(model.published),
    }


def release_status(release: Release | None) -> Manifest:
    """Return a release as status shows it."""
    if release is None:
        return {}
    shown: Manifest = {
        "revision": release.number,
        "image": release.ref,
        "imageDigest": release.inputs.image.digest,
    }
    model = release.inputs.model
    if model:
        shown |= {"modelVersion": model.version} | ({"modelDigest": model.digest} if model.digest else {})
    if release.released:
        shown["releasedTime"] = format_time(release.released)
    return shown


def url(app: AIApp, service: Manifest, cluster_domain: str) -> str:
    """Return the address that the app's users have; empty while a load balancer has none yet."""
    if app.spec.expose.service.type is ServiceType.CLUSTER_IP:
        return f"http://{app.metadata.name}.{app.metadata.namespace}.svc.{cluster_domain}"
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    address = ingress[0].get("ip") or ingress[0].get("hostname") or ""
    return f"http://[{address}]" if ":" in address else address and f"http://{address}"
