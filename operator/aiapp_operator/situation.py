"""How one app stands: what was decided, and what its pods do about it. Pure."""

from dataclasses import dataclass

from aiapp_operator import pod_findings
from aiapp_operator.release.decision import Decision
from aiapp_operator.release.ledger import Ledger, Release
from aiapp_operator.release.releases import replaced
from aiapp_operator.state import Drift, Manifest, Problem


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition before it has its times."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the conditions are judged by.

    record: the releases with all that is noted of them by now.
    decision: None while the spec cannot be read.
    blocked: what is wrong with the spec or with the names that it needs.
    failing: why the pods of the release that is wanted do not come up.
    drifts: see `source_drift.found`.
    wanted: number of pods.
    """

    app: Manifest
    record: Ledger
    decision: Decision | None
    deployment: Manifest
    pods: tuple[Manifest, ...]
    wanted: int
    blocked: Problem | None
    failing: Problem | None
    suspended: bool
    drifts: tuple[Drift, ...] | None = None

    @property
    def target(self) -> Release | None:
        """Return the release that the Deployment is to run."""
        return self.decision.target if self.decision else self.record.current

    @property
    def available(self) -> int:
        """Return how many pods take requests, of whatever release."""
        count: int = self.deployment.get("status", {}).get("availableReplicas", 0)
        return count

    @property
    def settled(self) -> bool:
        """Tell whether the release that is wanted has been rolled out and serves alone."""
        target, active, current = self.target, self.record.active, self.record.current
        if target is None or active is None or current is None:
            return False
        same = target.number == active.number == current.number
        alone = replaced(self.deployment, self.pods, target) and not pod_findings.leaving(self.pods, target.number)
        return same and alone

    @property
    def problem(self) -> Problem | None:
        """Return what keeps the spec from being served, the nearest cause first."""
        failing = None if self.settled else self.failing
        return self.blocked or failing or self.source_problem

    @property
    def source_problem(self) -> Problem | None:
        """Return why image or model is not known."""
        return self.decision.problem if self.decision else None

    @property
    def gate_problem(self) -> Problem | None:
        """Return what the gate of a candidate waits for, or why its last try said nothing; None: it runs or is over."""
        candidate = self.decision.candidate if self.decision else None
        if self.decision is None or candidate is None or candidate.notes.gate or self.decision.create:
            return None
        gate = self.decision.gate
        return gate.problem if gate else candidate.notes.gate_problem

    @property
    def candidate(self) -> Release | None:
        """Return the release that is on its way to serve: in its rollout, else gated or waiting."""
        target, active = self.target, self.record.active
        if target and (active is None or target.number != active.number):
            return target
        return self.decision.candidate if self.decision else None
