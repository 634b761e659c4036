"""PURE: what goes wrong with which answer of a store, and how often."""

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Which answers a fault is for."""

    LISTING = "listing"
    MARKER = "marker"
    BODY = "body"


class Kind(StrEnum):
    """What goes wrong. The `*_THEN_*` are the ways an answer can end too early; `NONE` has not even headers."""

    BUSY = "503 ServerBusy"
    THROTTLED = "429 with Retry-After"
    BROKEN = "500 OperationTimedOut"
    SAS_EXPIRED = "403 for an expired SAS"
    CLOCK_SKEW = "403 for a clock 20 minutes off"
    GONE = "404 BlobNotFound"
    ARCHIVED = "409 BlobArchived"
    CHANGED = "412 since the ETag changed"
    PARTIAL_THEN_FIN = "partial body, then FIN"
    NONE_THEN_FIN = "no answer, then FIN"
    PARTIAL_THEN_RST = "partial body, then RST"
    NONE_THEN_RST = "no answer, then RST"
    HALF_AS_SUCCESS = "half the body as a success"
    PARTIAL_THEN_HANG = "partial body, then silence"
    NONE_THEN_HANG = "no answer, then silence"
    FLIPPED_BIT = "one bit flipped"
    SWAPPED = "other bytes of the same length"
    EXTRA_BYTES = "more bytes than asked for"
    WRONG_RANGE = "another range than asked for"
    RANGE_MISLABELLED = "a Content-Range that is not true"
    TRICKLE = "one byte a second"
    LISTED_EMPTY = "an empty listing"
    LISTED_PARTLY = "a listing without some files"
    LISTED_PAST = "a listing from before the upload ended"
    REFUSED = "connection refused"
    NO_NAME = "a name that does not resolve"
    STRANGER = "a certificate of an unknown authority"


STATUS_OF: dict[Kind, tuple[int, str]] = {
    Kind.BUSY: (503, "ServerBusy"),
    Kind.THROTTLED: (429, "TooManyRequests"),
    Kind.BROKEN: (500, "OperationTimedOut"),
    Kind.SAS_EXPIRED: (403, "AuthenticationFailed"),
    Kind.CLOCK_SKEW: (403, "AuthenticationFailed"),
    Kind.GONE: (404, "BlobNotFound"),
    Kind.ARCHIVED: (409, "BlobArchived"),
    Kind.CHANGED: (412, "ConditionNotMet"),
}
"""HTTP status and `x-ms-error-code` of the kinds that are a refusal."""

WITHOUT_SERVER = frozenset({Kind.REFUSED, Kind.NO_NAME, Kind.STRANGER})
"""Kinds that no answer shows: the client is led elsewhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    at: percent of the body after which it does; for a flipped bit, where it is.
    skip: answers of this place that are right first.
    times: answers that go wrong then; None: all of them.
    """

    kind: Kind
    place: Place
    at: int = 0
    skip: int = 0
    times: int | None = None

    def strikes(self, number: int) -> bool:
        """Tell whether the answer of this number, from 0, at the fault's place goes wrong."""
        return number >= self.skip and (self.times is None or number < self.skip + self.times)
