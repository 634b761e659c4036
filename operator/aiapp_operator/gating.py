"""How the gate of a release stands: what its Job and its pods say. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.ledger import Release
from aiapp_operator.state import GateResult, Manifest, Problem


@dataclass(frozen=True, slots=True)
class Gate:
    """One try of a gate.

    result: None while it is under way.
    problem: why it failed or said nothing; of one that is under way: what it waits for, such as a node with room.
    report: the transcript, JSON of at most 4 KiB; empty: it left none.
    started: the app's container has been started, so that the release itself is being judged.
    due: when it must be looked at again without any event.
    """

    result: GateResult | None
    problem: Problem | None = None
    report: str = ""
    started: bool = False
    due: datetime | None = None


def judge(app: AIApp, release: Release, job: Manifest, pods: Sequence[Manifest], now: datetime) -> Gate:
    """Return how a gate stands.

    job: the live Job. pods: all pods of the app; those of the Job are found by their owner.
    """
    raise NotImplementedError
