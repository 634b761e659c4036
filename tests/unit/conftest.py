"""What the unit tests of several parts share."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from cluster.blobstore import ENTRY, ensure_azurite
from cluster.toolchain import ensure_node, say
from stand_ins.azurite import Account, azurite

# The same examples in every run, and none refused for the time that a busy machine takes to make them.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def blob_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A blob account of a real Azurite, over TLS and by its real name."""
    node = ensure_node(say)
    with azurite(node, ensure_azurite(node, say) / ENTRY, tmp_path_factory.mktemp("azurite")) as account:
        yield account
