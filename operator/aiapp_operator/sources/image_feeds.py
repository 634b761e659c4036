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
NEWEST: Final = 100
"""So many of the newest tags are kept in order, as the newest may be held."""

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
    """Follows a repository: one listing a poll for all policies, and one HEAD for each tag that is chosen first.

    A tag whose digest is held is asked for in every poll: it may be pushed again.
    """

    def __init__(self, question: ImageQuestion, images: Images) -> None:
        self._question = question
        self._images = images
        self._tags: tuple[str, ...] = ()
        self._orders: dict[Policy, tuple[str, ...]] = {}
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
            self._orders = self._ordered(tags, policies)
        else:  # this takes a while, in which nothing else would be done
            self._orders = await asyncio.to_thread(self._ordered, tags, policies)
        self._tags = tags
        held = frozenset[str]().union(*(follow.held for follow in follows))
        self._digests = {tag: digest for tag, digest in self._digests.items() if digest not in held}
        found: dict[str, ResolvedImage | Refusal] = {}
        # Those that ask again first: what they find is news for all.
        chosen = {follow: await self._choose(follow, found) for follow in sorted(follows, key=lambda f: not f.again)}
        self._digests = {tag: image.digest for tag, image in found.items() if isinstance(image, ResolvedImage)}
        refusals = [image for image in found.values() if isinstance(image, Refusal)]
        return Outcome(
            {follow: self._answer(follow.policy, image) for follow, image in chosen.items()},
            failed=any(refusal.failed for refusal in refusals),
            retry_after=max((refusal.retry_after for refusal in refusals), default=0.0),
        )

    def _ordered(self, tags: tuple[str, ...], policies: set[Policy]) -> dict[Policy, tuple[str, ...]]:
        known = self._orders if tags == self._tags else {}
        return {policy: known[policy] if policy in known else _newest(tags, policy) for policy in policies}

    async def _choose(
        self, follow: Follow, found: dict[str, ResolvedImage | Refusal]
    ) -> ResolvedImage | Refusal | None:
        """Return the newest image that is not held; where all are, the newest. `found` is what this poll knows."""
        tags = self._orders[follow.policy]
        passed: list[str] = []
        for tag in tags[: follow.looks]:
            if tag not in found:
                found[tag] = await self._image(tag, known=not follow.again)
            image = found[tag]
            if isinstance(image, Refusal):
                return image
            if image.digest not in follow.held:
                return replace(image, passed_by=tuple(passed))
            passed.append(image.digest)
        return found[tags[0]] if tags else None

    async def _image(self, tag: str, *, known: bool) -> ResolvedImage | Refusal:
        reference = self._question.reference
        image = ImageReference(reference.registry, reference.path, tag, None)
        ref = f"{image.repository}:{tag}"
        if known and tag in self._digests:
            return ResolvedImage(ref, self._digests[tag])
        asked = self._images.ask(replace(self._question, reference=image), self._images.registry.digest)
        digest = await answered(Stream.IMAGE, POLL_SECONDS, asked, POLLS)
        return digest if isinstance(digest, Refusal) else ResolvedImage(ref, digest)

    def _answer(self, policy: Policy, image: ResolvedImage | Refusal | None) -> ResolvedImage | Problem:
        if image is None:
            return following.nothing_matches(self._question.reference.repository, self._tags, policy)
        return image.problem if isinstance(image, Refusal) else image


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


def _newest(tags: tuple[str, ...], policy: Policy) -> tuple[str, ...]:
    return tuple(version.name for version in following.ranked(map(Version, tags), policy)[:NEWEST])
