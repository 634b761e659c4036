"""Which client asked for a release: who last wrote the fields that changed, as `metadata.managedFields` tells. Pure.

A field has a client's name there and no person's. A person is named only where the annotation REQUESTED_BY does, and
only if it was written together with the fields: one that an edit of last week left behind names the wrong person.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiapp_operator.ledger import Inputs
from aiapp_operator.notes import REQUESTED_BY
from aiapp_operator.state import Manifest, Part, Stream

REGISTRY: Final = "the registry"
STORE: Final = "the store"
LONGEST: Final = 128
"""Of a client's name, which Kubernetes bounds so too, and of a person's."""
TOGETHER: Final = timedelta(minutes=10)
"""How much older than the edit the annotation may be, where another client wrote it."""
FIELDS: Final[Mapping[Part, tuple[str, ...]]] = {
    Part.IMAGE: ("image", "imagePolicy"),
    Part.MODEL: ("modelVersion", "modelPolicy"),
    Part.CONFIG: ("image", "imagePullSecrets", "modelFormat", "modelSource", "serviceAccountName", "serving"),
}
"""Fields of spec that make each part; the repository in `image` is of the config too."""
SCALING: Final = frozenset({"f:replicas", "f:autoscaling"})
"""Fields of spec.serving that make no release."""


def requested_by(
    app: Manifest,
    followed: Collection[Stream],
    changed: Collection[Part] = (Part.IMAGE, Part.MODEL, Part.CONFIG),
) -> str:
    """Return who asked for what changed, such as `argocd-controller (jane@contoso.com), the store`; empty: unknown."""
    clients = _entries(app["metadata"])
    named: dict[str, None] = {}
    for part in sorted(changed, key=list(Part).index):
        if source := _source(part, followed):
            named[source] = None
        elif part in FIELDS and (entry := _writer(clients, FIELDS[part])):
            named[_with_person(entry, clients, app["metadata"])] = None
    return ", ".join(named)


def changes(before: Inputs | None, after: Inputs) -> frozenset[Part]:
    """Return the parts in which a release differs from the one that it goes on from."""
    parts = {
        Part.IMAGE: before is None or before.image.digest != after.image.digest,
        Part.MODEL: _model(before) != _model(after),
        Part.CONFIG: before is None or before.config_hash != after.config_hash,
    }
    return frozenset(part for part, differs in parts.items() if differs)


def condensed(entries: Any) -> list[Manifest]:
    """Return of managedFields what is read here: it is more bytes than all the rest of an object.

    An entry of a subresource is not kept: what writes the status, or scales, asks for no release.
    """
    kept = []
    for entry in entries if isinstance(entries, list) else ():
        fields = _map(entry).get("fieldsV1")
        spec = _map(_map(fields).get("f:spec"))
        annotations = _map(_map(_map(fields).get("f:metadata")).get("f:annotations"))
        wanted: Manifest = {"f:spec": {name: dict.fromkeys(_map(inner), {}) for name, inner in spec.items()}}
        if f"f:{REQUESTED_BY}" in annotations:
            wanted["f:metadata"] = {"f:annotations": {f"f:{REQUESTED_BY}": {}}}
        if not entry.get("subresource") and (spec or "f:metadata" in wanted):
            kept.append({"manager": entry.get("manager", ""), "time": entry.get("time", ""), "fieldsV1": wanted})
    return kept
