"""The status of an AIApp: a projection of what the cluster holds, computed again in every run. Pure."""

from datetime import datetime
from typing import Final

from aiapp_operator.api.v1alpha1 import AIApp, ServiceType
from aiapp_operator.children.metadata import selector
from aiapp_operator.conditions import Situation, judge
from aiapp_operator.ledger import Release, format_time
from aiapp_operator.releases import Decision
from aiapp_operator.state import Manifest

RECORDED: Final = ("active", "candidate", "image")
"""Fields that say what ControllerRevisions say."""


def project(situation: Situation, url: str, now: datetime) -> Manifest:
    """Return the whole new status; it equals the old one when there is nothing new to say."""
    old: Manifest = situation.app.get("status") or {}
    active = situation.record.active
    labels = selector(situation.app["metadata"]["name"])
    status: Manifest = {
        "observedGeneration": situation.app["metadata"]["generation"],
        "conditions": judge(situation, now),
        "latest": latest(situation.decision, old.get("latest") or {}, now),
        "active": release_status(active),
        "candidate": release_status(situation.candidate),
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
        known["model"] = {
            "version": decision.model.version,
            "digest": decision.model.digest,
            "sizeBytes": decision.model.size_bytes,
            "publishedTime": format_time(decision.model.published),
        }
    elif decision.resolved:
        known.pop("model", None)
    return known


def release_status(release: Release | None) -> Manifest:
    """Return a release as status shows it."""
    if release is None:
        return {}
    shown: Manifest = {
        "revision": release.number,
        "image": release.ref,
        "imageDigest": release.inputs.image.digest,
    }
    if release.inputs.model:
        shown |= {"modelVersion": release.inputs.model.version, "modelDigest": release.inputs.model.digest}
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
