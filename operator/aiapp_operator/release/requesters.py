"""Which client asked for a release: who last wrote the fields that changed, as `metadata.managedFields` tells. Pure.

A field has a client's name there and no person's. A person is named only where the annotation REQUESTED_BY does, and
only if it was written together with the fields: one that an edit of last week left behind names the wrong person.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiapp_operator.release.notes import REQUESTED_BY
from aiapp_operator.state import Manifest, Part, Stream

REGISTRY: Final = "the registry"
STORE: Final = "the store"
LONGEST: Final = 128
"""Of a client's name, which Kubernetes bounds so too, and of a person's."""
TOGETHER: Final = timedelta(minutes=10)
"""How much older than the edit the annotation may be, where another client wrote it."""
NEVER: Final = datetime.fromtimestamp(0, UTC)
FIELDS: Final[Mapping[Part, tuple[str, ...]]] = {
    Part.IMAGE: ("image", "imagePolicy"),
    Part.MODEL: ("modelVersion", "modelPolicy"),
    Part.CONFIG: ("image", "imagePullSecrets", "modelFormat", "modelSource", "serviceAccountName", "serving"),
}
"""Fields of spec that make each part; the repository in `image` is of the config too."""
SCALING: Final = frozenset({"f:replicas", "f:autoscaling"})
"""Fields of spec.serving that make no release."""


def requested_by(app: Manifest, followed: Collection[Stream], changed: Collection[Part]) -> str:
    """Return who asked for what changed, such as `argocd-controller (jane@contoso.com), the store`; empty: unknown."""
    clients = _entries(app["metadata"])
    named: dict[str, None] = {}
    for part in sorted(changed, key=list(Part).index):
        if source := _source(part, followed):
            named[source] = None
        elif part in FIELDS and (entry := _writer(clients, FIELDS[part])):
            named[_with_person(entry, clients, app["metadata"])] = None
    return ", ".join(filter(None, named))


def condensed(entries: Any) -> list[Manifest]:
    """Return of managedFields what is read here: it is more bytes than all the rest of an object.

    An entry of a subresource is not kept: what writes the status, or scales, asks for no release.
    """
    kept = []
    for entry in map(_map, entries if isinstance(entries, list) else ()):
        fields = _map(entry.get("fieldsV1"))
        spec = _map(fields.get("f:spec"))
        annotations = _map(_map(fields.get("f:metadata")).get("f:annotations"))
        wanted: Manifest = {"f:spec": {name: {key: {} for key in _map(inner)} for name, inner in spec.items()}}
        if f"f:{REQUESTED_BY}" in annotations:
            wanted["f:metadata"] = {"f:annotations": {f"f:{REQUESTED_BY}": {}}}
        if not entry.get("subresource") and (spec or "f:metadata" in wanted):
            kept.append({"manager": entry.get("manager", ""), "time": entry.get("time", ""), "fieldsV1": wanted})
    return kept


def _source(part: Part, followed: Collection[Stream]) -> str:
    """Return what a followed stream's artifacts come from; empty: the part is named in the spec."""
    if part is Part.IMAGE and Stream.IMAGE in followed:
        return REGISTRY
    return STORE if part is Part.MODEL and Stream.MODEL in followed else ""


def _entries(metadata: Manifest) -> list[Manifest]:
    return sorted(condensed(metadata.get("managedFields")), key=_time)


def _writer(entries: list[Manifest], fields: Collection[str]) -> Manifest:
    """Return the last entry that has one of the fields, else the last of all: a field that was removed has no owner."""
    of_spec = [entry for entry in entries if entry["fieldsV1"]["f:spec"]]
    owners = [entry for entry in of_spec if any(_has(entry, field) for field in fields)]
    return (owners or of_spec or [{}])[-1]


def _has(entry: Manifest, field: str) -> bool:
    spec = entry["fieldsV1"]["f:spec"]
    inner = spec.get(f"f:{field}")
    return inner is not None and not (inner and field == "serving" and inner.keys() - {"."} <= SCALING)


def _with_person(entry: Manifest, entries: list[Manifest], metadata: Manifest) -> str:
    client = _line(entry["manager"])
    person = _line((metadata.get("annotations") or {}).get(REQUESTED_BY))
    writers = [each for each in entries if "f:metadata" in each["fieldsV1"]]
    together = any(each is entry or _time(each) >= _time(entry) - TOGETHER for each in writers)
    return f"{client} ({person})" if person and together else client


def _time(entry: Manifest) -> datetime:
    try:
        time = datetime.fromisoformat(entry["time"])
    except (TypeError, ValueError):
        return NEVER
    return time if time.tzinfo else NEVER


def _line(text: Any) -> str:
    """Return a stranger's text as one short line."""
    printable = "".join(each if each.isprintable() else " " for each in str(text or ""))
    return " ".join(printable.split())[:LONGEST]


def _map(value: Any) -> Manifest:
    return value if isinstance(value, dict) else {}
