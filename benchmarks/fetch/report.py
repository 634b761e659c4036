"""What the measurements say. Pure: figures in, a table and verdicts out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

OURS: Final = "ours"
KSERVE: Final = "kserve-storage"
CEILING: Final = "Go reader x 16"
CEILING_HASHED: Final = "Go reader x 16, sha256"


@dataclass(frozen=True, slots=True)
class Sample:
    """One fetch by one arm."""

    seconds: float
    cpu_seconds: float
    rss_mib: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of an arm's samples for one model and profile; `samples` are the seconds of each round."""

    seconds: float
    cpu_seconds_per_gib: float
    rss_mib: float
    samples: tuple[float | None, ...]

    @classmethod
    def of(cls, rounds: Sequence[Sample | None], gibibytes: float) -> "Figures":
        samples = [sample for sample in rounds if sample]
        return cls(
            median(sample.seconds for sample in samples),
            median(sample.cpu_seconds for sample in samples) / gibibytes,
            max(sample.rss_mib for sample in samples),
            tuple(sample.seconds if sample else None for sample in rounds),
        )

    def times(self, other: "Figures") -> float:
        """Return how many times the seconds of `other` it took: the median over the rounds that both were in."""
        return median(
            mine / theirs for mine, theirs in zip(self.samples, other.samples, strict=True) if mine and theirs
        )

    def record(self) -> dict[str, Any]:
        """Return it for the results file."""
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds_per_gib": round(self.cpu_seconds_per_gib, 2),
            "rss_over_idle_mib": round(self.rss_mib, 1),
            "samples": [seconds and round(seconds, 3) for seconds in self.samples],
        }


Results = Mapping[str, Mapping[str, Figures]]
"""By scenario, then by arm."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A promise about one figure: at least, or at most, `limit`."""

    words: str
    limit: float
    at_least: bool
    measured: float

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def record(self) -> dict[str, Any]:
        """Return it for the results file."""
        bound = "at_least" if self.at_least else "at_most"
        return {"goal": self.words, bound: self.limit, "measured": round(self.measured, 2), "met": self.met}


def goals(results: Results, large: str, small: str) -> list[Goal]:
    """Judge the scenario of one large blob and the one of many small ones, both with the pace of a network."""
    big, many = results[large], results[small]
    return [
        Goal(f"times as fast as {KSERVE}, {large}", 12, True, big[KSERVE].times(big[OURS])),
        Goal(f"times as fast as {KSERVE}, {small}", 4, True, many[KSERVE].times(many[OURS])),
        Goal(f"times the seconds of the ceiling, {large}", 1.15, False, big[OURS].times(big[CEILING])),
        Goal(f"CPU-seconds per GiB, {large}", 1.8, False, big[OURS].cpu_seconds_per_gib),
        Goal(f"MiB over idle, {large}", 64, False, big[OURS].rss_mib),
    ]


def ratios(results: Results) -> dict[str, dict[str, float]]:
    """Return how many times our seconds each arm took, by scenario: the medians of the rounds that both were in."""
    return {
        scenario: {arm: round(figures.times(arms[OURS]), 2) for arm, figures in arms.items() if arm != OURS}
        for scenario, arms in results.items()
    }


def table(results: Results) -> list[str]:
    """Return lines of at most 100 columns."""
    lines = []
    for scenario, arms in results.items():
        lines += ["", f"{scenario:<40}{'seconds':>10}{'CPU-s/GiB':>12}{'MiB over idle':>15}{'x ours':>9}"]
        for arm, figures in arms.items():
            times = figures.times(arms[OURS])
            row = f"{figures.seconds:>10.2f}{figures.cpu_seconds_per_gib:>12.2f}{figures.rss_mib:>15.0f}{times:>9.2f}"
            lines.append(f"  {arm:<38}{row}")
    return lines


def verdicts(judged: Sequence[Goal]) -> list[str]:
    """Return one line for each goal."""
    return [
        f"{'met   ' if goal.met else 'MISSED'}  {goal.measured:8.2f}  ({'>=' if goal.at_least else '<='} "
        f"{goal.limit:g})  {goal.words}"
        for goal in judged
    ]
