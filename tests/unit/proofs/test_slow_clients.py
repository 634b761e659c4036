"""A sample of what slow clients do to others, without a look at the clock; all: `make prove NAME=slow_clients`."""

import pytest

from proofs import running, slow_clients


def test_beside_slow_clients_every_answer_is_as_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_clients, "BLOCK_SECONDS", 0.3)
    monkeypatch.setattr(slow_clients, "ALLOWED", 1e9)
    outcome = slow_clients.prove(4, running.SEED)
    assert outcome.failures == ()
    assert outcome.count == 4
    assert outcome.figures["answers"] > 100
