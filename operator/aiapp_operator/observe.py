"""What there is: the view, the app's records and, where the plan needs to know, the sources; one frozen Observed."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from aiapp_models.contract import LABEL_INSTANCE, LABEL_MANAGED_BY, MANAGED_BY
from aiapp_models.errors import Reason as ModelReason
from aiapp_operator import actions, findings
from aiapp_operator.api.v1alpha1 import KIND, AIApp
from aiapp_operator.children import expected
from aiapp_operator.children.service_account import service_account
from aiapp_operator.errors import NotFoundError
from aiapp_operator.kube import Kube
from aiapp_operator.patience import Patience
from aiapp_operator.release import gating, holds, ledger, releases
from aiapp_operator.release.ledger import controller
from aiapp_operator.sources import questions
from aiapp_operator.sources.fixed import Sources
from aiapp_operator.sources.streams import Streams
from aiapp_operator.state import Key, Manifest, ObjectId, Observed, Problem, Severity, Stream
from aiapp_operator.state import Sources as Answers
from aiapp_operator.view import View


class Pending(NamedTuple):
    """What is still to be asked.

    followed: those streams that a feed asks for.
    fresh: somebody wants an answer of now, not one that was kept.
    account: the ServiceAccount that must be there first, as a source is asked as it.
    """

    app: AIApp
    streams: tuple[Stream, ...]
    followed: frozenset[Stream]
    fresh: bool
    account: Manifest | None


class Observer:
    """Looks at one app; its children and pods come from the view alone, unless one that is needed is not there."""

    def __init__(self, view: View, kube: Kube, sources: Sources, streams: Streams, patience: Patience) -> None:
        self._view = view
        self._kube = kube
        self._sources = sources
        self._streams = streams
        self._patience = patience

    def forget(self, key: Key) -> None:
        """Forget an app that is gone."""
        self._streams.forget(key)

    async def look(self, app: Manifest, now: datetime) -> tuple[Observed, Pending | None]:
        """Return what the cluster holds for the app, with answers that are still good, and what is to be asked."""
        found, records = await self._objects(app), await self._revisions(app)
        ours = {child: manifest for child, manifest in found.items() if _is_ours(manifest, app)}
        leaving = [manifest for manifest in (*found.values(), *records) if _was_of_a_predecessor(manifest, app)]
        observed = Observed(
            app=app,
            children=ours,
            pods=await self._pods(app, ours),
            revisions=records,
            occupied=frozenset(found.keys() - ours.keys()),
            leaving=frozenset(ObjectId(manifest["kind"], manifest["metadata"]["name"]) for manifest in leaving),
        )
        parsed = findings.read_spec(app)
        if leaving or isinstance(parsed, Problem):
            self._streams.forget(key_of(app))
            return observed, None
        return self._remembered(observed, parsed, now)

    async def ask(self, observed: Observed, pending: Pending) -> Observed:
        """Return what was observed with the answers that were missing, which are asked for at the same time."""
        answers = await asyncio.gather(*(self._answer(observed, pending, stream) for stream in pending.streams))
        return _with_answers(observed, dict(zip(pending.streams, answers, strict=True)))

    def _remembered(self, observed: Observed, app: AIApp, now: datetime) -> tuple[Observed, Pending | None]:
        """Return the answers that are there without a question: those of feeds, and those too fresh to ask again."""
        key, record = key_of(observed.app), ledger.read(observed.app, observed.children, observed.revisions)
        questions = releases.unresolved(observed.app, observed.children, observed.revisions)
        demand, wanted = releases.demand(app), [each for each, ask in zip(Stream, questions, strict=True) if ask]
        answers: dict[Stream, Any] = {s: wait for s in wanted if (wait := _account_to_come(observed, app, s))}
        rest = [stream for stream in wanted if stream not in answers]
        policies = {stream: policy for stream, policy in demand.follows.items() if stream in rest}
        again = releases.comes_to_nothing(demand, record)
        served = releases.to_verify(releases.completed(record, findings.deployment_of(observed), now))
        self._streams.follow(app, policies, served, again=again, held=holds.digests(record))
        fresh = any(action.name == actions.RECONCILE for action in actions.due(observed.app, now))
        if fresh:
            self._streams.poll_now(key)
        else:
            asked_for = _asked_for(observed.app)
            answers |= {s: self._patience.kept(key, s, asked_for, now) for s in rest if s not in policies}
            answers |= {stream: self._streams.known(key, stream) for stream in policies}
        missing = tuple(stream for stream in wanted if answers.get(stream) is None)
        observed = _with_answers(replace(observed, drifts=self._streams.drifts(key)), answers)
        account = service_account(app) if len(rest) < len(wanted) else None
        return observed, Pending(app, missing, frozenset(policies), fresh, account) if missing or account else None

    async def _answer(self, observed: Observed, pending: Pending, stream: Stream) -> Any:
        key, app = key_of(observed.app), pending.app
        if stream in pending.followed:
            return await self._streams.answer(key, stream, fresh=pending.fresh)
        answer = await (self._sources.image(app) if stream is Stream.IMAGE else self._sources.model(app))
        self._patience.note(key, stream, _asked_for(observed.app), answer)
        return answer

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

    async def _pods(self, app: Manifest, ours: Mapping[ObjectId, Manifest]) -> tuple[Manifest, ...]:
        """Return the app's pods; after a start the first list of them may come later than that of Jobs."""
        pods = self._view.pods(key_of(app))
        jobs = (child for child in ours.values() if child["kind"] == "Job")
        if any(gating.lost_its_pod(job, pods) for job in jobs):
            return tuple(await self._labelled("Pod", app))
        return pods

    async def _revisions(self, app: Manifest) -> tuple[Manifest, ...]:
        revisions = await self._labelled("ControllerRevision", app)
        return tuple(sorted(revisions, key=lambda revision: int(revision["revision"])))

    async def _labelled(self, kind: str, app: Manifest) -> list[Manifest]:
        key = key_of(app)
        selector = f"{LABEL_INSTANCE}={key.name},{LABEL_MANAGED_BY}={MANAGED_BY}"
        return await self._kube.list_objects(kind, key.namespace, selector)


def key_of(app: Manifest) -> Key:
    """Return the key of an AIApp."""
    return Key(app["metadata"]["namespace"], app["metadata"]["name"])


def _asked_for(app: Manifest) -> tuple[str, int]:
    return app["metadata"]["uid"], app["metadata"]["generation"]


def _with_answers(observed: Observed, answers: Mapping[Stream, Any]) -> Observed:
    kept = observed.sources
    sources = Answers(answers.get(Stream.IMAGE) or kept.image, answers.get(Stream.MODEL) or kept.model)
    return replace(observed, sources=sources)


def _account_to_come(observed: Observed, app: AIApp, stream: Stream) -> Problem | None:
    """A source that is asked as the app's own ServiceAccount has to wait until that is made."""
    account = ObjectId("ServiceAccount", app.metadata.name)
    if app.spec.service_account_name or account in observed.children or account in observed.occupied:
        return None
    if stream is Stream.IMAGE:
        image = questions.image(app)
        # A registry may let everybody pull, so only an identity that the spec names is waited for.
        waits = image.account is not None and bool(image.account.client_id) and not image.reference.digest
    else:
        model = questions.model(app)
        waits = model is not None and model.account is not None
    words = f"ServiceAccount {account.name} is not there yet; the {stream.value.lower()}'s source is asked as it"
    return Problem(Severity.TRANSIENT, ModelReason.IDENTITY_MISSING, words) if waits else None


def _is_ours(manifest: Manifest, app: Manifest) -> bool:
    """Tell whether the app controls the object, or may adopt it: it has our labels and nobody controls it."""
    owner = controller(manifest)
    if not owner:
        labels = manifest["metadata"].get("labels") or {}
        ours = (labels.get(LABEL_MANAGED_BY), labels.get(LABEL_INSTANCE)) == (MANAGED_BY, app["metadata"]["name"])
        return ours and manifest["kind"] != "Job"  # a gate's says what passed: nobody's may be anybody's
    return bool(owner["uid"] == app["metadata"]["uid"])


def _was_of_a_predecessor(manifest: Manifest, app: Manifest) -> bool:
    """Tell whether an AIApp of this name that was deleted controls the object."""
    owner = controller(manifest)
    name, uid = app["metadata"]["name"], app["metadata"]["uid"]
    return bool(owner) and (owner["kind"], owner["name"]) == (KIND, name) and owner["uid"] != uid
