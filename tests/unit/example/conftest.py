"""The example's models, trained once a run."""

from pathlib import Path

import pytest

import train


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    train.write_models(folder)
    return folder
