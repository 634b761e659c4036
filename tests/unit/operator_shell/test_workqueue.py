"""The queue in virtual time: how often, how many at once and when a key runs."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable

import pytest

from aiapp_operator.errors import TransientError
from aiapp_operator.workqueue import LAST_RETRY_SECONDS, RUN_DEADLINE_SECONDS, WorkQueue
from unit.operator_shell.virtual_time import now, run

Run = Callable[[str], Awaitable[float | None]]


async def _work_off(queue: WorkQueue[str], *keys: str, seconds: float) -> None:
    queue.start()
    for key in keys:
        queue.add(key)
    await asyncio.sleep(seconds)
    await queue.stop()


def _queue(work: Run, concurrency: int = 4) -> WorkQueue[str]:
    return WorkQueue(work, jitter=lambda: 1.0, concurrency=concurrency)


def test_many_reasons_before_a_run_are_one_run() -> None:
    runs: list[str] = []

    async def work(key: str) -> float | None:
        runs.append(key)
        return None

    run(_work_off(_queue(work), "a", "a", "b", "a", seconds=1))
    assert sorted(runs) == ["a", "b"]


def test_a_key_added_while_it_runs_runs_once_more_and_never_twice_at_once() -> None:
    running, most, runs = 0, 0, 0

    async def work(_: str) -> float | None:
        nonlocal running, most, runs
        running, runs = running + 1, runs + 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1
        return None

    async def main() -> None:
        queue = _queue(work)
        queue.start()
        queue.add("a")
        await asyncio.sleep(0.5)
        for _ in range(3):
            queue.add("a")
        await asyncio.sleep(5)
        await queue.stop()

    run(main())
    assert (most, runs) == (1, 2)


def test_keys_run_side_by_side_up_to_the_concurrency() -> None:
    running, most = 0, 0

    async def work(_: str) -> float | None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1
        return None

    run(_work_off(_queue(work, concurrency=3), *"abcdefg", seconds=10))
    assert most == 3


def test_a_key_runs_again_when_its_run_asks_for_it() -> None:
    times: list[float] = []

    async def work(_: str) -> float | None:
        times.append(now())
        return 10.0 if len(times) < 3 else None

    run(_work_off(_queue(work), "a", seconds=100))
    assert times == pytest.approx([0, 10, 20])


def test_an_event_makes_a_waiting_key_run_at_once_and_replaces_its_timer() -> None:
    times: list[float] = []

    async def work(_: str) -> float | None:
        times.append(now())
        return 10.0 if len(times) < 3 else None

    async def main() -> None:
        queue = _queue(work)
        queue.start()
        queue.add("a")
        await asyncio.sleep(4)
        queue.add("a")
        await asyncio.sleep(96)
        await queue.stop()

    run(main())
    assert times == pytest.approx([0, 4, 14])


def test_failures_back_off_exponentially_up_to_a_cap_and_success_resets_them() -> None:
    times: list[float] = []

    async def work(_: str) -> float | None:
        times.append(now())
        if len(times) == 20:
            return 1.0
        raise TransientError("ApiUnavailable", "away")

    run(_work_off(_queue(work), "a", seconds=7200))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert max(gaps) == pytest.approx(LAST_RETRY_SECONDS)
    assert gaps[19:21] == pytest.approx([1.0, 0.2])


def test_the_jitter_spreads_the_back_off() -> None:
    times: list[float] = []

    async def work(_: str) -> float | None:
        times.append(now())
        raise TransientError("ApiUnavailable", "away")

    run(_work_off(WorkQueue(work, jitter=lambda: 1.5), "a", seconds=0.5))
    assert times == pytest.approx([0, 0.3])


def test_one_key_that_fails_unexpectedly_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def work(key: str) -> float | None:
        if key == "bad":
            raise KeyError("spec")
        done.append(key)
        return None

    queue = _queue(work, concurrency=1)

    async def main() -> list[str]:
        queue.start()
        queue.add("bad")
        queue.add("good")
        await asyncio.sleep(1)
        dead = queue.dead_workers()
        await queue.stop()
        return dead

    with caplog.at_level(logging.ERROR):
        assert run(main()) == []
    assert done == ["good"]
    assert "bad: the run failed" in caplog.text


def test_a_run_that_hangs_is_broken_off() -> None:
    times: list[float] = []

    async def work(_: str) -> float | None:
        times.append(now())
        if len(times) == 1:
            await asyncio.Event().wait()
        return None

    run(_work_off(_queue(work, concurrency=1), "a", seconds=RUN_DEADLINE_SECONDS + 10))
    assert times == pytest.approx([0, RUN_DEADLINE_SECONDS + 0.2])


def test_a_dead_worker_is_told() -> None:
    async def work(_: str) -> float | None:
        raise asyncio.CancelledError  # what only a bug in a library lets through

    async def main() -> list[str]:
        queue = _queue(work, concurrency=2)
        queue.start()
        queue.add("a")
        await asyncio.sleep(1)
        return queue.dead_workers()

    assert len(run(main())) == 1


def test_the_depth_counts_what_waits_for_a_worker() -> None:
    async def work(_: str) -> float | None:
        await asyncio.sleep(10)
        return None

    async def main() -> int:
        queue = _queue(work, concurrency=1)
        queue.start()
        for key in "abc":
            queue.add(key)
        await asyncio.sleep(1)
        depth = queue.depth
        await queue.stop()
        return depth

    assert run(main()) == 2
