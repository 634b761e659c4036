"""What there is: the view, the app's records and, where the plan needs to know, the sources; one frozen Observed."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from aiapp_models.contract import LABEL_INSTANCE, LABEL_MANAGED_BY, MANAGED_BY
from aiapp_operator import releases
from aiapp_operator.api.v1alpha1 import KIND
from aiapp_operator.children import expected
from aiapp_operator.errors import NotFoundError
from aiapp_operator.kube import Kube
from aiapp_operator.ledger import controller
from aiapp_operator.patience import Patience
from aiapp_operator.sources import Sources
from aiapp_operator.state import Key, Manifest, ObjectId, Observed, Stream
from aiapp_operator.state import Sources as Answers
from aiapp_operator.view import View

A = TypeVar("A")


class Observer:
    """Looks at one app; its children and pods come from the view alone, unless one that is needed is not there."""

    def __init__(self, view: View, kube: Kube, sources: Sources, patience: Patience) -> None:
        self._view = view
        self._kube = kube
        self._sources = sources
        self._patience = patience

    async def look(self, app: Manifest, now: datetime) -> tuple[Observed, Sequence[Stream]]:
        """Return what the cluster holds for the app, with answers that are still good, and the sources to ask."""
        found, records = await self._objects(app), await self._revisions(app)
        ours = {child: manifest for child, manifest in found.items() if _is_ours(manifest, app)}
        leaving = [manifest for manifest in (*found.values(), *records) if _was_of_a_predecessor(manifest, app)]
        uid = app["metadata"]["uid"]
        observed = Observed(
            app=app,
            children=ours,
            pods=self._view.pods(key_of(app)),
            revisions=tuple(record for record in records if controller(record).get("uid", uid) == uid),
            occupied=frozenset(found.keys() - ours.keys()),
            leaving=frozenset(ObjectId(manifest["kind"], manifest["metadata"]["name"]) for manifest in leaving),
        )
        if leaving:
            return observed, ()
        questions = releases.unresolved(app, observed.children, observed.revisions, observed.pods)
        wanted = [stream for stream, ask in zip(Stream, questions, strict=True) if ask]
        kept = {s: answer for s in wanted if (answer := self._patience.kept(key_of(app), s, _asked_for(app), now))}
        answers = Answers(image=kept.get(Stream.IMAGE), model=kept.get(Stream.MODEL))
        return replace(observed, sources=answers), [stream for stream in wanted if stream not in kept]

    async def ask(self, observed: Observed, questions: Sequence[Stream]) -> Observed:
        """Return what was observed with the answers to these questions, which are asked at the same time."""
        app = observed.app
        image, model = await asyncio.gather(
            self._sources.image(app) if Stream.IMAGE in questions else _kept(observed.sources.image),
            self._sources.model(app) if Stream.MODEL in questions else _kept(observed.sources.model),
        )
        answers = {Stream.IMAGE: image, Stream.MODEL: model}
        for stream in questions:
            self._patience.note(key_of(app), stream, _asked_for(app), answers[stream])
        return replace(observed, sources=Answers(image, model))

    async def _objects(self, app: Manifest) -> dict[ObjectId, Manifest]:
        key = key_of(app)
        found = {**self._view.children(key)}
        unseen = [child for child in expected(app) if child not in found]
        read = await asyncio.gather(*(self._get(key, child) for child in unseen))
        return found | {child: manifest for child, manifest in zip(unseen, read, strict=True) if manifest}

    async def _get(self, key: Key, child: ObjectId) -> Manifest | None:
        try:
            return await self._kube.get(child.kind, key.namespace, child.name)
        except NotFoundError:
            return None

    async def _revisions(self, app: Manifest) -> tuple[Manifest, ...]:
        key = key_of(app)
        selector = f"{LABEL_INSTANCE}={key.name},{LABEL_MANAGED_BY}={MANAGED_BY}"
        revisions = await self._kube.list_objects("ControllerRevision", key.namespace, selector)
        return tuple(sorted(revisions, key=lambda revision: int(revision["revision"])))


def key_of(app: Manifest) -> Key:
    """Return the key of an AIApp."""
    return Key(app["metadata"]["namespace"], app["metadata"]["name"])


async def _kept(answer: A) -> A:
    return answer


def _asked_for(app: Manifest) -> tuple[str, int]:
    return app["metadata"]["uid"], app["metadata"]["generation"]


def _is_ours(manifest: Manifest, app: Manifest) -> bool:
    """Tell whether the app controls the object, or may adopt it: it has our labels and nobody controls it."""
    owner = controller(manifest)
    if not owner:
        labels = manifest["metadata"].get("labels") or {}
        return labels.get(LABEL_MANAGED_BY) == MANAGED_BY and labels.get(LABEL_INSTANCE) == app["metadata"]["name"]
    return bool(owner["uid"] == app["metadata"]["uid"])


def _was_of_a_predecessor(manifest: Manifest, app: Manifest) -> bool:
    """Tell whether an AIApp of this name that was deleted controls the object."""
    owner = controller(manifest)
    name, uid = app["metadata"]["name"], app["metadata"]["uid"]
    return bool(owner) and (owner["kind"], owner["name"]) == (KIND, name) and owner["uid"] != uid
