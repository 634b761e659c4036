"""Carries a plan out: what stands already is left alone, what was refused is not asked for in every run."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from aiapp_models.contract import ANNOTATION_REVISION
from aiapp_operator import drift
from aiapp_operator.errors import ConflictError, NotFoundError, OperatorError, Reason, WaitingError
from aiapp_operator.kube import FIELD_MANAGER, RESOURCES, Kube
from aiapp_operator.metrics import WRITES, count_release
from aiapp_operator.observe import key_of
from aiapp_operator.patience import Patience
from aiapp_operator.release.ledger import controller_uid
from aiapp_operator.release.notes import HOLDS, OLD_HOLDS
from aiapp_operator.state import Event, Key, Manifest, ObjectId, Observed, Plan, Problem, Severity
from aiapp_operator.view import Place, View

logger = logging.getLogger(__name__)

RECORD_KIND: Final = "ControllerRevision"
SAME_EVENT_SECONDS: Final = 600


class Done(NamedTuple):
    """What came of a plan.

    other_holds: holds were put on record, or ended, by this run; its feeds chose without knowing.
    """

    refusals: list[tuple[ObjectId, Problem]]
    other_holds: bool = False

    @property
    def forgotten(self) -> bool:
        """Tell whether something that happened to a release is not on record."""
        return any(child.kind == RECORD_KIND for child, _ in self.refusals)


class Actor:
    """Applies, creates, deletes, writes status, posts Events; the only one that writes."""

    def __init__(self, view: View, kube: Kube, patience: Patience) -> None:
        self._view = view
        self._kube = kube
        self._patience = patience
        # What an apply left different from what was desired, as a webhook may: (hash, resourceVersion), or it
        # would be applied again in every run.
        self._settled: dict[Key, dict[ObjectId, tuple[str, str]]] = {}

    def forget(self, key: Key) -> None:
        """Forget an app that is gone."""
        self._settled.pop(key, None)

    async def carry_out(self, plan: Plan, observed: Observed, now: datetime) -> Done:
        """Apply in order, create and delete.

        After a record that is refused, things are repaired only: nothing runs or proves a release that nobody
        remembers, and a verdict or a hold that is not on record is not acted on, as the next run knows nothing of it.
        """
        records = {ObjectId(RECORD_KIND, record["metadata"]["name"]): record for record in observed.revisions}
        live = {**observed.children, **records}
        done = await self._apply_all(key_of(observed.app), plan.apply, live, now)
        if done.forgotten:
            return done
        refusals = list(done.refusals)
        for desired in plan.create:
            problem = await self._create(observed.app, desired, now)
            refusals += [(_id(desired), problem)] if problem else []
        for child in plan.delete:
            problem = await self._delete(key_of(observed.app), live[child]) if child in live else None
            refusals += [(child, problem)] if problem else []
        return done._replace(refusals=refusals)

    async def write_status(self, app: Manifest, status: Manifest | None) -> Manifest:
        """Write the status where it differs; return the app as it is then.

        Raises:
            OperatorError: ConflictError when the app is not the one that the status was computed from.
        """
        if status is None or status == app.get("status"):
            return app
        try:
            written = await self._kube.write_status(app, status)
        except NotFoundError:
            return app  # deleted meanwhile
        self._view.record(written)
        WRITES.labels(app["kind"], "status").inc()
        return written

    async def report(self, app: Manifest, events: tuple[Event, ...], now: datetime) -> None:
        """Post Events; one that cannot be posted is logged and no more."""
        for event in events:
            logger.info("%s/%s: %s: %s", *key_of(app), event.reason, event.message)
            try:
                await self._kube.create(event_manifest(app, event, now))
            except ConflictError:
                continue  # a run before this one posted it and failed later
            except OperatorError as error:
                logger.warning("%s/%s: the Event %s was not posted: %s", *key_of(app), event.reason, error)
            count_release(event)

    async def _apply_all(
        self, key: Key, wanted: Sequence[Manifest], live: Mapping[ObjectId, Manifest], now: datetime
    ) -> Done:
        done = Done([])
        for desired in wanted:
            child, before = _id(desired), live.get(_id(desired))
            if done.forgotten and _moves(desired, before):
                continue
            applied = await self._apply(key, desired, before, now)
            if isinstance(applied, Problem):
                done.refusals.append((child, applied))
            elif applied and child.kind == RECORD_KIND and _holds(applied) != _holds(before):
                done = done._replace(other_holds=True)
        return done

    async def _apply(
        self, key: Key, desired: Manifest, live: Manifest | None, now: datetime
    ) -> Manifest | Problem | None:
        """Return what the API server made of it, or why it refused; None: it stands already."""
        child, digest = _id(desired), drift.applied_hash(desired)
        wanted, settled = drift.with_hash(desired), self._settled.setdefault(key, {})
        if live and (drift.stands(wanted, live) or settled.get(child) == (digest, _version(live))):
            return None
        refusal: Problem | None = self._patience.kept(key, child, digest, now)
        if refusal:
            return refusal
        try:
            answer = await self._kube.apply(wanted, live["metadata"]["uid"] if live else None)
        except OperatorError as error:
            return self._refused(key, child, digest, error)
        self._patience.drop(key, child)
        if not drift.stands(wanted, answer):
            settled[child] = (digest, _version(answer))
        if child.kind != RECORD_KIND:
            self._view.record(answer)
        unchanged = live is not None and _version(live) == _version(answer)
        self._wrote(key, child, "unchanged" if unchanged else "changed" if live else "created")
        return answer

    async def _create(self, app: Manifest, desired: Manifest, now: datetime) -> Problem | None:
        key, child, digest = key_of(app), _id(desired), drift.applied_hash(desired)
        refusal: Problem | None = self._patience.kept(key, child, digest, now)
        if refusal:
            return refusal
        try:
            created = await self._created(app, child, desired)
        except OperatorError as error:
            return self._refused(key, child, digest, error)
        self._patience.drop(key, child)
        self._view.record(created)  # or the next run, which may be faster than the watch, would create it again
        return None

    async def _created(self, app: Manifest, child: ObjectId, desired: Manifest) -> Manifest:
        """Return the new object, or the app's own that has its name: a run before this one was cut off."""
        try:
            created = await self._kube.create(desired)
        except ConflictError as conflict:
            try:
                found = await self._kube.get(child.kind, key_of(app).namespace, child.name)
            except NotFoundError:
                raise conflict from None  # a quota that was counted at the same moment answers so too
            if controller_uid(found) != app["metadata"]["uid"]:
                words = f"{child.kind} {child.name} exists and belongs to somebody else: delete it"
                raise WaitingError(Reason.NAME_CONFLICT, words) from None
            return found
        self._wrote(key_of(app), child, "created")
        return created

    async def _delete(self, key: Key, manifest: Manifest) -> Problem | None:
        child = _id(manifest)
        try:
            await self._kube.delete(child, key.namespace, manifest["metadata"]["uid"])
        except OperatorError as error:
            return self._refused(key, child, "", error)
        self._view.forget(Place(child.kind, key.namespace, child.name))
        self._wrote(key, child, "deleted")
        return None

    def _refused(self, key: Key, child: ObjectId, digest: str, error: OperatorError) -> Problem:
        problem = error.problem()
        if problem.severity is Severity.WAITING:
            self._patience.note(key, child, digest, problem)
        logger.info("%s/%s: %s %s refused: %s", *key, child.kind, child.name, problem.message)
        return problem

    def _wrote(self, key: Key, child: ObjectId, verb: str) -> None:
        WRITES.labels(child.kind, verb).inc()
        logger.info("%s/%s: %s %s %s", *key, verb, child.kind, child.name)


def event_manifest(app: Manifest, event: Event, now: datetime) -> Manifest:
    """Return an Event about the app whose name tells it from others, so that it is posted once within ten minutes."""
    metadata = app["metadata"]
    parts = (metadata["uid"], metadata["generation"], event.type, event.reason, event.message)
    period = int(now.timestamp()) // SAME_EVENT_SECONDS
    digest = hashlib.sha256(repr((*parts, period)).encode()).hexdigest()[:16]
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": RESOURCES["Event"].api_version,
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": app["apiVersion"],
            "kind": app["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message[:1024],
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": FIELD_MANAGER},
    }


def _moves(desired: Manifest, live: Manifest | None) -> bool:
    """Tell whether an apply would put another release on the Deployment."""
    revisions = [_annotations(manifest).get(ANNOTATION_REVISION) for manifest in (desired, live or {})]
    return desired["kind"] == "Deployment" and revisions[0] != revisions[1]


def _holds(record: Manifest | None) -> tuple[str | None, str | None]:
    annotations = _annotations(record or {})
    return annotations.get(HOLDS), annotations.get(OLD_HOLDS)


def _annotations(manifest: Manifest) -> Manifest:
    return manifest.get("metadata", {}).get("annotations") or {}


def _id(manifest: Manifest) -> ObjectId:
    return ObjectId(manifest["kind"], manifest["metadata"]["name"])


def _version(manifest: Manifest) -> str:
    return str(manifest["metadata"]["resourceVersion"])
