"""A sample of what clients of the V2 protocol ask; all of it: `make prove NAME=v2_clients`."""

from proofs import running
from proofs.v2_clients import ECHO, ask, prove


def test_a_client_of_others_reads_each_answer() -> None:
    outcome = prove(12, running.SEED)
    assert (outcome.count, outcome.failures) == (12, ())
    assert outcome.figures["triton"]["right"] == 12


def test_another_value_is_told_as_a_failure() -> None:
    outcome = ask(ECHO.replace("return input", 'return {"x": ~input["x"]}'), 8)
    assert outcome.failures == ("tritonclient, BOOL as JSON, back as JSON: another answer than it must be",)
