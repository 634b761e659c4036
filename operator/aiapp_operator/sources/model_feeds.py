"""What is asked of model stores again and again: the newest version in a folder, and whether a released one stands."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from aiapp_models.credentials import Credentials
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import ModelStore, open_store
from aiapp_models.stores.connection import Network
from aiapp_operator.following import Version
from aiapp_operator.metrics import POLLS, VERIFICATIONS
from aiapp_operator.reasons import Reason as ReleaseReason
from aiapp_operator.sources.access import Access
from aiapp_operator.sources.asking import Refusal, answered, refused
from aiapp_operator.sources.feeds import Outcome
from aiapp_operator.sources.model_versions import Folder, Opener
from aiapp_operator.sources.questions import Follow, Found, ModelQuestion
from aiapp_operator.state import Identity, Problem, ResolvedModel, Severity, Stream

LOOK_SECONDS: Final = 45
"""For the looks of one poll; what is left is for the next."""
POLL_SECONDS: Final = 75
"""For one poll once it is its turn; a store gives up by itself before that."""
GONE: Final = frozenset({Reason.MODEL_MISSING, Reason.MODEL_INCOMPLETE})

OpenStore: TypeAlias = Callable[[Mapping[str, Any], Credentials, Network], ModelStore]

T = TypeVar("T")


class Stores:
    """Asks model stores, which block, in threads of their own."""

    def __init__(self, access: Access, network: Network, threads: Executor, open_store: OpenStore = open_store) -> None:
        self._access = access
        self._network = network
        self._threads = threads
        self._open_store = open_store

    def close(self) -> None:
        """Begin no more questions; what hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, question: ModelQuestion, work: Callable[[Opener], T]) -> tuple[T, Identity | None]:
        """Return what `work` finds out, and the identity that it was asked as.

        Raises:
            OperatorError: credentials cannot be had.
            SourceError: the store refused, or is away.
        """
        credentials, who = await self._access.to_store(question)
        opener = partial(self._open_store, json.loads(question.source), credentials, self._network)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, opener), who
        except SourceError as error:
            self._access.refused(question.account, error.reason)
            raise

    async def model(self, question: ModelQuestion, version: str) -> ResolvedModel:
        """Return what a version consists of; raises as `ask`."""
        model, who = await self.ask(question, partial(_open_and_read, version))
        return replace(model, identity=who)


class FolderPoller:
    """Follows a folder: one listing a poll for all policies, and a look into what is new in it.

    A version whose content is held is read in every poll: it may be uploaded again.
    """

    def __init__(self, question: ModelQuestion, stores: Stores) -> None:
        self._question = question
        self._stores = stores
        self._folder = Folder()
        self._models: dict[Version, ResolvedModel] = {}
        self._busy = threading.Lock()

    async def poll(self, aspects: frozenset[Any]) -> Outcome:
        """Return the newest model by each policy."""
        follows: frozenset[Follow] = aspects
        asked = self._stores.ask(self._question, partial(self._read, follows))
        brought = await answered(Stream.MODEL, POLL_SECONDS, asked, POLLS)
        if isinstance(brought, Refusal):
            return refused(brought, aspects)
        answers, who = brought
        refusals = [answer for answer in answers.values() if isinstance(answer, Refusal)]
        return Outcome(
            {follow: _as(who, answer) for follow, answer in answers.items()},
            failed=any(refusal.failed for refusal in refusals),
            retry_after=max((refusal.retry_after for refusal in refusals), default=0.0),
        )

    def _read(self, follows: frozenset[Follow], opener: Opener) -> dict[Follow, ResolvedModel | Problem | Refusal]:
        if not self._busy.acquire(blocking=False):  # a poll that was given up may still hang in its thread
            where = "the question before, which was given up, still waits for the store"
            raise SourceError(Reason.STORE_UNREACHABLE, f"{where}; it is asked again", transient=True)
        try:
            with opener() as store:
                return self._follow(follows, store, opener)
        finally:
            self._busy.release()

    def _follow(
        self, follows: frozenset[Follow], store: ModelStore, opener: Opener
    ) -> dict[Follow, ResolvedModel | Problem | Refusal]:
        deadline = time.monotonic() + LOOK_SECONDS
        self._folder.look(store, opener, {follow.policy for follow in follows}, deadline)
        held = frozenset[str]().union(*(follow.held for follow in follows))
        self._models = {version: model for version, model in self._models.items() if model.digest not in held}
        found: dict[Version, ResolvedModel | Refusal] = {}
        # Those that ask again first: what they find is news for all.
        chosen = {
            follow: self._choose(follow, store, found, deadline)
            for follow in sorted(follows, key=lambda follow: not follow.again)
        }
        self._models = {version: model for version, model in found.items() if isinstance(model, ResolvedModel)}
        return chosen

    def _choose(
        self, follow: Follow, store: ModelStore, found: dict[Version, ResolvedModel | Refusal], deadline: float
    ) -> ResolvedModel | Problem | Refusal:
        """Return the newest model that is not held; where all are, the newest. `found` is what this poll knows."""
        passed: list[ResolvedModel] = []
        for version in islice(self._folder.newest(store, follow.policy, deadline), follow.looks):
            if version not in found:
                found[version] = self._model(store, version, known=not follow.again)
            model = found[version]
            if isinstance(model, Refusal):
                return model
            if model.digest not in follow.held:
                return replace(model, passed_by=tuple(newer.digest for newer in passed))
            passed.append(model)
        return passed[0] if passed else self._folder.nothing(store.locate(""), follow.policy)

    def _model(self, store: ModelStore, version: Version, *, known: bool) -> ResolvedModel | Refusal:
        if known and version in self._models:
            return self._models[version]
        try:
            model = _read_version(version.name, store)
        except SourceError as error:
            if error.reason in GONE:
                self._folder.forget(version.name)
            severity = Severity.TRANSIENT if error.transient else Severity.WAITING
            return Refusal(Problem(severity, error.reason, error.message), error.retry_after or 0.0)
        return replace(model, published=version.published or model.published)


class ModelVerifier:
    """Looks whether the bytes of a released model are still what they were."""

    def __init__(self, question: ModelQuestion, released: ResolvedModel, stores: Stores) -> None:
        self._question = question
        self._released = released
        self._stores = stores

    async def poll(self, aspects: frozenset[Hashable]) -> Outcome:
        """Return what was found; where the store does not tell, what it told before stands."""
        asked = self._stores.model(self._question, self._released.version)
        answer = await answered(Stream.MODEL, POLL_SECONDS, asked, VERIFICATIONS)
        if not isinstance(answer, Refusal):
            return Outcome(dict.fromkeys(aspects, self._compared(answer)))
        problem = answer.problem
        if problem.reason in GONE:
            return Outcome(dict.fromkeys(aspects, Found(ReleaseReason.MODEL_GONE, problem.message)))
        if problem.reason == Reason.MODEL_CORRUPT:  # its SHA256SUMS was another when it was released
            return Outcome(dict.fromkeys(aspects, Found(ReleaseReason.CONTENT_CHANGED, problem.message)))
        return Outcome({}, failed=True, retry_after=answer.retry_after)

    def _compared(self, now: ResolvedModel) -> Found:
        was = self._released
        if now.digest != was.digest:
            words = f"model {was.version} was released as {was.digest} and is {now.digest} in the store now"
            return Found(ReleaseReason.CONTENT_CHANGED, words)
        if was.manifest_digest and now.manifest_digest != was.manifest_digest:
            words = f"files of model {was.version} were written again since it was released"
            return Found(ReleaseReason.METADATA_CHANGED, words)
        return Found()


def _as(who: Identity | None, answer: ResolvedModel | Problem | Refusal) -> ResolvedModel | Problem:
    if isinstance(answer, Refusal):
        return answer.problem
    return replace(answer, identity=who) if isinstance(answer, ResolvedModel) else answer


def _open_and_read(version: str, opener: Opener) -> ResolvedModel:
    with opener() as store:
        return _read_version(version, store)


def _read_version(version: str, store: ModelStore) -> ResolvedModel:
    manifest = store.manifest(version)
    return ResolvedModel(
        manifest.version, manifest.digest, manifest.size_bytes, manifest.published, manifest.manifest_digest
    )
