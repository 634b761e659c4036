import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from unit.operator_shell.registry_server import Loopback, certificate


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("registry"))


@pytest.fixture
async def loopback(trust: tuple[Path, ssl.SSLContext]) -> AsyncIterator[Loopback]:
    """Registries of the test's own and one client for all of them."""
    found = Loopback(*trust)
    yield found
    await found.close()
