"""What the tests of the test cluster share."""

import os
from pathlib import Path

import pytest

from stand_ins.recorded_programs import Recorder


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("AIAPP_CACHE", str(tmp_path / "cache"))
    return Recorder(directory)
