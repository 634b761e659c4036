"""The same questions to the app that serves now: told always, blocking where asked to, never the new one's fault."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from aiapp_serving.gate import runner
from aiapp_serving.gate.calls import Endpoint
from aiapp_serving.gate.outcome import Reason, Result
from stand_ins.azurite import free_port
from stand_ins.gated import SEVEN, gate
from stand_ins.scripted_app import Reply, Script, ScriptedApp, scripted_app

CASES = tuple({**SEVEN, "name": f"case-{i}", "request": {"body": {"input": i}}, "expect": {}} for i in range(60))


@pytest.fixture
def new() -> Iterator[ScriptedApp]:
    with scripted_app(lambda _, body: Reply(body=body or b"{}")) as app:
        yield app


def serving(flips: int) -> Script:
    def answer(_: str, body: bytes) -> Reply:
        given = json.loads(body)["input"]
        return Reply(body=json.dumps({"input": -1 if given < flips else float(given)}).encode())

    return answer


@pytest.mark.parametrize(
    ("flips", "cases", "most", "reason"),
    [
        (0, 60, None, Reason.NONE),
        (60, 60, None, Reason.NONE),
        (0, 60, "0.02", Reason.NONE),
        (2, 60, "0.02", Reason.TOO_MANY_LABEL_FLIPS),
        (1, 50, "0.02", Reason.NONE),
        (1, 60, "0", Reason.TOO_MANY_LABEL_FLIPS),
        (49, 49, "0.02", Reason.NONE),
    ],
)
def test_flips_are_told_and_block_only_where_asked_to_and_enough_was_compared(
    golden: Path, new: ScriptedApp, flips: int, cases: int, most: str | None, reason: Reason
) -> None:
    with scripted_app(serving(flips)) as old:
        limit = None if most is None else Decimal(most)
        outcome = gate(new, golden, *CASES[:cases], compare_with=Endpoint(old.url), max_flips=limit)
    assert outcome.reason is reason
    assert outcome.comparison is not None
    assert (outcome.comparison.compared, outcome.comparison.flips) == (cases, flips)
    assert outcome.comparison.latency_delta is not None


@pytest.mark.parametrize(
    "reply", [Reply(503), Reply(raw=b""), Reply(hangs=True), Reply(raw=b"hm\r\n\r\n"), Reply(body=b" " * 1_100_000)]
)
def test_what_cannot_be_asked_is_skipped_and_left_alone(
    golden: Path, monkeypatch: pytest.MonkeyPatch, new: ScriptedApp, reply: Reply
) -> None:
    monkeypatch.setattr(runner, "PROBE_SECONDS", 0.2)
    with scripted_app(lambda *_: reply) as old:
        outcome = gate(new, golden, *CASES[:6], compare_with=Endpoint(old.url), max_flips=Decimal(0))
    assert outcome.result is Result.PASSED
    assert outcome.comparison is not None
    assert (outcome.comparison.skipped, outcome.comparison.compared) == (True, 0)
    assert "case case-" in outcome.comparison.message
    assert len(old.asked) <= (6 if reply.status == 503 else 3)


def test_nothing_serves_at_that_address(golden: Path, new: ScriptedApp) -> None:
    away = Endpoint(f"http://127.0.0.1:{free_port()}")
    outcome = gate(new, golden, SEVEN | {"expect": {}}, compare_with=away)
    assert outcome.result is Result.PASSED
    assert outcome.comparison is not None
    assert "nothing listens there" in outcome.comparison.message


def test_a_failed_release_is_not_compared(golden: Path, new: ScriptedApp) -> None:
    with scripted_app(serving(0)) as old:
        outcome = gate(new, golden, SEVEN, compare_with=Endpoint(old.url))
    assert outcome.reason is Reason.CASE_FAILED
    assert outcome.comparison is not None
    assert outcome.comparison.skipped
    assert old.asked == []
