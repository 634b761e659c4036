"""From single answers to what came of a case, of the comparison and of the whole gate. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

from aiapp_serving.gate.cases import Case
from aiapp_serving.gate.outcome import CaseResult, Comparison, Reason, Result

ROUNDS: Final = 3
"""Times each case is asked: an answer that comes and goes is none."""
FEWEST_COMPARED: Final = 50
"""Below, one flip would be more than most limits: it is told and blocks nothing."""
WORST_FIRST: Final = (Reason.CASE_FAILED, Reason.FLAPPING, Reason.ANSWER_TOO_LARGE)
PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Try:
    """One time that a case was asked. problem: empty: the answer is right. seconds: None: there was no answer."""

    problem: str = ""
    seconds: float | None = None
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One case asked of both apps: whether their values differ, and the seconds that each took."""

    name: str
    flipped: bool
    seconds: float
    seconds_before: float


def case_result(case: Case, tries: Sequence[Try]) -> CaseResult:
    """Return how a case went over all its rounds."""
    times = [one.seconds for one in tries if one.seconds is not None]
    typical = median(times) if times else None
    wrong = [one for one in tries if one.problem]
    if any(one.too_large for one in wrong):
        return CaseResult(case, Reason.ANSWER_TOO_LARGE, wrong[-1].problem, typical)
    if wrong and len(wrong) < len(tries) and all(one.seconds is not None for one in wrong):
        right = len(tries) - len(wrong)
        message = f"right {right} of {len(tries)} times, else: {wrong[-1].problem}"
        return CaseResult(case, Reason.FLAPPING, message, typical)
    if wrong:
        return CaseResult(case, Reason.CASE_FAILED, wrong[-1].problem, typical)
    limit = case.expect.max_latency
    if limit is not None and typical is not None and typical > limit:
        message = (
            f"took {milliseconds(typical)}, the median of {len(times)}; at most {milliseconds(limit)} was expected"
        )
        return CaseResult(case, Reason.CASE_FAILED, message, typical)
    return CaseResult(case, Reason.NONE, "", typical)


def compare(pairs: Sequence[Pair], cases: int, problem: str) -> Comparison:
    """Return how the two apps differ.

    problem: what was odd about a case that could not be compared, empty: nothing was.
    """
    if not pairs:
        return Comparison(message=problem or "there are no cases to compare", skipped=True)
    flipped = [pair.name for pair in pairs if pair.flipped]
    delta = median(pair.seconds for pair in pairs) - median(pair.seconds_before for pair in pairs)
    message = f"{len(flipped)} of {len(pairs)} compared answers differ from what serves now"
    if flipped:
        message += f": {', '.join(flipped[:5])}{', ...' if len(flipped) > 5 else ''}"
    if len(pairs) < cases:
        message += f"; {cases - len(pairs)} could not be compared: {problem}"
    return Comparison(len(pairs), len(flipped), delta, message)


def verdict(
    results: Sequence[CaseResult], comparison: Comparison | None, max_flips: Decimal | None, seconds: float
) -> tuple[Result, Reason, str]:
    """Return what came of it all. max_flips: the share of answers that may differ, None: any."""
    failed = [one for one in results if one.reason]
    if failed:
        reason = next(reason for reason in WORST_FIRST if any(one.reason is reason for one in failed))
        first = next(one for one in failed if one.reason is reason)
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        words = (
            f"{len(failed)} of {len(results)} cases failed: {first.case.name} ({first.case.origin}): {first.message}"
        )
        return Result.FAILED, reason, words + more
    if comparison and max_flips is not None and comparison.compared >= FEWEST_COMPARED:
        share = Decimal(comparison.flips) / comparison.compared
        if share > max_flips:
            most = f"at most {max_flips * PERCENT:f}% may"
            return Result.FAILED, Reason.TOO_MANY_LABEL_FLIPS, f"{comparison.message}; {most}"
    if not results:
        return Result.PASSED, Reason.NONE, f"ready after {seconds:.1f} s; there are no golden cases"
    return Result.PASSED, Reason.NONE, f"{len(results)} of {len(results)} cases passed in {seconds:.1f} s"


def milliseconds(seconds: float) -> str:
    """Return a short time in words."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
