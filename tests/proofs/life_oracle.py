"""What should serve at a quiet point, computed from the truth and the sources' listings, and by no operator code.

What the operator says is believed in one direction only: a hold or a condition may explain why something newer does not
serve, and then the truth must bear it out.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from proofs.release_rules import in_window
from proofs.release_truth import Fate, contents_of
from proofs.release_world import World


class Verdict(NamedTuple):
    """found: what serves, and why; wrong: what does not add up, empty: all does."""

    found: str = ""
    wrong: str = ""


class Newest(NamedTuple):
    """An image and a model, by their digests."""

    image: str
    model: str


def judge(world: World) -> Verdict:
    """Return whether what serves at a quiet point is right."""
    pods = [pod for pod in world.all_of("Pod") if pod["metadata"]["labels"].get("aiapp.dev/role") == "serving"]
    served = {contents_of(pod) for pod in pods if _is_ready(pod)}
    if len(served) != 1 or len(pods) != world.spec["serving"]["replicas"]:
        return Verdict(wrong=f"{len(pods)} pods of {len(served)} kinds serve")
    serves = Newest(*served.pop()[:2])
    if world.truth.of_template(pods[0]) is not Fate.GOOD:
        return Verdict(wrong=f"{_names(world, serves)} serves although it is bad: {_up_to_date(world)}")
    if any(hold["stream"] == "All" for hold in _holds(world)):
        return Verdict("what somebody went back to")
    return _judged(world, serves, pods[0])


def unjustified(world: World) -> list[str]:
    """Return the holds of status that the truth does not bear out: all that is held once failed."""
    return [str(hold) for hold in _holds(world) if not _is_justified(world, hold)]


def _judged(world: World, serves: Newest, pod: Mapping[str, Any]) -> Verdict:
    if _up_to_date(world).get("reason") == "WaitingForWindow":
        closed = world.rules.nightly and not in_window(world.now)
        return Verdict("the last one, as the newest waits for its window", "" if closed else "its window is open")
    eligible, newest = _newest(world, _held_alone(world), serves), _newest(world, set(), serves)
    if serves == eligible:
        return _as_it_should_be(world, serves, newest, pod)
    if any(hold["stream"] == "Pair" and hold["digest"] == "+".join(eligible) for hold in _holds(world)):
        return Verdict("the last one, as the newest image and model failed together")
    words = f"{_names(world, serves)} serves, not {_names(world, eligible)}, and nothing says why: {_up_to_date(world)}"
    return Verdict(wrong=f"{words}; {_holds(world)}")


def _as_it_should_be(world: World, serves: Newest, newest: Newest, pod: Mapping[str, Any]) -> Verdict:
    condition, configured = _up_to_date(world), _flag(pod) == _flag_asked(world)
    if serves == newest and configured:
        wrong = "" if condition.get("status") == "True" else f"the newest serves, and UpToDate says {condition}"
        return Verdict("the newest of all", wrong)
    wrong = "" if condition.get("reason") == "Held" else f"{_names(world, newest)} is newer, and UpToDate: {condition}"
    return Verdict("the newest that is not held", wrong)


def _newest(world: World, held: set[str], serves: Newest) -> Newest:
    """Return the newest listed image and model that are not held; what serves where none of them is newer."""
    image = _best((world.tags[tag] for tag in sorted(world.tags, key=_semantic)), held, world.pushed, serves.image)
    by_time = sorted(world.versions, key=lambda name: world.versions[name][0])
    model = _best((world.versions[name][1] for name in by_time), held, world.uploaded, serves.model)
    return Newest(image, model)


def _best(listed: Iterable[str], held: set[str], ever: list[str], own: str) -> str:
    newest = [digest for digest in listed if digest not in held][-1:]
    return newest[0] if newest and ever.index(newest[0]) > ever.index(own) else own


def _held_alone(world: World) -> set[str]:
    return {str(hold["digest"]) for hold in _holds(world) if hold["stream"] in ("Image", "Model")}


def _is_justified(world: World, hold: Mapping[str, Any]) -> bool:
    stream, digest = hold["stream"], str(hold["digest"])
    if stream in ("Config", "All"):
        return stream == "All" or bool(world.truth.bad_flags)
    return any(digest in (each.image, each.model, f"{each.image}+{each.model}") for each in world.nodes.failed)


def _holds(world: World) -> list[Mapping[str, Any]]:
    """Return all holds; status has the newest alone, and only those on everything end by themselves."""
    notes = [record["metadata"]["annotations"] for record in world.all_of("ControllerRevision")]
    texts = [each[name] for each in notes for name in ("aiapp.dev/holds", "aiapp.dev/older-holds") if name in each]
    kept = [hold for text in texts for hold in json.loads(text) if hold["stream"] != "All"]
    return [*kept, *(hold for hold in world.status.get("holds", ()) if hold["stream"] == "All")]


def _up_to_date(world: World) -> Mapping[str, Any]:
    conditions = world.status.get("conditions", ())
    return next((each for each in conditions if each["type"] == "UpToDate"), {})


def _names(world: World, contents: Newest) -> str:
    tags = [tag for tag, digest in world.tags.items() if digest == contents.image]
    versions = [name for name, (_, digest) in world.versions.items() if digest == contents.model]
    return f"image {tags or contents.image} with model {versions or contents.model}"


def _flag(pod: Mapping[str, Any]) -> str:
    app = next(each for each in pod["spec"]["containers"] if each["name"] == "app")
    return next((str(each["value"]) for each in app.get("env", ()) if each["name"] == "FLAG"), "")


def _flag_asked(world: World) -> str:
    return next((str(each["value"]) for each in world.spec["serving"].get("env", ())), "")


def _semantic(tag: str) -> tuple[int, ...]:
    return tuple(int(part) for part in tag.split("."))


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
