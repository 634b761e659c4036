"""Runs one function per key: never twice at once for a key, never twice for one burst of reasons.

What a run returns or raises decides when the key runs again. Knows nothing of what a key names.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from aiapp_operator.errors import OperatorError

logger = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 0.2
LAST_RETRY_SECONDS: Final = 300.0
RUN_DEADLINE_SECONDS: Final = 180.0
"""A run that hangs longer is broken off and counts as failed; above the deadlines of all its calls."""

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to run, by `concurrency` workers.

    run: does the work for a key; returns seconds until the next run, or None: only when added again.
        What it raises is logged and the key runs again after FIRST_RETRY_SECONDS, doubled each time.
    jitter: returns a factor for each such delay, so that keys that failed together do not come back together.
    """

    def __init__(
        self, run: Callable[[K], Awaitable[float | None]], *, jitter: Callable[[], float], concurrency: int = 16
    ) -> None:
        self._run = run
        self._jitter = jitter
        self._concurrency = concurrency
        self._ready: deque[K] = deque()
        self._wanted: set[K] = set()  # in _ready, or added while running
        self._running: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Semaphore(0)  # counts _ready
        self._workers: list[asyncio.Task[None]] = []

    @property
    def depth(self) -> int:
        """Return how many keys wait for a worker."""
        return len(self._ready)

    def start(self) -> None:
        """Start the workers in the running event loop."""
        self._workers = [asyncio.create_task(self._work(), name=f"worker-{n}") for n in range(self._concurrency)]

    async def stop(self) -> None:
        """Break off what runs and drop what waits."""
        for timer in self._timers.values():
            timer.cancel()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def dead_workers(self) -> list[str]:
        """Return the names of workers that ended, which none does by itself."""
        return [worker.get_name() for worker in self._workers if worker.done()]

    def add(self, key: K) -> None:
        """Run the key as soon as a worker is free, once however often it is added until then."""
        self._cancel_timer(key)
        if key in self._wanted:
            return
        self._wanted.add(key)
        if key not in self._running:
            self._ready.append(key)
            self._wake.release()

    async def _work(self) -> None:
        while True:
            await self._wake.acquire()
            key = self._ready.popleft()
            self._wanted.discard(key)
            self._running.add(key)
            delay: float | None = None
            try:
                delay = await self._attempt(key)
            finally:
                self._running.discard(key)
            if key in self._wanted:
                self._ready.append(key)
                self._wake.release()
            elif delay is not None:
                self._add_later(key, delay)

    async def _attempt(self, key: K) -> float | None:
        self._cancel_timer(key)
        try:
            async with asyncio.timeout(RUN_DEADLINE_SECONDS):
                delay = await self._run(key)
        except OperatorError as error:
            return self._retry_delay(key, str(error))
        except Exception as error:  # one key's failure must never stop the others
            logger.exception("%s: the run failed", _words(key))
            return self._retry_delay(key, type(error).__name__)
        self._failures.pop(key, None)
        return delay

    def _retry_delay(self, key: K, why: str) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # 2**20 is far above the cap; the exponent is capped so that the power stays a float for ever.
        delay = min(FIRST_RETRY_SECONDS * 2.0 ** min(failures, 20), LAST_RETRY_SECONDS) * self._jitter()
        logger.info("%s: again in %.1f s: %s", _words(key), delay, why)
        return delay

    def _add_later(self, key: K, delay: float) -> None:
        self._cancel_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(delay, self.add, key)

    def _cancel_timer(self, key: K) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()


def _words(key: Hashable) -> str:
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)
