"""The gate from its first question to its outcome: cases, readiness, version, rounds, comparison."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from aiapp_serving.gate.calls import Endpoint, NoAnswer
from aiapp_serving.gate.case_files import read_cases
from aiapp_serving.gate.cases import Case, CasesError
from aiapp_serving.gate.expectations import Answer, Mismatch, check, same, value_of
from aiapp_serving.gate.judgement import ROUNDS, Pair, Try, case_result, compare, verdict
from aiapp_serving.gate.outcome import CaseResult, Comparison, Outcome, Reason, Result
from aiapp_serving.gate.versions import NOT_KNOWN, VERSION_PATH, Expected, version_document, wrong_version

REQUEST_SECONDS: Final = 60.0
"""The longest that one answer may take."""
PROBE_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 0.25
LINE_SECONDS: Final = 10.0
COMPARISON_SECONDS: Final = 60.0
"""All of it: what serves now has users to answer."""
UNANSWERED: Final = 3
"""Questions in a row that the app that serves now may leave unanswered before it is left alone."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class GateSettings:
    """One gate.

    sources, optional, bodies: see read_cases. timeout: seconds, readiness and all cases together. compare_with: the app
    that serves now, None: there is none. max_flips: the share of compared answers that may differ, None: any.
    """

    endpoint: Endpoint
    sources: tuple[Path, ...]
    optional: frozenset[Path]
    bodies: Path
    ready_path: str
    timeout: float
    expected: Expected = NOT_KNOWN
    compare_with: Endpoint | None = None
    max_flips: Decimal | None = None


class _Clock:
    """The gate's time."""

    def __init__(self, seconds: float) -> None:
        self._started = time.monotonic()
        self._end = self._started + seconds

    def left(self) -> float:
        return self._end - time.monotonic()

    def spent(self) -> float:
        return time.monotonic() - self._started


class _NeverReady(Exception):  # noqa: N818
    """The app did not become ready in time; the text says what it did instead."""


def run(settings: GateSettings, say: Say) -> Outcome:
    """Try the app and return what came of it; say what is going on."""
    clock = _Clock(settings.timeout)
    try:
        cases = read_cases(settings.sources, settings.optional, settings.bodies)
        ready = _await_ready(settings, clock, say)
    except CasesError as error:
        result = (Result.INCONCLUSIVE, Reason.CASES_MISSING) if error.missing else (Result.FAILED, Reason.CASES_INVALID)
        return Outcome(*result, str(error), clock.spent())
    except _NeverReady as error:
        return Outcome(Result.FAILED, Reason.NEVER_READY, str(error), clock.spent())
    app = version_document(_version(settings, ready))
    if app and (wrong := wrong_version(app, settings.expected)):
        message = f"the app that answers is not the release that is tried: {wrong}"
        return Outcome(Result.FAILED, Reason.WRONG_VERSION, message, clock.spent(), app=app)
    say(f"ready after {clock.spent():.1f} s; {len(cases)} cases, each {ROUNDS} times")
    results = _rounds(settings.endpoint, cases, clock)
    comparison = _comparison(settings, results, clock)
    seconds = clock.spent()
    told = verdict(results, comparison, settings.max_flips, seconds)
    return Outcome(*told, seconds, results, app, comparison)


def _await_ready(settings: GateSettings, clock: _Clock, say: Say) -> Answer:
    where = f"{settings.endpoint.url}{settings.ready_path}"
    say(f"waiting for a 2xx from {where}")
    pause, said, seen = FIRST_PAUSE_SECONDS, 0.0, "nothing was asked"
    while (left := clock.left()) > 0:
        try:
            answer = settings.endpoint.get(settings.ready_path, min(PROBE_SECONDS, left))
        except NoAnswer as error:
            seen = str(error)
        else:
            if 200 <= answer.status < 300:
                return answer
            seen = f"it answers {answer.status}{', and redirects are not followed' if answer.status < 400 else ''}"
        if clock.spent() - said >= LINE_SECONDS:
            said = clock.spent()
            say(f"still waiting after {said:.0f} s: {seen}")
        time.sleep(max(0.0, min(pause, clock.left())))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    problem = f"no 2xx from {where} within {settings.timeout:.3g} s: {seen}"
    raise _NeverReady(f"{problem}; the app's log says why, or give it more time")


def _version(settings: GateSettings, ready: Answer) -> Answer:
    if settings.ready_path == VERSION_PATH:
        return ready
    try:
        return settings.endpoint.get(VERSION_PATH, PROBE_SECONDS)
    except NoAnswer:  # an app of another kind owes no answer there
        return Answer(404, b"", 0.0)


def _rounds(endpoint: Endpoint, cases: Sequence[Case], clock: _Clock) -> tuple[CaseResult, ...]:
    """Ask all cases, and then all again: what comes and goes is seen sooner than by asking one three times in a row."""
    tries: list[list[Try]] = [[] for _ in cases]
    for _ in range(ROUNDS):
        for case, so_far in zip(cases, tries, strict=True):
            if not (so_far and so_far[-1].problem and so_far[-1].seconds is None):  # an unanswered one stays it
                so_far.append(_try(endpoint, case, clock.left()))
    return tuple(case_result(case, so_far) for case, so_far in zip(cases, tries, strict=True))


def _try(endpoint: Endpoint, case: Case, left: float) -> Try:
    if left <= 0:
        return Try("the gate's time was over before it was answered; give the gate more time or fewer cases")
    try:
        answer = endpoint.ask(case.request, min(REQUEST_SECONDS, left))
        check(case, answer)
    except NoAnswer as problem:
        return Try(str(problem), too_large=problem.too_large)
    except Mismatch as problem:
        return Try(str(problem), answer.seconds)
    return Try(seconds=answer.seconds)


def _comparison(settings: GateSettings, results: Sequence[CaseResult], clock: _Clock) -> Comparison | None:
    """Ask both apps the same, one right after the other, so that their times can be compared as well."""
    if settings.compare_with is None:
        return None
    if any(one.reason for one in results):
        return Comparison(message="not compared: a case failed", skipped=True)
    end = min(COMPARISON_SECONDS, clock.left()) + clock.spent()
    pairs: list[Pair] = []
    problem, unanswered = "", 0
    for case in (one.case for one in results):
        left = end - clock.spent()
        if left <= 0 or unanswered == UNANSWERED:
            problem = problem or "the time for it was over"
            break
        try:
            pairs.append(_pair(case, settings.endpoint, settings.compare_with, left))
            unanswered = 0
        except NoAnswer as error:
            problem, unanswered = f"case {case.name}: {error}", unanswered + 1
        except Mismatch as error:
            problem = f"case {case.name}: {error}"
    return compare(pairs, len(results), problem)


def _pair(case: Case, new: Endpoint, serving: Endpoint, left: float) -> Pair:
    before = serving.ask(case.request, min(PROBE_SECONDS, left))
    after = new.ask(case.request, min(REQUEST_SECONDS, left))
    for whose, answer in (("what serves now", before), ("the new one", after)):
        if not 200 <= answer.status < 300:
            raise Mismatch(f"{whose} answered {answer.status}")
    flipped = not same(value_of(case, after), value_of(case, before), case.expect.tolerance)
    return Pair(case.name, flipped, after.seconds, before.seconds)
