"""What the watches showed, per app: the operator reads its children from nowhere else.

Rebuilt from the first lists at start. An API server restart brings every object again, so what is known already is
swallowed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from aiapp_models.contract import LABEL_INSTANCE
from aiapp_operator.release import requesters
from aiapp_operator.state import Key, Manifest, ObjectId

APP_KIND: Final = "AIApp"
POD_KIND: Final = "Pod"


class Place(NamedTuple):
    """Where an object is in the cluster."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Seen:
    key: Key
    manifest: Manifest


class View:
    """Objects by place, and the places of each app."""

    def __init__(self) -> None:
        self._objects: dict[Place, _Seen] = {}
        self._places: dict[Key, set[Place]] = {}

    def app(self, key: Key) -> Manifest | None:
        """Return the AIApp itself."""
        seen = self._objects.get(Place(APP_KIND, *key))
        return seen.manifest if seen else None

    def children(self, key: Key) -> Mapping[ObjectId, Manifest]:
        """Return the app's objects that are neither the app nor pods."""
        return {
            ObjectId(place.kind, place.name): self._objects[place].manifest
            for place in sorted(self._places.get(key, ()))
            if place.kind not in {APP_KIND, POD_KIND}
        }

    def pods(self, key: Key) -> tuple[Manifest, ...]:
        """Return the app's pods, by name."""
        places = sorted(place for place in self._places.get(key, ()) if place.kind == POD_KIND)
        return tuple(self._objects[place].manifest for place in places)

    def statuses(self) -> list[tuple[Key, Manifest]]:
        """Return the status of every AIApp; may be called by another thread, which sees all of one moment."""
        seen = list(self._objects.items())  # in one step of the interpreter
        return [(each.key, each.manifest.get("status") or {}) for place, each in seen if place.kind == APP_KIND]

    def version(self, place: Place) -> str | None:
        """Return the resourceVersion seen last, or None."""
        seen = self._objects.get(place)
        return seen.manifest["metadata"]["resourceVersion"] if seen else None

    def places(self, kind: str) -> Iterator[Place]:
        """Return where objects of one kind were seen."""
        return iter([place for place in self._objects if place.kind == kind])

    def record(self, manifest: Manifest, *, listed: bool = False) -> frozenset[Key]:
        """Take in an object and return the apps that it changes something for; none when it is known or outdated.

        listed: it comes from a list and not from a watch or an answer. Versions only grow, unless the cluster's data
            was restored from a backup, which cuts every watch: so a list is believed whatever it says.
        """
        place, metadata = _place(manifest), manifest["metadata"]
        seen = self._objects.get(place)
        if seen and not _news(seen.manifest["metadata"], metadata, listed=listed):
            return frozenset()
        key = app_of(place, metadata)
        before = self.forget(place)
        if key is None:
            return before
        fields = requesters.condensed(metadata.pop("managedFields", None))
        if fields and place.kind == APP_KIND:
            metadata["managedFields"] = fields
        self._objects[place] = _Seen(key, manifest)
        self._places.setdefault(key, set()).add(place)
        return before | {key}

    def gone(self, manifest: Manifest) -> frozenset[Key]:
        """Take out an object that was deleted or lost our label; a later one of the same name stays."""
        place = _place(manifest)
        seen = self._objects.get(place)
        if seen and seen.manifest["metadata"]["uid"] != manifest["metadata"]["uid"]:
            return frozenset()
        return self.forget(place)

    def forget(self, place: Place) -> frozenset[Key]:
        """Take out whatever is at a place and return the app that had it."""
        seen = self._objects.pop(place, None)
        if seen is None:
            return frozenset()
        places = self._places[seen.key]
        places.discard(place)
        if not places:
            del self._places[seen.key]
        return frozenset({seen.key})


def app_of(place: Place, metadata: Manifest) -> Key | None:
    """Return the app that an object belongs to by its label; None: to none, so the view does not keep it."""
    if place.kind == APP_KIND:
        return Key(place.namespace, place.name)
    instance = (metadata.get("labels") or {}).get(LABEL_INSTANCE)
    return Key(place.namespace, instance) if instance else None


def newer(version: str, than: str) -> bool:
    """Tell whether a resourceVersion is later than another of the same kind."""
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return version != than


def _news(old: Manifest, new: Manifest, *, listed: bool) -> bool:
    if old["resourceVersion"] == new["resourceVersion"]:
        return False
    return listed or old["uid"] != new["uid"] or newer(new["resourceVersion"], old["resourceVersion"])


def _place(manifest: Manifest) -> Place:
    metadata = manifest["metadata"]
    return Place(manifest["kind"], metadata["namespace"], metadata["name"])
