"""What is asked of registries again and again: the tag that is followed, a repository's tags, a released digest."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from aiapp_models.credentials import AzureIdentity
from aiapp_operator import following
from aiapp_operator.errors import OperatorError, Reason
from aiapp_operator.following import Policy, Version
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.metrics import POLLS, VERIFICATIONS
from aiapp_operator.pull_secrets import Login
from aiapp_operator.reasons import Reason as ReleaseReason
from aiapp_operator.sources.access import Access
from aiapp_operator.sources.asking import Refusal, answered, refused
from aiapp_operator.sources.feeds import Outcome
from aiapp_operator.sources.questions import Follow, Found, ImageQuestion
from aiapp_operator.state import Problem, ResolvedImage, Stream

POLL_SECONDS: Final = 60
"""For one poll once it is its turn; above what the registry client takes for itself before it gives up."""
MANY: Final = 500
"""So many tags are put in order in a thread."""

T = TypeVar("T")


class ImageRegistry(Protocol):
    """A registry client; all raise OperatorError."""

    async def digest(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> str:
        """Return the digest that a reference stands for."""

    async def tags(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> tuple[str, ...]:
        """Return all tags of a repository."""

    async def exists(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> bool:
        """Tell whether a digest is still there."""


@dataclass(frozen=True, slots=True)
class Images:
    """Asks registries as apps may."""

    registry: ImageRegistry
    access: Access

    async def ask(self, question: ImageQuestion, what: Callable[..., Awaitable[T]]) -> T:
        """Ask with what the question's app has; `what` is called with logins and identity."""
        logins, identity = await self.access.to_registry(question)
        try:
            return await what(question.reference, logins, identity)
        except OperatorError as error:
            self.access.refused(question.account, error.reason)
            raise


class TagPoller:
    """Follows one tag: one HEAD a poll."""

    def __init__(self, question: ImageQuestion, images: Images) -> None:
        self._question = question
        self._images = images

    async def poll(self, aspects: frozenset[Hashable]) -> Outcome:
        """Return what the tag stands for."""
        question, registry = self._question, self._images.registry
        answer = await answered(Stream.IMAGE, POLL_SECONDS, self._images.ask(question, registry.digest), POLLS)
        if isinstance(answer, Refusal):
            return refused(answer, aspects)
        reference = question.reference
        return Outcome(dict.fromkeys(aspects, ResolvedImage(f"{reference.repository}:{reference.tag}", answer)))


class TagsPoller:
    """Follows a repository: one listing a poll for all policies, and one HEAD for each tag that is chosen first."""

    def __init__(self, question: ImageQuestion, images: Images) -> None:
        self._question = question
        self._images = images
        self._tags: tuple[str, ...] = ()
        self._chosen: dict[Policy, str | None] = {}
        self._digests: dict[str, str] = {}

    async def poll(self, aspects: frozenset[Any]) -> Outcome:
        """Return the newest image by each policy."""
        follows: frozenset[Follow] = aspects
        listing = self._images.ask(self._question, self._images.registry.tags)
        tags = await answered(Stream.IMAGE, POLL_SECONDS, listing, POLLS)
        if isinstance(tags, Refusal):
            return refused(tags, aspects)
        policies = {follow.policy for follow in follows}
        if len(tags) < MANY:
            self._chosen = self._choose(tags, policies)
        else:  # this takes a while, in which nothing else would be done
            self._chosen = await asyncio.to_thread(self._choose, tags, policies)
        self._tags = tags
        again = {self._chosen[follow.policy] for follow in follows if follow.again}
        wanted = [tag for tag in set(self._chosen.values()) if tag]
        answers = {tag: await self._image(tag, known=tag not in again) for tag in wanted}
        self._digests = {tag: a.digest for tag, a in answers.items() if isinstance(a, ResolvedImage)}
        refusals = [answer for answer in answers.values() if isinstance(answer, Refusal)]
        return Outcome(
            {follow: self._answer(follow.policy, answers) for follow in follows},
            failed=any(refusal.failed for refusal in refusals),
            retry_after=max((refusal.retry_after for refusal in refusals), default=0.0),
        )

    def _choose(self, tags: tuple[str, ...], policies: set[Policy]) -> dict[Policy, str | None]:
        known = self._chosen if tags == self._tags else {}
        return {policy: known[policy] if policy in known else _newest(tags, policy) for policy in policies}

    async def _image(self, tag: str, *, known: bool) -> ResolvedImage | Refusal:
        reference = self._question.reference
        image = ImageReference(reference.registry, reference.path, tag, None)
        ref = f"{image.repository}:{tag}"
        if known and tag in self._digests:
            return ResolvedImage(ref, self._digests[tag])
        asked = self._images.ask(replace(self._question, reference=image), self._images.registry.digest)
        digest = await answered(Stream.IMAGE, POLL_SECONDS, asked, POLLS)
        return digest if isinstance(digest, Refusal) else ResolvedImage(ref, digest)

    def _answer(self, policy: Policy, answers: dict[str, ResolvedImage | Refusal]) -> ResolvedImage | Problem:
        tag = self._chosen[policy]
        if tag is None:
            return following.nothing_matches(self._question.reference.repository, self._tags, policy)
        answer = answers[tag]
        return answer.problem if isinstance(answer, Refusal) else answer


class ImageVerifier:
    """Looks whether the image of a release is still in its registry."""

    def __init__(self, question: ImageQuestion, images: Images) -> None:
        self._question = question
        self._images = images

    async def poll(self, aspects: frozenset[Hashable]) -> Outcome:
        """Return what was found; where the registry does not tell, what it told before stands."""
        asked = self._images.ask(self._question, self._images.registry.exists)
        there = await answered(Stream.IMAGE, POLL_SECONDS, asked, VERIFICATIONS)
        if isinstance(there, Refusal):
            if there.problem.reason != Reason.IMAGE_NOT_FOUND:
                return Outcome({}, failed=True, retry_after=there.retry_after)
            there = False
        reference = self._question.reference
        gone = Found(ReleaseReason.IMAGE_GONE, f"{reference.pinned(reference.digest or '')} is not in the registry")
        return Outcome(dict.fromkeys(aspects, Found() if there else gone))


def _newest(tags: tuple[str, ...], policy: Policy) -> str | None:
    found = following.ranked(map(Version, tags), policy)
    return found[0].name if found else None
