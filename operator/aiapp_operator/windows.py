"""When a release may go out: schedules in time zones, and freezes. Pure."""

from dataclasses import dataclass
from datetime import datetime

from aiapp_operator.api.release import Release


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a rollout over a serving release may start now.

    at: when that changes; None: never, as far as anybody knows.
    reason: what keeps it closed: Schedule or Freeze; empty while it is open.
    message: the same in words, with the time and the freeze's own reason.
    """

    open: bool
    at: datetime | None
    reason: str = ""
    message: str = ""


def opening(release: Release, now: datetime) -> Opening:
    """Return whether spec.release lets a rollout start at `now`."""
    raise NotImplementedError


def problem(release: Release) -> str:
    """Return what is wrong with the schedules and freezes, in words that name the field; empty: nothing."""
    raise NotImplementedError
