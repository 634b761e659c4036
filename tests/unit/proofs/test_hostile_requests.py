"""A sample of the hostile requests; all of them: `make prove NAME=hostile_requests`."""

import random

import pytest

from proofs import running
from proofs.hostile_requests import KINDS, batch, differs, hostile


def test_a_sample_of_hostile_requests_is_refused_or_read_as_it_was_meant() -> None:
    tally = batch(running.SEED, range(9_000))
    assert tally.failures == []
    assert tally.outcomes.total() == 9_000
    assert min(tally.outcomes[f"{kind} {outcome}"] for kind in KINDS for outcome in ("accepted", "refused")) > 20


def test_an_input_can_be_made_again() -> None:
    first, second = (hostile(random.Random(7), "infer") for _ in range(2))  # noqa: S311 - to be drawn again
    assert first == second


@pytest.mark.parametrize("body", [b"18446744073709551616", b'{"a":[-9223372036854775809]}', b'{"a":1,"a":2}', b"[-0]"])
def test_what_orjson_alone_would_read_otherwise_is_read_strictly(body: bytes) -> None:
    assert differs(body) == ""
