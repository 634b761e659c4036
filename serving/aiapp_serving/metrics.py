"""What is counted of every request, for all workers together: plain numbers in memory that they share."""

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aiapp_serving.route_table import ROUTES

BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; a small model takes a tenth of a millisecond, a slow one seconds."""
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other")
STATUS_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")
USERS_APP: Final = "app"
OTHER: Final = "other"
COUNTED: Final = (*(route.path for route in ROUTES), USERS_APP, OTHER)
"""What requests are counted under; nothing that a client sends can add to them."""
_NUMBER: Final = 8
_IN_FLIGHT, _TURNED_AWAY, _LOAD_SECONDS, _PID, _FIRST = range(5)
_BUCKETS: Final = len(BOUNDS) + 1
_COUNTS: Final = len(METHODS) * len(STATUS_CLASSES)
_PER_ROUTE: Final = _COUNTS + _BUCKETS + 1
_METHOD_NUMBER: Final = {name: number for number, name in enumerate(METHODS)}
_OTHER: Final = len(METHODS) - 1


@dataclass(frozen=True, slots=True)
class Latency:
    """One histogram: how many took at most each of BOUNDS and more than the one before, and more than all."""

    buckets: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What all workers counted. requests: by route, method and class of status. resident_bytes: by worker, from 0."""

    requests: dict[tuple[str, str, str], int]
    latency: dict[str, Latency]
    in_flight: int
    turned_away: int
    load_seconds: float
    resident_bytes: tuple[int, ...]


class Metrics:
    """Made before the workers fork, at most 255 of them."""

    def __init__(self, workers: int = 1) -> None:
        self._size = _FIRST + _PER_ROUTE * len(COUNTED)
        self._memory = memoryview(mmap.mmap(-1, _NUMBER * self._size * workers)).cast("d")
        self._workers = workers
        self._free, free = os.pipe()  # each worker takes one number out of it, and no two the same
        os.write(free, bytes(range(workers)))
        os.close(free)

    def worker(self) -> "WorkerMetrics":
        """Return what a worker counts with; called once in each.

        Raises:
            IndexError: there are more workers than was said.
        """
        return WorkerMetrics(self, self._cells(os.read(self._free, 1)[0]))

    def totals(self) -> Totals:
        """Return the sum over all workers."""
        slots = [self._cells(number).tolist() for number in range(self._workers)]
        sums = [sum(column) for column in zip(*slots, strict=True)]
        return Totals(
            requests=dict(self._requests(sums)),
            latency=dict(self._latency(sums)),
            in_flight=int(sums[_IN_FLIGHT]),
            turned_away=int(sums[_TURNED_AWAY]),
            load_seconds=max(slot[_LOAD_SECONDS] for slot in slots),
            resident_bytes=tuple(_resident_bytes(int(slot[_PID])) for slot in slots),
        )

    def _cells(self, number: int) -> "memoryview[float]":
        return self._memory[self._size * number : self._size * (number + 1)]

    def _starts(self) -> range:
        return range(_FIRST, self._size, _PER_ROUTE)

    def _requests(self, sums: Sequence[float]) -> Iterator[tuple[tuple[str, str, str], int]]:
        for route, start in zip(COUNTED, self._starts(), strict=True):
            for number, count in enumerate(sums[start : start + _COUNTS]):
                if count:
                    method, status = divmod(number, len(STATUS_CLASSES))
                    yield (route, METHODS[method], STATUS_CLASSES[status]), int(count)

    def _latency(self, sums: Sequence[float]) -> Iterator[tuple[str, Latency]]:
        for route, start in zip(COUNTED, self._starts(), strict=True):
            buckets = tuple(int(count) for count in sums[start + _COUNTS : start + _COUNTS + _BUCKETS])
            if any(buckets):
                yield route, Latency(buckets, sums[start + _PER_ROUTE - 1])


class WorkerMetrics:
    """The part of one worker, which alone writes it."""

    def __init__(self, shared: Metrics, cells: "memoryview[float]") -> None:
        self.shared = shared
        self._cells = cells
        self._lock = threading.Lock()
        self._start = {route: _FIRST + _PER_ROUTE * number for number, route in enumerate(COUNTED)}
        cells[_PID] = os.getpid()

    def end(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer, under one of the routes."""
        start = self._start[route]
        number = start + _METHOD_NUMBER.get(method, _OTHER) * len(STATUS_CLASSES) + status // 100 - 1
        bucket = start + _COUNTS + bisect_left(BOUNDS, seconds)
        with self._lock:
            cells = self._cells
            cells[number] += 1
            cells[bucket] += 1
            cells[start + _PER_ROUTE - 1] += seconds

    def in_flight(self, count: int) -> None:
        """Keep how many requests wait or are scored."""
        self._cells[_IN_FLIGHT] = count

    def turned_away(self) -> None:
        """Count a request that found the line full."""
        with self._lock:
            self._cells[_TURNED_AWAY] += 1

    def loaded(self, seconds: float) -> None:
        """Keep how long loading took; 0 until it is done."""
        self._cells[_LOAD_SECONDS] = seconds


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - a file of the kernel
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except (OSError, IndexError):  # it ended, or has not begun
        return 0
