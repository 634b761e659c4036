"""What the unit tests of several parts share."""

from collections.abc import Iterator

import pytest

from cluster.cache import cache_dir
from stand_ins.azurite import Account, azurite


@pytest.fixture(scope="session")
def blob_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A blob account of a real Azurite, over TLS and by its real name."""
    program = cache_dir() / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    if not program.exists():
        pytest.skip("Azurite is not installed: python -m cluster build")
    with azurite(program, tmp_path_factory.mktemp("azurite")) as account:
        yield account
