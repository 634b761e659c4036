"""How a new release goes out: `spec.release`."""

from typing import Annotated, Final

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from aiapp_operator.api.fields import ApiModel, Duration, Rule, cel, check, duration_between, rules
from aiapp_operator.api.gate import GateSpec


def _field_of_cron(number: str, name: str = "", more: str = "") -> str:
    """Return the pattern of one field: `*`, numbers, ranges and steps, joined by commas."""
    value = f"({number}|{name})" if name else f"({number})"
    term = rf"([*]|{value}(-{value})?)(/[1-9][0-9]?)?"
    return f"({term}{more})(,({term}{more}))*"


_DAY: Final = "SUN|MON|TUE|WED|THU|FRI|SAT"
_MONTH: Final = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
CRON: Final = "(?i)^{}$".format(
    " +".join(
        (
            _field_of_cron("[0-5]?[0-9]"),
            _field_of_cron("[01]?[0-9]|2[0-3]"),
            _field_of_cron("0?[1-9]|[12][0-9]|3[01]", more="|LW?"),
            _field_of_cron("0?[1-9]|1[0-2]", _MONTH),
            _field_of_cron("[0-7]", _DAY, more=f"|([0-7]|{_DAY})#[1-5]|[0-7]L"),
        )
    )
)
Cron = Annotated[
    str,
    Field(
        min_length=9,
        max_length=128,
        json_schema_extra=rules(
            cel(
                f"self.matches('{CRON}')",
                "cron must be five fields, each within its bounds: minute, hour, day of the month, month and day of "
                "the week, such as 0 2 * * * (02:00 every day) or 30 22 * * FRI",
            )
        ),
    ),
]
TIME_ZONE: Final = "^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"
TimeZone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        json_schema_extra=rules(
            cel(
                # The API server reads more than names: `Local`, offsets, and nothing at all. Python knows none of them.
                f"self != 'Local' && self.matches('{TIME_ZONE}') && "
                "timestamp('2000-01-01T00:00:00Z').getHours(self) >= 0",
                "timeZone must be the name of an IANA time zone, such as Europe/Berlin, America/New_York or UTC",
            )
        ),
    ),
]
AFTER_ITS_START: Final = Rule(
    "self.to > self.from",
    "a freeze ends after it starts: write a to that is later than from",
    lambda freeze: freeze.to > freeze.start,
    ".to",
)


class ScheduleWindow(ApiModel):
    """A time that comes again and again, in which a new release may replace the one that serves."""

    cron: Cron
    """When the window opens: minute, hour, day of the month, month, day of the week, as in crontab(5), such as
    "0 2 * * *". A time of the day that a clock change leaves out is the first one after it; one that comes twice counts
    once."""
    time_zone: TimeZone = "UTC"
    """IANA name of the time zone that cron is in, such as Europe/Berlin."""
    duration: Annotated[str, duration_between("1m", "168h")] = "1h"
    """How long the window stays open, from 1m to 168h. A rollout that starts in it may end after it."""


class Freeze(ApiModel):
    """A time in which no new release replaces the one that serves."""

    model_config = ConfigDict(json_schema_extra=rules(AFTER_ITS_START.cel()))

    start: Annotated[AwareDatetime, Field(alias="from")]
    """When it starts, such as 2026-12-20T00:00:00Z."""
    to: AwareDatetime
    """When it ends, such as 2027-01-04T00:00:00+01:00."""
    reason: Annotated[str, Field(max_length=256)] = ""
    """Why, in the words that status repeats."""

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "Freeze":
        check(self, (AFTER_ITS_START,))
        return self


class Bake(ApiModel):
    """How long a release is watched once it serves."""

    duration: Annotated[str, duration_between("0s", "24h")] = "5m"
    """From the time when all pods are ready; from 0s, which is no bake at all, to 24h. A release whose pods restart or
    lose their readiness meanwhile is undone: the last good one is rolled out again, whatever the schedule says."""


class Release(ApiModel):
    """How a new release goes out."""

    schedule: Annotated[tuple[ScheduleWindow, ...], Field(max_length=16)] = ()
    """When a new release may replace the one that serves. Absent: at once. The gate does not wait, nor does the first
    release, nor going back."""
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=32)] = ()
    """When no new release may replace the one that serves, whatever schedule says."""
    gate: GateSpec = GateSpec()
    """What a release must prove before it serves."""
    bake: Bake = Bake()
    """How long a release is watched once it serves."""
    progress_deadline: Duration = "10m"
    """How long each new pod may take to become ready, from the start of its app, before the release counts as failed;
    the one before it serves on."""
    revision_history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    """How many past releases are kept."""
