"""When feeds ask, whom they wake, and what they forget, in virtual time."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any

import pytest

from aiapp_operator.sources.feeds import (
    FIRST_RETRY_SECONDS,
    LAST_RETRY_SECONDS,
    LONGEST_RETRY_AFTER,
    POLLS,
    POLLS_PER_GROUP,
    Ask,
    Feeds,
    Outcome,
)
from unit.operator_shell import virtual_time


@dataclass
class Source:
    """Answers every aspect with `answer`; `times` are when it was asked, `asked` for what."""

    answer: Any = "a"
    failed: bool = False
    retry_after: float = 0.0
    takes: float = 0.0
    times: list[float] = field(default_factory=list)
    asked: list[frozenset[Hashable]] = field(default_factory=list)
    made: int = 0

    def make(self) -> "Source":
        self.made += 1
        return self

    async def poll(self, aspects: frozenset[Hashable]) -> Outcome:
        self.times.append(virtual_time.now())
        self.asked.append(aspects)
        await asyncio.sleep(self.takes)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Outcome(dict.fromkeys(aspects, self.answer), self.failed, self.retry_after)

    def ask(self, key: str = "q", group: str = "vision", interval: float = 60, aspect: Hashable = ()) -> Ask:
        return Ask(key, group, interval, self.make, aspect)


class Bench:
    def __init__(self) -> None:
        self.source = Source()
        self.woken: list[tuple[str, float]] = []
        self.feeds: Feeds[str] = Feeds(lambda who: self.woken.append((who, virtual_time.now())), lambda: 1.0)

    async def first(self, who: str, ask: Ask) -> Any:
        self.feeds.subscribe(who, [ask])
        return await self.feeds.answer(who, ask, 5)


def feeding(test: Callable[[Bench], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test in virtual time; everything is stopped at its end, and nothing is left."""

    async def main() -> None:
        bench = Bench()
        await test(bench)
        await bench.feeds.stop()
        assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "feed"] == []

    def run() -> None:
        virtual_time.run(main())

    run.__name__ = test.__name__
    return run


@feeding
async def test_a_new_question_is_asked_at_once_and_then_every_interval(bench: Bench) -> None:
    assert await bench.first("a", bench.source.ask()) == "a"
    await asyncio.sleep(185)
    assert bench.source.times == [0, 60, 120, 180]


@feeding
async def test_as_long_as_there_is_nothing_new_nobody_is_woken(bench: Bench) -> None:
    await bench.first("a", bench.source.ask())
    await asyncio.sleep(3601)
    assert len(bench.source.times) == 61
    assert bench.woken == []


@feeding
async def test_something_new_wakes_every_subscriber_once(bench: Bench) -> None:
    ask = bench.source.ask()
    for who in "ab":
        await bench.first(who, ask)
    bench.source.answer = "b"
    await asyncio.sleep(61)
    assert bench.woken == [("a", 60), ("b", 60)]
    assert [bench.feeds.known(who, ask) for who in "ab"] == ["b", "b"]
    await asyncio.sleep(600)
    assert len(bench.woken) == 2


@feeding
async def test_who_did_not_fetch_the_news_is_woken_again(bench: Bench) -> None:
    await bench.first("a", bench.source.ask())
    bench.source.answer = "b"
    await asyncio.sleep(121)
    assert bench.woken == [("a", 60), ("a", 120)]


@feeding
async def test_equal_questions_share_their_polls_and_the_shortest_interval_counts(bench: Bench) -> None:
    await bench.first("a", bench.source.ask(interval=600))
    await asyncio.sleep(100)
    bench.feeds.subscribe("b", [bench.source.ask(interval=60)])
    await asyncio.sleep(100)
    assert bench.source.times == [0, 100, 160]
    bench.feeds.subscribe("b", [])
    await asyncio.sleep(1000)
    assert bench.source.times[3:] == [220, 820]
    assert bench.source.made == 1


@feeding
async def test_another_aspect_of_a_question_is_asked_at_once_with_those_known(bench: Bench) -> None:
    await bench.first("a", bench.source.ask(aspect=1))
    await asyncio.sleep(10)
    assert await bench.first("b", bench.source.ask(aspect=2)) == "a"
    assert bench.source.times == [0, 10]
    assert bench.source.asked == [{1}, {1, 2}]
    bench.feeds.subscribe("a", [])
    await asyncio.sleep(61)
    assert bench.source.asked[-1] == {2}


@feeding
async def test_a_question_without_subscribers_is_asked_no_more_and_forgotten(bench: Bench) -> None:
    await bench.first("a", bench.source.ask())
    bench.feeds.subscribe("a", [])
    await asyncio.sleep(600)
    assert bench.source.times == [0]
    assert len(bench.feeds) == 0
    assert bench.feeds._asks == {}


@feeding
async def test_polls_of_one_question_never_overlap(bench: Bench) -> None:
    bench.source.takes = 200
    ask = bench.source.ask()
    await bench.first("a", ask)
    for _ in range(3):
        bench.feeds.poll_now("a")
        await bench.feeds.answer("a", ask, 5, fresh=True)
    await asyncio.sleep(600)
    assert bench.source.times == [0, 200, 460]  # the three that were in a hurry are one


@feeding
async def test_an_answer_that_takes_long_is_not_waited_for_but_wakes(bench: Bench) -> None:
    bench.source.takes = 30
    assert await bench.first("a", bench.source.ask()) is None
    assert virtual_time.now() == 5
    assert await bench.first("b", bench.source.ask()) is None
    assert virtual_time.now() == 5  # its poll had its time already
    await asyncio.sleep(26)
    assert bench.woken == [("a", 30), ("b", 30)]


@feeding
async def test_poll_now_asks_anew_and_gives_the_answer_of_now(bench: Bench) -> None:
    ask = bench.source.ask(interval=3600)
    await bench.first("a", ask)
    await asyncio.sleep(10)
    bench.source.answer = "b"
    bench.feeds.poll_now("a")
    assert await bench.feeds.answer("a", ask, 5, fresh=True) == "b"
    assert bench.source.times == [0, 10]
    assert bench.woken == []  # it waited


@feeding
async def test_failures_are_tried_again_ever_later(bench: Bench) -> None:
    bench.source.failed = True
    await bench.first("a", bench.source.ask())
    await asyncio.sleep(4000)
    times = bench.source.times
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps[:6] == [FIRST_RETRY_SECONDS * 2**n for n in range(6)]
    assert gaps[-1] == LAST_RETRY_SECONDS
    bench.source.failed = False
    await asyncio.sleep(LAST_RETRY_SECONDS)
    before = len(bench.source.times)
    await asyncio.sleep(600)
    assert len(bench.source.times) == before + 10  # as often as ever again


@feeding
async def test_a_first_failure_after_a_good_answer_is_not_told_before_the_second(bench: Bench) -> None:
    ask = bench.source.ask()
    await bench.first("a", ask)
    bench.source.answer, bench.source.failed = "trouble", True
    await asyncio.sleep(61)
    assert (bench.feeds.known("a", ask), bench.woken) == ("a", [])
    await asyncio.sleep(5)
    assert bench.woken == [("a", 65)]
    assert bench.feeds.known("a", ask) == "trouble"


@feeding
async def test_a_failure_without_an_answer_before_is_told_at_once(bench: Bench) -> None:
    bench.source.answer, bench.source.failed = "trouble", True
    assert await bench.first("a", bench.source.ask()) == "trouble"


@feeding
async def test_who_asks_to_be_left_alone_is_even_by_those_in_a_hurry(bench: Bench) -> None:
    bench.source.failed, bench.source.retry_after = True, 100
    ask = bench.source.ask(interval=10)
    await bench.first("a", ask)
    bench.source.failed, bench.source.retry_after, bench.source.answer = False, 0, "b"
    await asyncio.sleep(20)
    bench.feeds.poll_now("a")
    assert await bench.feeds.answer("a", ask, 5, fresh=True) == "a"
    assert bench.source.times == [0]
    await asyncio.sleep(80)
    assert bench.source.times[1] == 100
    assert bench.woken[0] == ("a", 100)


@feeding
async def test_no_retry_after_lasts_longer_than_an_hour(bench: Bench) -> None:
    bench.source.failed, bench.source.retry_after = True, 1e9
    await bench.first("a", bench.source.ask())
    await asyncio.sleep(LONGEST_RETRY_AFTER + 1)
    assert len(bench.source.times) == 2


@feeding
async def test_what_a_poll_raises_ends_no_feed_and_is_logged_by_its_type(bench: Bench) -> None:
    bench.source.answer = ZeroDivisionError("hunter2")
    ask = bench.source.ask()
    assert await bench.first("a", ask) is None
    bench.source.answer = "a"
    await asyncio.sleep(6)
    assert bench.feeds.known("a", ask) == "a"


@feeding
async def test_a_group_that_hangs_holds_no_other(bench: Bench) -> None:
    hanging = Source(takes=10_000)
    for n in range(100):
        bench.feeds.subscribe(f"h{n}", [hanging.ask(f"h{n}", "hangs")])
    await asyncio.sleep(1)
    assert len(hanging.times) == POLLS_PER_GROUP
    assert await bench.first("a", bench.source.ask()) == "a"
    assert virtual_time.now() == 1


@feeding
async def test_all_groups_together_have_so_many_polls_at_a_time(bench: Bench) -> None:
    slow = Source(takes=10)
    for n in range(200):
        bench.feeds.subscribe(f"s{n}", [slow.ask(f"s{n}", f"group-{n}")])
    await asyncio.sleep(1)
    assert len(slow.times) == POLLS
    await asyncio.sleep(40)
    assert len(slow.times) == 200


@feeding
async def test_the_first_look_may_be_put_off(bench: Bench) -> None:
    ask = Ask("daily", "vision", 86_400, bench.source.make, first_after=500)
    bench.feeds.subscribe("a", [ask])
    assert bench.feeds.known("a", ask) is None
    await asyncio.sleep(499)
    assert bench.source.times == []
    await asyncio.sleep(2)
    assert bench.source.times == [500]
    assert bench.woken == [("a", 500)]


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_polls_are_spread_by_the_jitter(factor: float) -> None:
    async def main() -> list[float]:
        source, feeds = Source(), Feeds[str](lambda _: None, lambda: factor)
        feeds.subscribe("a", [source.ask()])
        await asyncio.sleep(130)
        await feeds.stop()
        return source.times

    assert virtual_time.run(main())[:2] == [0, pytest.approx(60 * factor)]
