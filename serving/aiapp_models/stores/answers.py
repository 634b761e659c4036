"""What the headers of any HTTP answer say beside its meaning: when to ask again, and whose clock is wrong. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

CLOCK_TOLERANCE: Final = timedelta(minutes=4)
"""Azure and AWS refuse signatures when clocks differ by more than 5 to 15 minutes."""
LONGEST_WAIT: Final = 3600.0
"""Of the seconds in Retry-After, so that no answer silences a source for ever."""


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
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
