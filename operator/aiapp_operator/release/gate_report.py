"""What a gate says of itself as its last word: read, masked once more and bounded. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from aiapp_models.masking import masked
from aiapp_operator.container_states import Container, excerpt
from aiapp_operator.reasons import DESCRIPTIONS, Reason
from aiapp_operator.state import GateResult, Problem, Severity

LENGTH: Final = 4096
"""Bytes that the kubelet keeps of a termination message, and that a release's record keeps of it."""
EXIT_CODES: Final = {GateResult.PASSED: 0, GateResult.FAILED: 1, GateResult.INCONCLUSIVE: 3}
WITHOUT_REASON: Final = {
    GateResult.FAILED: Reason.GATE_FAILED,
    GateResult.INCONCLUSIVE: Reason.GATE_INCONCLUSIVE,
}
_NAME: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")


@dataclass(frozen=True, slots=True)
class Report:
    """problem: why it is not PASSED. text: the transcript, JSON of at most 4 KiB, without what looks like a secret."""

    result: GateResult
    problem: Problem | None
    text: str


def read(gate: Container) -> Report | None:
    """Return what a gate that ended reports; None: nothing that can be believed.

    Its exit code must say the same, as a message alone may be the end of a log, or of a gate that was killed.
    """
    try:
        said = json.loads(gate.ended.get("message", ""))
        result = GateResult(said["result"])
        clean = _clean(said)
        text = _bounded(clean)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    if gate.ended.get("exitCode") != EXIT_CODES[result]:
        return None
    return Report(result, _problem(result, clean), text)


def _problem(result: GateResult, said: dict[str, Any]) -> Problem | None:
    if result is GateResult.PASSED:
        return None
    reason = said["reason"] if isinstance(said.get("reason"), str) else ""
    message = excerpt(str(said.get("message", ""))) or "it gave no cause"
    if reason in DESCRIPTIONS:
        return Problem(Severity.WAITING, reason, message)
    # A gate of another version may know more reasons than this operator explains.
    named = f"{reason}: " if _NAME.fullmatch(reason) else ""
    return Problem(Severity.WAITING, WITHOUT_REASON[result], named + message)


def _clean(value: Any) -> Any:
    """Return JSON in which no text looks like a secret: answers of the app are quoted in it."""
    if isinstance(value, dict):
        return {masked(name): _clean(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return masked(value) if isinstance(value, str) else value


def _bounded(said: dict[str, Any]) -> str:
    """Return JSON that fits; cases that went well come last in a report, and go first."""
    text = _dumped(said)
    cases = said.get("cases")
    while len(text.encode()) > LENGTH and isinstance(cases, list) and cases:
        cases = cases[:-1]
        text = _dumped({**said, "cases": cases})
    if len(text.encode()) <= LENGTH:
        return text
    return _dumped({"result": said["result"], "message": excerpt(str(said.get("message", "")))})


def _dumped(said: dict[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
