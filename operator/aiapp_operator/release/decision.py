"""What is to be done about an app's releases: the outcome of the release machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aiapp_operator.following import Policy
from aiapp_operator.release.gating import Gate
from aiapp_operator.release.ledger import Ledger, Release
from aiapp_operator.release.notes import Hold
from aiapp_operator.state import Manifest, ObjectId, Problem, ResolvedImage, ResolvedModel, Stream


class Phase(StrEnum):
    """What happens to the newest release that the spec and its sources ask for."""

    SETTLED = "Settled"  # it serves, and its bake is over
    UNKNOWN = "Unknown"  # no source told yet what it is
    SUSPENDED = "Suspended"
    GATING = "Gating"
    WAITING = "Waiting"  # it passed its gate and waits: for its window, or for the bake of the release before
    ROLLING_OUT = "RollingOut"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    HELD = "Held"  # it is not released


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about an app's releases, and why.

    record: the releases with what this run notes of them.
    target: the release that the Deployment is to run; None while nothing can run yet.
    candidate: a release that is on its way and not on the Deployment yet: it is gated, or waits.
    image, model: what the spec's sources stand for, as far as it is known; resolved: wholly.
    problem: why a source is missing.
    follows: the policies of the streams that are followed.
    as_asked: `target` is made of what the spec asks for.
    gate: how the candidate's gate stands; None: it has none, or its verdict is on record.
    next_release: when the candidate may go; None: nobody knows, or nothing waits. waits_for: Schedule, Freeze, Bake.
    waits_words: what a schedule or a freeze lets it wait for, in words.
    holds: all that are in force, newest first. in_the_way: those that keep back what the spec and its sources ask for.
    stays: why a bad release is not undone.
    create, delete: Jobs of gates.
    used: releases that must stay on record.
    ignored: actions that ask for what cannot be done, as `action: why`.
    due: when to look again, whatever the watches show.
    """

    record: Ledger
    target: Release | None
    phase: Phase
    candidate: Release | None = None
    image: ResolvedImage | None = None
    model: ResolvedModel | None = None
    problem: Problem | None = None
    follows: Mapping[Stream, Policy] = field(default_factory=dict)
    as_asked: bool = False
    resolved: bool = False
    gate: Gate | None = None
    next_release: datetime | None = None
    waits_for: str = ""
    waits_words: str = ""
    holds: tuple[Hold, ...] = ()
    in_the_way: tuple[Hold, ...] = ()
    stays: Problem | None = None
    create: tuple[Manifest, ...] = ()
    delete: tuple[ObjectId, ...] = ()
    used: tuple[Release, ...] = ()
    ignored: tuple[str, ...] = ()
    due: datetime | None = None
