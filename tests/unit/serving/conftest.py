"""A model store in memory, the settings to fetch its one version, and a folder for golden cases."""

from pathlib import Path

import pytest

from aiapp_serving import download
from aiapp_serving.fetch_settings import FetchSettings
from stand_ins.memory_store import FILES, MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(dict(FILES))


@pytest.fixture
def settings(tmp_path: Path, store: MemoryStore) -> FetchSettings:
    volume = tmp_path / "volume"
    volume.mkdir()
    return FetchSettings({}, "3", store.manifest("3").digest, volume / "model", None, None)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that fails is tried again at once."""
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """The folder of a model's own cases."""
    folder = tmp_path / "golden"
    folder.mkdir()
    return folder
