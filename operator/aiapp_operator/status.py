"""The status of an AIApp: a projection of what the cluster holds, computed again in every run. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from aiapp_operator import actions, up_to_date
from aiapp_operator.api.v1alpha1 import AIApp, ServiceType
from aiapp_operator.children.metadata import selector
from aiapp_operator.conditions import judge
from aiapp_operator.container_states import excerpt
from aiapp_operator.release import history, transcript
from aiapp_operator.release.decision import Decision
from aiapp_operator.release.ledger import Release, short_image
from aiapp_operator.release.notes import format_time
from aiapp_operator.situation import Situation
from aiapp_operator.state import GateResult, Manifest, ResolvedModel, Stream

RECORDED: Final = ("active", "candidate", "image", "nextRelease", "holds", "held", "history")
"""Fields that say what ControllerRevisions say."""
MOST_HOLDS: Final = 32
MOST_NAMED: Final = 3
NAME_LENGTH: Final = 150
WORDS_LENGTH: Final = 1024
RUNNING: Final = "Running"
WAITING: Final = "Waiting"
INCONCLUSIVE: Final = "Inconclusive"


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
        "candidate": candidate_status(situation),
        "nextRelease": next_release(situation.decision),
        "holds": holds_status(situation.decision),
        "held": held(situation.decision),
        "history": _history(situation),
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
    times = {"releasedTime": release.released, "bakedTime": release.notes.baked}
    shown |= {field: format_time(time) for field, time in times.items() if time}
    comparison = transcript.comparison(release.notes.report)
    return shown | ({"comparison": comparison} if comparison else {})


def candidate_status(situation: Situation) -> Manifest:
    """Return the release on its way to serve, with how its gate stands."""
    release = situation.candidate
    if release is None:
        return {}
    notes = release.notes
    times = {"startedTime": notes.started, "releaseNowTime": notes.waived}
    shown = {field: format_time(time) for field, time in times.items() if time}
    gate = gate_state(situation.decision, release)
    words = {"gate": gate, "gateMessage": _gate_words(situation, release)[:WORDS_LENGTH] if gate else ""}
    return release_status(release) | shown | {field: text for field, text in words.items() if text}


def gate_state(decision: Decision | None, release: Release) -> str:
    """Return Passed, Failed, Running, Waiting or Inconclusive; empty for one that was released before gates were."""
    if release.notes.gate:
        return release.notes.gate.value
    if decision is None or decision.candidate is None or decision.candidate.number != release.number:
        return ""
    gate = decision.gate
    if gate is None:
        return INCONCLUSIVE if release.notes.gate_problem and not decision.create else WAITING
    if gate.result:
        return gate.result.value
    return RUNNING if gate.started else WAITING


def _gate_words(situation: Situation, release: Release) -> str:
    if release.notes.gate is GateResult.PASSED:
        return transcript.summary(release.notes.report)
    if release.notes.gate is GateResult.FAILED:
        return history.failure(release.notes)
    return excerpt(situation.gate_problem.message) if situation.gate_problem else ""


def next_release(decision: Decision | None) -> Manifest:
    """Return the release that waits, for what, and until when as far as that is known."""
    if decision is None or decision.candidate is None or not decision.waits_for:
        return {}
    shown = {
        "time": format_time(decision.next_release) if decision.next_release else "",
        "reason": decision.waits_for,
        "gate": gate_state(decision, decision.candidate),
    }
    return {"revision": decision.candidate.number} | {field: text for field, text in shown.items() if text}


def holds_status(decision: Decision | None) -> list[Manifest]:
    """Return what is held, newest first; one thing that is held with several configs is named once."""
    shown: dict[tuple[str, str], Manifest] = {}
    for hold in decision.holds if decision else ():
        kept = {field: str(text) for field, text in hold.to_json().items() if field != "config"}
        words = {"message": excerpt(hold.message)} if hold.message else {}
        shown.setdefault((hold.part, hold.digest), kept | words)
    return list(shown.values())[:MOST_HOLDS]


def held(decision: Decision | None) -> str:
    """Return `model 41, image 1.4.2`: the newest holds in one line."""
    names = list(dict.fromkeys(up_to_date.named(hold) for hold in (decision.holds if decision else ())))
    more = f", and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(name[:NAME_LENGTH] for name in names[:MOST_NAMED]) + more


def _history(situation: Situation) -> list[Manifest]:
    decision, target = situation.decision, situation.target
    # While a culprit is looked for, the half that passed may still go out; so may what passed before a suspension.
    tried = (decision.candidate, *decision.used) if decision else ()
    waiting = situation.record.releases[-1:] if situation.suspended else ()
    under_way = frozenset(release.number for release in (target, *tried, *waiting) if release)
    stays = target.number if decision and decision.stays and target else 0
    return history.entries(situation.record, under_way, stays)


def url(app: AIApp, service: Manifest, cluster_domain: str) -> str:
    """Return the address that the app's users have; empty while a load balancer has none yet."""
    if app.spec.expose.service.type is ServiceType.CLUSTER_IP:
        return f"http://{app.metadata.name}.{app.metadata.namespace}.svc.{cluster_domain}"
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    address = ingress[0].get("ip") or ingress[0].get("hostname") or ""
    return f"http://[{address}]" if ":" in address else address and f"http://{address}"
