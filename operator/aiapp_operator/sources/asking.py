"""One question to a registry or a model store: an answer, or in words for the user why there is none."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from prometheus_client import Counter

from aiapp_models.errors import Reason as ModelReason
from aiapp_models.errors import SourceError
from aiapp_operator.errors import OperatorError, Reason, TransientError
from aiapp_operator.reasons import Reason as ReleaseReason
from aiapp_operator.sources.feeds import Outcome
from aiapp_operator.state import Problem, Severity, Stream

logger = logging.getLogger(__name__)

UNREACHABLE: Final[Mapping[Stream, str]] = {
    Stream.IMAGE: Reason.REGISTRY_UNREACHABLE,
    Stream.MODEL: ModelReason.STORE_UNREACHABLE,
}
REFUSED: Final[Mapping[Stream, str]] = {
    Stream.IMAGE: Reason.REGISTRY_REFUSED,
    Stream.MODEL: ModelReason.STORE_REFUSED,
}
ANSWERS: Final = frozenset(
    {
        Reason.IMAGE_NOT_FOUND.value,
        ReleaseReason.NO_MATCHING_VERSION.value,
        *(reason.value for reason in ModelReason if reason.name.startswith("MODEL_")),
        ModelReason.UNSAFE_PATH.value,
    }
)
"""Reasons of a source that answered: what is wrong is what lies there, so it is looked at as often as ever."""

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Refusal:
    """There is no answer. retry_after: seconds that the source asked to be left alone for."""

    problem: Problem
    retry_after: float = 0.0

    @property
    def failed(self) -> bool:
        """Tell whether the question, and not what lies at the source, has to be cured."""
        return self.problem.severity is Severity.TRANSIENT or self.problem.reason not in ANSWERS


async def answered(stream: Stream, seconds: float, question: Awaitable[A], counter: Counter) -> A | Refusal:
    """Await an answer for so long and count it by its source and outcome; never raises."""
    answer = await _answer(stream, seconds, question)
    counter.labels(stream.value.lower(), answer.problem.reason if isinstance(answer, Refusal) else "ok").inc()
    return answer


async def _answer(stream: Stream, seconds: float, question: Awaitable[A]) -> A | Refusal:
    try:
        async with asyncio.timeout(seconds):
            return await question
    except OperatorError as error:
        later = error.retry_after if isinstance(error, TransientError) else None
        return Refusal(error.problem(), later or 0.0)
    except SourceError as error:
        severity = Severity.TRANSIENT if error.transient else Severity.WAITING
        return Refusal(Problem(severity, error.reason, error.message), error.retry_after or 0.0)
    except TimeoutError:
        words = f"no answer within {seconds:.0f} s; it is asked again"
        return Refusal(Problem(Severity.TRANSIENT, UNREACHABLE[stream], words))
    except Exception as error:  # noqa: BLE001 - one source's failure must not stop repair and status
        return Refusal(_unforeseen(stream, error))


def refused(refusal: Refusal, aspects: frozenset[Hashable]) -> Outcome:
    """Return the outcome of a poll that brought no answer."""
    return Outcome(dict.fromkeys(aspects, refusal.problem), refusal.failed, refusal.retry_after)


def _unforeseen(stream: Stream, error: Exception) -> Problem:
    """Say it by the exception's type and place alone: its text may quote a secret, or a stranger."""
    kind, place = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
    logger.error("a question about a %s ended with %s\n%s", stream.value.lower(), kind, place)
    words = f"the answer could not be read ({kind}); the operator's log has the place in the code"
    return Problem(Severity.WAITING, REFUSED[stream], words)
