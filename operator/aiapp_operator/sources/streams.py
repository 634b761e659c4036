"""What the followed streams of each app stand for, and whether what serves is still where it came from.

All of it is asked by feeds, outside of any reconciliation: as long as there is nothing new, an app costs nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeAlias

from aiapp_operator import following
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.following import Policy
from aiapp_operator.release.ledger import Release
from aiapp_operator.sources import questions
from aiapp_operator.sources.asking import UNREACHABLE
from aiapp_operator.sources.feeds import Ask, Feeds
from aiapp_operator.sources.image_feeds import Images, ImageVerifier, TagPoller, TagsPoller
from aiapp_operator.sources.model_feeds import FolderPoller, ModelVerifier, Stores
from aiapp_operator.sources.questions import Follow, Found
from aiapp_operator.state import Drift, Key, Problem, ResolvedImage, ResolvedModel, Severity, Stream

FIRST_ANSWER_SECONDS: Final = 5.0
"""How long a run waits for an answer that is not there yet; it holds one of the queue's workers meanwhile."""
SPREAD: Final = 0.1
"""The first look at released bytes comes within this part of the time between looks, and so after every restart."""

Answer: TypeAlias = ResolvedImage | ResolvedModel | Problem


@dataclass(frozen=True, slots=True)
class _Followed:
    """What an app subscribes to: its streams, and the looks at its releases by their revisions."""

    streams: dict[Stream, Ask] = field(default_factory=dict)
    looks: tuple[tuple[int, Ask], ...] = ()


class Streams:
    """The followed streams of all apps.

    spread: returns a number between 0 and 1, so that looks that come once a day do not come together.
    """

    def __init__(
        self, images: Images, stores: Stores, feeds: Feeds[Key], verify_hours: float, spread: Callable[[], float]
    ) -> None:
        self._images = images
        self._stores = stores
        self._feeds = feeds
        self._verify_seconds = verify_hours * 3600
        self._spread = spread
        self._apps: dict[Key, _Followed] = {}

    def follow(
        self,
        app: AIApp,
        policies: Mapping[Stream, Policy],
        releases: Sequence[Release],
        *,
        again: bool,
        held: Mapping[Stream, frozenset[str]],
    ) -> None:
        """Follow these streams of an app and look after these releases, from now on and nothing else.

        again: what was chosen does not start, so its bytes are looked at in every poll.
        held: content digests that are passed by, see `questions.Follow`.
        """
        key = Key(app.metadata.namespace, app.metadata.name)
        asks: dict[Stream, Ask] = {}
        if policy := policies.get(Stream.IMAGE):
            asks[Stream.IMAGE] = self._image(
                questions.image(app), Follow(policy, again, held.get(Stream.IMAGE, frozenset()))
            )
        if (policy := policies.get(Stream.MODEL)) and (question := questions.model(app)):
            asks[Stream.MODEL] = self._model(question, Follow(policy, again, held.get(Stream.MODEL, frozenset())))
        looks = tuple((release.number, ask) for release in releases for ask in self._looks(key, release))
        self._apps[key] = _Followed(asks, looks)
        self._feeds.subscribe(key, [*asks.values(), *(ask for _, ask in looks)])

    def forget(self, key: Key) -> None:
        """Follow nothing of an app any more."""
        self._apps.pop(key, None)
        self._feeds.subscribe(key, ())

    def known(self, key: Key, stream: Stream) -> Answer | None:
        """Return what a followed stream stands for, from memory; None: it was not asked yet."""
        answer: Answer | None = self._feeds.known(key, self._apps[key].streams[stream])
        return answer

    async def answer(self, key: Key, stream: Stream, *, fresh: bool) -> Answer:
        """Return the same, waited for; fresh: asked after now."""
        ask = self._apps[key].streams[stream]
        answer: Answer | None = await self._feeds.answer(key, ask, FIRST_ANSWER_SECONDS, fresh=fresh)
        if answer is not None:
            return answer
        words = f"there is no answer after {FIRST_ANSWER_SECONDS:.0f} s yet; it goes on as soon as there is"
        return Problem(Severity.TRANSIENT, UNREACHABLE[stream], words)

    def poll_now(self, key: Key) -> None:
        """Ask everything about an app as soon as may be."""
        self._feeds.poll_now(key)

    def drifts(self, key: Key) -> tuple[Drift, ...] | None:
        """Return what the last looks at the app's releases found; None: nothing, and some are still to come."""
        found: list[tuple[int, Found | None]] = [(n, self._feeds.known(key, ask)) for n, ask in self._apps[key].looks]
        drifts = tuple(Drift(number, *look) for number, look in found if look and look.reason)
        return drifts or (None if any(look is None for _, look in found) else ())

    def _image(self, question: questions.ImageQuestion, follow: Follow) -> Ask:
        seconds = follow.policy.interval.total_seconds()
        if follow.policy.type == following.TAG:
            make = partial(TagPoller, question, self._images)
            return Ask(("tag", question), question.namespace, seconds, make)
        make_all = partial(TagsPoller, question, self._images)
        return Ask(("tags", question), question.namespace, seconds, make_all, _aspect(follow))

    def _model(self, question: questions.ModelQuestion, follow: Follow) -> Ask:
        make, seconds = partial(FolderPoller, question, self._stores), follow.policy.interval.total_seconds()
        return Ask(("models", question), question.namespace, seconds, make, _aspect(follow))

    def _looks(self, key: Key, release: Release) -> tuple[Ask, ...]:
        if (asked := questions.released(key, release)) is None:
            return ()
        (image, model), released = asked, release.inputs.model
        seconds = self._verify_seconds
        first = max(1.0, seconds * SPREAD * self._spread())
        make = partial(ImageVerifier, image, self._images)
        looks = (Ask(("image", image), key.namespace, seconds, make, first_after=first),)
        if model is None or released is None:
            return looks
        place = ("model", model, released.version, released.digest, released.manifest_digest)
        make_model = partial(ModelVerifier, model, released, self._stores)
        return (*looks, Ask(place, key.namespace, seconds, make_model, first_after=first))


def _aspect(follow: Follow) -> Follow:
    # However often: the answer is the same.
    return follow._replace(policy=replace(follow.policy, interval=timedelta()))
