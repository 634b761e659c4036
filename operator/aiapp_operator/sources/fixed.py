"""Asks the registry and the model store what a spec names, once; what is followed is asked by `streams`."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.errors import TransientError
from aiapp_operator.metrics import SOURCE_REQUESTS
from aiapp_operator.sources import questions
from aiapp_operator.sources.asking import UNREACHABLE, Refusal, answered
from aiapp_operator.sources.feeds import LONGEST_RETRY_AFTER
from aiapp_operator.sources.image_feeds import Images
from aiapp_operator.sources.model_feeds import Stores
from aiapp_operator.state import Problem, ResolvedImage, ResolvedModel, Stream

DEADLINE_SECONDS: Final = 60
"""For one question once it is its turn; above what registry and store take for themselves before they give up."""
QUESTIONS_PER_NAMESPACE: Final = 4
"""Asked at a time, so that a namespace whose store hangs does not hold what all others need."""
TURN_SECONDS: Final = 2
"""How long a question waits for its turn; a run that waits holds one of the queue's workers."""

A = TypeVar("A")


class _Later(NamedTuple):
    """What was said by somebody who asked to be left alone for a while."""

    until: float
    problem: Problem


class Sources:
    """Where images and models come from; every failure is returned as a Problem in words for the user."""

    def __init__(self, images: Images, stores: Stores) -> None:
        self._images = images
        self._stores = stores
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._later: dict[Hashable, _Later] = {}

    async def image(self, app: AIApp) -> ResolvedImage | Problem:
        """Resolve spec.image with the logins in spec.imagePullSecrets, or as the app's identity."""
        question = questions.image(app)
        if question.reference.digest:
            return ResolvedImage(app.spec.image, question.reference.digest)
        asked = partial(self._images.ask, question, self._images.registry.digest)
        answer = await self._answer(Stream.IMAGE, question.namespace, question, asked)
        return ResolvedImage(app.spec.image, answer) if isinstance(answer, str) else answer

    async def model(self, app: AIApp) -> ResolvedModel | Problem:
        """Resolve spec.modelVersion in spec.modelSource; what is in a volume is for pods to find out."""
        question, version = questions.model(app), app.spec.model_version or ""
        if question is None:
            return ResolvedModel(version, "", 0, datetime.fromtimestamp(0, UTC))
        asked = partial(self._stores.model, question, version)
        return await self._answer(Stream.MODEL, question.namespace, (question, version), asked)

    async def _answer(
        self, stream: Stream, namespace: str, question: Hashable, ask: Callable[[], Awaitable[A]]
    ) -> A | Problem:
        now = asyncio.get_running_loop().time()
        self._later = {asked: later for asked, later in self._later.items() if later.until > now}
        if later := self._later.get(question):
            return later.problem
        answer = await answered(stream, DEADLINE_SECONDS, self._in_turn(stream, namespace, ask), SOURCE_REQUESTS)
        if not isinstance(answer, Refusal):
            return answer
        if answer.retry_after:
            until = asyncio.get_running_loop().time() + min(answer.retry_after, LONGEST_RETRY_AFTER)
            self._later[question] = _Later(until, answer.problem)
        return answer.problem

    async def _in_turn(self, stream: Stream, namespace: str, ask: Callable[[], Awaitable[A]]) -> A:
        turn = self._turns.setdefault(namespace, asyncio.Semaphore(QUESTIONS_PER_NAMESPACE))
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await turn.acquire()
        except TimeoutError:
            words = (
                f"{QUESTIONS_PER_NAMESPACE} other questions of namespace {namespace} are without an answer yet; "
                "this one is asked after them"
            )
            raise TransientError(UNREACHABLE[stream], words) from None
        try:
            return await ask()
        finally:
            turn.release()
