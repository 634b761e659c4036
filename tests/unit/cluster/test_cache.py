"""Where things are kept, and that two processes do not make them at once."""

import threading
from pathlib import Path

import pytest

from cluster.cache import cache_dir, duration, locked


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("AIAPP_CACHE", str(tmp_path / "own"))
    assert cache_dir() == tmp_path / "own"
    monkeypatch.delenv("AIAPP_CACHE")
    assert cache_dir() == tmp_path / "xdg" / "aiapp"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "aiapp"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (130, "2 min 10 s"), (3600, "60 min 0 s")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_second_waits_for_the_first_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIAPP_CACHE", str(tmp_path))
    said: list[str] = []
    waits = threading.Event()
    order: list[str] = []

    def report(line: str) -> None:
        said.append(line)
        waits.set()

    def second() -> None:
        with locked("thing", "making it", report):
            order.append("second")

    with locked("thing", "making it", pytest.fail):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert said == ["making it: another process is at it, waiting for 0 s"]
