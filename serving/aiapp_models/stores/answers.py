"""What any store's refusal says beside its meaning: when to ask again, and whose clock is wrong. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from aiapp_models.errors import Reason, SourceError

CLOCK_TOLERANCE: Final = timedelta(minutes=4)
"""Azure and AWS refuse signatures when clocks differ by more than 5 to 15 minutes."""
LONGEST_WAIT: Final = 3600.0
"""Of the seconds in Retry-After, so that no answer silences a source for ever."""

_XML_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store said: HTTP's status, the store's own code (empty: something else answered), lower-case headers."""

    status: int
    code: str
    headers: Mapping[str, str]


def xml_code(body: bytes) -> str:
    """Return the code in the body of a refusal, as Azure and S3 write it; empty when there is none."""
    match = _XML_CODE.search(body)
    return match[1].decode() if match else ""


def in_words(where: str, answer: Answer, meaning: tuple[Reason, str], fix: str, now: datetime) -> SourceError:
    """Put an answer and what its store means by it into words.

    fix: what to check when the credentials are not accepted; the clock comes first where the answer shows it is wrong.
    """
    reason, sentence = meaning
    if reason is Reason.STORE_FORBIDDEN:
        sentence = f"{sentence}; {clock_problem(answer.headers, now) or fix}"
    transient = reason in {Reason.STORE_UNREACHABLE, Reason.MODEL_CHANGED}
    said = f"HTTP {answer.status} {answer.code}".rstrip()
    wait = retry_after(answer.headers, now) if answer.status in {429, 503} else None
    return SourceError(reason, f"{where}: {sentence} ({said})", transient=transient, retry_after=wait)


def clock_problem(headers: Mapping[str, str], now: datetime) -> str:
    """Say by how much this node's clock differs from the one of whoever answered; empty: not by much."""
    answered = _http_date(headers.get("date", ""))
    if answered is None or abs(answered - now) <= CLOCK_TOLERANCE:
        return ""
    minutes = round((now - answered).total_seconds() / 60)
    way = "ahead of" if minutes > 0 else "behind"
    return f"check this node's clock: it is {abs(minutes)} minutes {way} the store's"


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds the store asks to be left alone for, at most an hour; None: it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    moment = _http_date(text)
    return None if moment is None else min(max((moment - now).total_seconds(), 0.0), LONGEST_WAIT)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
