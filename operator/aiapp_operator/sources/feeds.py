"""Questions that are asked again and again, for as long as somebody subscribes to them.

Whoever asks the same shares one feed. A subscriber is woken when the answer is another than the one it was given last;
as long as there is nothing new, nobody hears of a poll. Knows nothing of what is asked.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar
from weakref import WeakValueDictionary

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 5.0
LAST_RETRY_SECONDS: Final = 300.0
"""The longest time between attempts that fail, unless the interval is longer."""
LONGEST_RETRY_AFTER: Final = 3600.0
"""What is honoured of a Retry-After; its sender may be mistaken about years."""
HUSH_SECONDS: Final = 30.0
"""A failure after a good answer is told only if the next attempt, which comes within this time, fails too."""
POLLS_PER_GROUP: Final = 4
POLLS: Final = 64
"""Polls at a time in all: above what a dozen groups that hang can hold."""

S = TypeVar("S", bound=Hashable)
Aspect: TypeAlias = Hashable


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one poll brought.

    answers: by aspect; an aspect that is missing keeps the answer that it had.
    failed: it is tried again with back-off, and not before `retry_after` seconds.
    """

    answers: Mapping[Aspect, Any]
    failed: bool = False
    retry_after: float = 0.0


class Poller(Protocol):
    """Asks one question; keeps what it wants to know again at the next poll, as polls of it never overlap."""

    async def poll(self, aspects: frozenset[Aspect]) -> Outcome:
        """Return an answer for each aspect that somebody subscribes to; never raises."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a subscriber wants to know.

    key: tells the question from all others; subscribers with equal keys share its polls.
    group: at most POLLS_PER_GROUP questions of a group are polled at a time.
    interval: seconds between polls; of several subscribers, the shortest counts.
    make: returns what polls it, called when nobody has asked it so far.
    aspect: which of the answers of a poll is meant.
    first_after: seconds before the first poll; 0: at once.
    """

    key: Hashable
    group: str
    interval: float
    make: Callable[[], Poller] = field(compare=False)
    aspect: Aspect = ()
    first_after: float = 0.0


@dataclass(slots=True)
class _Subscription:
    interval: float
    given: Any = None
    waits: int = 0


@dataclass(slots=True)
class _Feed(Generic[S]):
    """`started` and `finished` count polls; `wanted` is the latest that was begun or asked for, at `wanted_since`."""

    poller: Poller
    group: str
    due: float
    subscriptions: dict[tuple[S, Aspect], _Subscription] = field(default_factory=dict)
    answers: dict[Aspect, Any] = field(default_factory=dict)
    asking: frozenset[Aspect] = frozenset()
    failures: int = 0
    not_before: float = 0.0
    polled: float = 0.0
    started: int = 0
    finished: int = 0
    wanted: int = 0
    wanted_since: float = 0.0
    nudged: asyncio.Event = field(default_factory=asyncio.Event)
    turned: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def interval(self) -> float:
        return min(subscription.interval for subscription in self.subscriptions.values())

    @property
    def running(self) -> bool:
        return self.started > self.finished

    def start(self, now: float) -> None:
        """Begin a poll for all that is subscribed to now."""
        self.started += 1
        if self.wanted < self.started:
            self.wanted, self.wanted_since = self.started, now
        self.asking = frozenset(aspect for _, aspect in self.subscriptions)

    def hurry(self, now: float) -> None:
        """Poll as soon as it may be, with all aspects of now."""
        if self.wanted <= self.started:
            self.wanted, self.wanted_since = self.started + 1, now
        self.due = self.not_before
        self.nudged.set()


class Feeds(Generic[S]):
    """All feeds of one process.

    wake: takes a subscriber whose answer changed.
    jitter: returns a factor for each delay, so that questions that began together do not stay together.
    """

    def __init__(self, wake: Callable[[S], None], jitter: Callable[[], float]) -> None:
        self._wake = wake
        self._jitter = jitter
        self._feeds: dict[Hashable, _Feed[S]] = {}
        self._asks: dict[S, dict[tuple[Hashable, Aspect], Ask]] = {}
        self._slots = asyncio.Semaphore(POLLS)
        self._groups: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._feeds)

    async def stop(self) -> None:
        """Break off all polls."""
        tasks = [feed.task for feed in self._feeds.values() if feed.task]
        for task in tasks:
            task.cancel()
        self._feeds.clear()
        self._asks.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def subscribe(self, subscriber: S, asks: Collection[Ask]) -> None:
        """Let a subscriber have these feeds and no others; a question that nobody asks any more is forgotten."""
        wanted = {(ask.key, ask.aspect): ask for ask in asks}
        for place in self._asks.get(subscriber, {}).keys() - wanted.keys():
            self._leave(subscriber, *place)
        for ask in wanted.values():
            self._join(subscriber, ask)
        self._asks[subscriber] = wanted
        if not wanted:
            del self._asks[subscriber]

    def known(self, subscriber: S, ask: Ask) -> Any | None:
        """Return the last answer to what the subscriber subscribes to; None: there is none yet."""
        feed = self._feeds[ask.key]
        answer = feed.answers.get(ask.aspect)
        feed.subscriptions[subscriber, ask.aspect].given = answer
        return answer

    async def answer(self, subscriber: S, ask: Ask, within: float, *, fresh: bool = False) -> Any | None:
        """Return the answer once it is there; what is there after `within` seconds if it takes longer.

        A subscriber that comes late to a poll waits for the rest of that time only, and is woken by what comes after.

        fresh: what was known before `poll_now` does not count.
        """
        feed, loop = self._feeds[ask.key], asyncio.get_running_loop()
        subscription = feed.subscriptions[subscriber, ask.aspect]
        if fresh or ask.aspect not in feed.answers:
            subscription.waits += 1
            try:
                async with asyncio.timeout_at(max(feed.wanted_since + within, loop.time())):
                    await _finished(feed, feed.wanted)
            except TimeoutError:
                logger.debug("a poll takes longer than %.0f s; its subscribers are woken", within)
            finally:
                subscription.waits -= 1
        subscription.given = feed.answers.get(ask.aspect)
        return subscription.given

    def poll_now(self, subscriber: S) -> None:
        """Poll what the subscriber subscribes to as soon as it may be."""
        for key, _ in self._asks.get(subscriber, ()):
            self._feeds[key].hurry(asyncio.get_running_loop().time())

    def _join(self, subscriber: S, ask: Ask) -> None:
        now = asyncio.get_running_loop().time()
        feed = self._feeds.get(ask.key)
        if feed is None:
            feed = self._feeds[ask.key] = _Feed(ask.make(), ask.group, due=now + ask.first_after, polled=now)
            feed.task = asyncio.create_task(self._serve(feed), name="feed")
        place = (subscriber, ask.aspect)
        subscription = feed.subscriptions.setdefault(place, _Subscription(ask.interval))
        subscription.interval = ask.interval
        if ask.first_after == 0 and ask.aspect not in feed.answers and ask.aspect not in feed.asking:
            feed.hurry(now)
        elif not feed.running and not feed.failures and feed.due > feed.polled + ask.interval * 1.1:
            feed.due = feed.polled + ask.interval * self._jitter()
            feed.nudged.set()

    def _leave(self, subscriber: S, key: Hashable, aspect: Aspect) -> None:
        feed = self._feeds[key]
        del feed.subscriptions[subscriber, aspect]
        if not any(aspect == other for _, other in feed.subscriptions):
            feed.answers.pop(aspect, None)
        if not feed.subscriptions:
            del self._feeds[key]
            if feed.task:
                feed.task.cancel()

    async def _serve(self, feed: _Feed[S]) -> None:
        while True:
            await _until_due(feed)
            async with self._turn(feed.group):
                feed.start(asyncio.get_running_loop().time())
                try:
                    outcome = await feed.poller.poll(feed.asking)
                except Exception as error:  # noqa: BLE001 - a feed that ends would never be missed
                    # By its type alone: its text may quote a secret.
                    logger.error("a poll ended with %s", type(error).__name__)  # noqa: TRY400
                    outcome = Outcome({}, failed=True)
            self._take(feed, outcome)

    @asynccontextmanager
    async def _turn(self, group: str) -> AsyncIterator[None]:
        turn = self._groups.setdefault(group, asyncio.Semaphore(POLLS_PER_GROUP))
        async with turn, self._slots:  # in this order: who waits for its own group holds no slot of all
            yield

    def _take(self, feed: _Feed[S], outcome: Outcome) -> None:
        now = asyncio.get_running_loop().time()
        delay = self._delay(feed, outcome)
        hushed = outcome.failed and feed.failures == 1 and delay <= HUSH_SECONDS
        feed.asking, feed.finished, feed.polled = frozenset(), feed.started, now
        wanted = {aspect for _, aspect in feed.subscriptions}
        for aspect in outcome.answers.keys() & wanted:
            if not (hushed and aspect in feed.answers):
                feed.answers[aspect] = outcome.answers[aspect]
        feed.not_before = now + min(outcome.retry_after, LONGEST_RETRY_AFTER)
        feed.due = feed.not_before if feed.wanted > feed.started else now + delay
        feed.turned.set()
        feed.turned = asyncio.Event()
        for (subscriber, aspect), subscription in tuple(feed.subscriptions.items()):
            if not subscription.waits and feed.answers.get(aspect) != subscription.given:
                self._wake(subscriber)

    def _delay(self, feed: _Feed[S], outcome: Outcome) -> float:
        feed.failures = feed.failures + 1 if outcome.failed else 0
        if not outcome.failed:
            return feed.interval * self._jitter()
        # 2**20 is far above any cap; the exponent is capped so that the power stays a float for ever.
        backed_off = FIRST_RETRY_SECONDS * 2.0 ** min(feed.failures - 1, 20)
        retry_after = min(outcome.retry_after, LONGEST_RETRY_AFTER)
        return max(min(backed_off, max(feed.interval, LAST_RETRY_SECONDS)) * self._jitter(), retry_after)


async def _until_due(feed: _Feed[S]) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < feed.due:
        feed.nudged.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(feed.due):
                await feed.nudged.wait()


async def _finished(feed: _Feed[S], number: int) -> None:
    while feed.finished < number:
        await feed.turned.wait()
