"""Waits of the SDK, shortened."""

import pytest
from azure.core.pipeline.transport import RequestsTransport


@pytest.fixture(autouse=True)
def no_waiting_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of tries stays as it is; only the seconds between them go."""
    monkeypatch.setattr(RequestsTransport, "sleep", lambda *_: None)
