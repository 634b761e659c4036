"""What a registry and a store answer in simulated time: as the operator's feeds do, past what is held."""

from collections.abc import Mapping
from datetime import datetime

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.following import Version, image_policy, model_policy, ranked
from aiapp_operator.state import Manifest, Problem, ResolvedImage, ResolvedModel, Severity, Stream


def image(app: Manifest, tags: Mapping[str, str], held: Mapping[Stream, frozenset[str]]) -> ResolvedImage | Problem:
    """Return the image that a spec stands for; tags: digests by tag."""
    policy, ref = image_policy(AIApp.parse(app)), app["spec"]["image"]
    if policy is None:
        named = tags.get(ref.rpartition(":")[2])
        return ResolvedImage(ref, named) if named else _missing(ref)
    newest = [each.name for each in ranked([Version(tag) for tag in tags], policy)]
    if not newest:
        return _missing("an image")
    place, passed = _passing_by([tags[tag] for tag in newest], held[Stream.IMAGE])
    return ResolvedImage(f"{ref}:{newest[place]}", tags[newest[place]], passed)


def model(
    app: Manifest, versions: Mapping[str, tuple[datetime, str]], held: Mapping[Stream, frozenset[str]]
) -> ResolvedModel | Problem:
    """Return the model that a spec stands for; versions: time and digest by name."""
    parsed = AIApp.parse(app)
    policy, name = model_policy(parsed), parsed.spec.model_version or ""
    passed: tuple[str, ...] = ()
    if policy and versions:
        newest = [each.name for each in ranked([Version(each, at) for each, (at, _) in versions.items()], policy)]
        place, passed = _passing_by([versions[each][1] for each in newest], held[Stream.MODEL])
        name = newest[place]
    if name not in versions:
        return _missing(f"model {name}")
    published, content = versions[name]
    return ResolvedModel(name, content, 18_764, published, passed_by=passed)


def _missing(what: str) -> Problem:
    return Problem(Severity.WAITING, "NotFound", f"{what} is not there")


def _passing_by(newest: list[str], held: frozenset[str]) -> tuple[int, tuple[str, ...]]:
    """Return the place of the newest digest that is not held, and those before it; all are held: the first."""
    free = next((place for place, each in enumerate(newest) if each not in held), None)
    return (0, ()) if free is None else (free, tuple(newest[:free]))
