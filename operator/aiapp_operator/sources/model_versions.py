"""Which versions a folder of models has, looked at as little as can be: blocking, for a thread of its own.

A listing names folders and says nothing of what is in them. A version counts from its SHA256SUMS on, so each name is
looked at once, and those that are not complete yet again in every poll.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Final, TypeAlias

from aiapp_models.contract import SHA256SUMS
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import ModelStore
from aiapp_operator import following
from aiapp_operator.api.fields import SEGMENT
from aiapp_operator.api.policies import LATEST
from aiapp_operator.following import Policy, Version
from aiapp_operator.state import Problem, Severity

logger = logging.getLogger(__name__)

MAX_NAMES: Final = 100_000
LOOKS_AT_ONCE: Final = 8
CROWDS_AT_ONCE: Final = 4
"""Folders of one process with so much to look at; each connection to a store holds a megabyte or two."""
FEW: Final = 2 * LOOKS_AT_ONCE
"""So many looks are not worth threads, each of which connects to the store."""
INCOMPLETE_LOOKS: Final = 1_000
"""Folders that were not complete at the last look and are looked at in one poll, in turn."""
NEWEST: Final = 100
"""So many of the newest complete versions are kept in order, as the newest may be held."""
_NAME: Final = re.compile(SEGMENT)
_ANY_TIME: Final = datetime.fromtimestamp(0, UTC)

_CROWDS: Final = threading.BoundedSemaphore(CROWDS_AT_ONCE)

Opener: TypeAlias = Callable[[], ModelStore]


class Folder:
    """The versions of one folder, as far as they were looked at. What was learnt outlives a poll that is broken off."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._complete: dict[str, datetime] = {}  # a version's time never moves
        self._incomplete: dict[str, None] = {}  # the one that was looked at longest ago first
        self._orders: dict[Policy, tuple[str, ...]] = {}  # by name, of all names
        self._latest: dict[Policy, tuple[Version, ...]] = {}  # by time, of the complete ones
        self._crowded = False

    def look(self, store: ModelStore, open_another: Opener, policies: Collection[Policy], deadline: float) -> None:
        """List the folder, and look into what must be known to tell which version is the newest by these policies.

        open_another: as a store is for one thread, others are opened where there is much to look at.
        deadline: by the monotonic clock.

        Raises:
            SourceError: the store does not tell, or there is more to look at than one poll can do.
        """
        self._list(store, deadline)
        by_time = [policy for policy in policies if policy.type == following.LAST_MODIFIED]
        if by_time:
            self._look_at_all(open_another, store, by_time, deadline)

    def forget(self, name: str) -> None:
        """Look at a version again: it was not what it seemed."""
        self._complete.pop(name, None)
        self._latest = {}

    def nothing(self, where: str, policy: Policy) -> Problem:
        """Say why there is no newest version."""
        matching = sorted(name for name in self._names if _may_match(name, policy))
        if not matching:
            return following.nothing_matches(where, self._names, policy)
        words = (
            f"{where} has {len(matching)} versions for {policy}, and none is complete, such as {matching[-1]}: upload "
            f"{SHA256SUMS} into each, last of all files"
        )
        return Problem(Severity.WAITING, Reason.MODEL_INCOMPLETE, words)

    def _list(self, store: ModelStore, deadline: float) -> None:
        names = frozenset(_valid(store, deadline))
        if names == self._names:
            return  # the strings that are kept stay the ones that are shared
        self._complete = {name: time for name, time in self._complete.items() if name in names}
        self._incomplete = {name: None for name in self._incomplete if name in names}
        self._names, self._orders, self._latest = names, {}, {}

    def _look_at_all(self, open_another: Opener, store: ModelStore, policies: list[Policy], deadline: float) -> None:
        unknown = (name for name in sorted(self._names) if name not in self._complete)
        matching = {name: None for name in unknown if any(_may_match(name, policy) for policy in policies)}
        new = [name for name in matching if name not in self._incomplete]
        names = new + list(islice((name for name in self._incomplete if name in matching), INCOMPLETE_LOOKS))
        self._tell_crowd(store, len(matching) - len(new))
        if len(names) <= FEW:
            self._look_at(store, names, deadline, threading.Event())
            return
        failed = threading.Event()

        def look_at_some(share: list[str]) -> None:
            with open_another() as own:
                self._look_at(own, share, deadline, failed)

        with self._turn(store, deadline), ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look") as pool:
            shares = [names[start::LOOKS_AT_ONCE] for start in range(LOOKS_AT_ONCE)]
            for done in [pool.submit(look_at_some, share) for share in shares]:
                done.result()

    @contextmanager
    def _turn(self, store: ModelStore, deadline: float) -> Iterator[None]:
        """Wait until fewer folders are looked at with threads; what does not get its turn goes on in the next poll."""
        if not _CROWDS.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise self._unfinished(store)
        try:
            yield
        finally:
            _CROWDS.release()

    def _look_at(self, store: ModelStore, names: list[str], deadline: float, failed: threading.Event) -> None:
        for name in names:
            if failed.is_set():
                return
            try:
                self._check_time(store, deadline)
                self._look(store, name)
            except BaseException:
                failed.set()
                raise

    def _look(self, store: ModelStore, name: str) -> datetime | None:
        published = store.published(name)
        self._incomplete.pop(name, None)
        if published:
            self._complete[name] = published
            self._latest = {}
        else:
            self._incomplete[name] = None
        return published

    def newest(self, store: ModelStore, policy: Policy, deadline: float) -> Iterator[Version]:
        """Yield the complete versions of the last look, newest first; raises as `look`."""
        if policy.type == following.LAST_MODIFIED:
            if policy not in self._latest:
                found = following.ranked([Version(*item) for item in self._complete.items()], policy)
                self._latest[policy] = found[:NEWEST]
            yield from self._latest[policy]
            return
        if policy not in self._orders:
            self._orders[policy] = tuple(v.name for v in following.ranked(map(Version, self._names), policy))
        # By name, so only those above the newest complete one need a look.
        for name in islice(self._orders[policy], INCOMPLETE_LOOKS):
            self._check_time(store, deadline)
            published = self._complete.get(name) or self._look(store, name)
            if published:
                yield Version(name, published)

    def _check_time(self, store: ModelStore, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise self._unfinished(store)

    def _unfinished(self, store: ModelStore) -> SourceError:
        looked = len(self._complete) + len(self._incomplete)
        words = f"{store.locate('')}: {looked} of {len(self._names)} versions are looked at so far; it goes on"
        return SourceError(Reason.STORE_UNREACHABLE, words, transient=True)

    def _tell_crowd(self, store: ModelStore, incomplete: int) -> None:
        crowded = incomplete > INCOMPLETE_LOOKS
        if crowded and not self._crowded:
            logger.warning(
                "%s has %d folders without %s: %d of them are looked at in each poll, in turn; delete them, or write "
                "a pattern that leaves them out",
                *(store.locate(""), incomplete, SHA256SUMS, INCOMPLETE_LOOKS),
            )
        self._crowded = crowded


def _may_match(name: str, policy: Policy) -> bool:
    return following.matches(Version(name, _ANY_TIME), policy)


def _valid(store: ModelStore, deadline: float) -> Iterator[str]:
    """Yield the names that spec.modelVersion could name."""
    for count, name in enumerate(store.names()):
        if count >= MAX_NAMES:
            words = f"{store.locate('')} has more than {MAX_NAMES} folders: move old versions elsewhere"
            raise SourceError(Reason.MODEL_TOO_LARGE, words)
        if time.monotonic() > deadline:
            words = f"{store.locate('')} takes too long to list, {count} folders so far; it is asked again"
            raise SourceError(Reason.STORE_UNREACHABLE, words, transient=True)
        if len(name) <= 128 and name != LATEST and _NAME.fullmatch(name):
            yield name
