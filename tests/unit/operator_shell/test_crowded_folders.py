"""Folders with much to look at take turns, or their connections would be more than the operator's memory holds."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from aiapp_models.errors import SourceError
from aiapp_models.stores import ModelStore
from aiapp_operator.following import Policy
from aiapp_operator.sources import model_versions
from aiapp_operator.sources.model_versions import CROWDS_AT_ONCE, LOOKS_AT_ONCE, Folder
from stand_ins.memory_store import FILES, MemoryStore

LATEST = Policy("LastModified")
VERSIONS = tuple(f"v{number}" for number in range(100))


class Looked(MemoryStore):
    """Tells of each look; a look waits where it is told to."""

    on_look: Callable[[], None] = staticmethod(lambda: None)

    def names(self) -> Iterator[str]:
        return iter(VERSIONS)

    def published(self, version: str) -> datetime | None:
        assert version in VERSIONS
        self.on_look()
        return datetime(2026, 11, 23, tzinfo=UTC)


def newest(store: Looked, folder: Folder, seconds: float) -> str | None:
    def another() -> ModelStore:
        return store

    deadline = time.monotonic() + seconds
    folder.look(store, another, [LATEST], deadline)
    found = next(folder.newest(store, LATEST, deadline), None)
    return found.name if found else None


def test_so_many_folders_are_looked_at_and_no_more_at_a_time() -> None:
    lock, here, most = threading.Lock(), 0, 0

    def look() -> None:
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        time.sleep(0.001)  # as long as an answer takes, so that looks overlap
        with lock:
            here -= 1

    store = Looked(dict(FILES))
    store.on_look = look
    with ThreadPoolExecutor(3 * CROWDS_AT_ONCE) as pool:
        found = list(pool.map(lambda _: newest(store, Folder(), 60), range(3 * CROWDS_AT_ONCE)))
    assert found == ["v99"] * (3 * CROWDS_AT_ONCE)
    assert 1 < most <= CROWDS_AT_ONCE * LOOKS_AT_ONCE


def test_a_folder_whose_turn_does_not_come_says_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, store = Folder(), Looked(dict(FILES))
    with monkeypatch.context() as patch:
        patch.setattr(model_versions, "_CROWDS", threading.BoundedSemaphore(1))
        with model_versions._CROWDS, pytest.raises(SourceError, match="it goes on") as caught:
            newest(store, folder, 0.01)
        assert caught.value.transient
    assert newest(store, folder, 60) == "v99"
