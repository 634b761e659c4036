"""What came of a gate. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiapp_serving.gate.cases import Case


class Result(StrEnum):
    """The three results."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"


class Reason(StrEnum):
    """Why not Passed, as far as asking can tell."""

    NONE = ""
    CASE_FAILED = "CaseFailed"
    NEVER_READY = "NeverReady"
    WRONG_VERSION = "WrongVersion"
    FLAPPING = "Flapping"
    ANSWER_TOO_LARGE = "AnswerTooLarge"
    TOO_MANY_LABEL_FLIPS = "TooManyLabelFlips"
    CASES_INVALID = "CasesInvalid"
    CASES_MISSING = "CasesMissing"


EXIT_STATUS: Final = {Result.PASSED: 0, Result.FAILED: 1, Result.INCONCLUSIVE: 3}


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went. reason: empty: well. seconds: the median of its answers, None: there was none."""

    case: Case
    reason: Reason
    message: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the answers differ from those of the app that serves now. skipped: why it was not compared, else empty."""

    compared: int = 0
    flips: int = 0
    latency_delta: float | None = None
    message: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole gate. app: what its /version answered, None where it does not speak our JSON."""

    result: Result
    reason: Reason
    message: str
    seconds: float
    cases: tuple[CaseResult, ...] = ()
    app: dict[str, Any] | None = None
    comparison: Comparison | None = None
