"""What the measurements say. Pure: figures in, a table, ratios and verdicts out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from serving import arms
from serving.load import Sample
from serving.servers import Memory

MAIN: Final = 16
"""The connections that goals are about."""
HOW: Final = {True: ">=", False: "<="}


@dataclass(frozen=True, slots=True)
class Cell:
    """One payload over some connections: the samples of every round, in the order of the rounds."""

    samples: tuple[Sample, ...]

    def value(self, name: str) -> float:
        """Return the median over the rounds of one figure of a sample."""
        return median(float(getattr(sample, name)) for sample in self.samples)

    def times(self, other: "Cell") -> float:
        """Return how many times the requests per second of `other`: the median of the ratios within each round."""
        pairs = zip(self.samples, other.samples, strict=True)
        return median(mine.per_second / theirs.per_second for mine, theirs in pairs)

    def record(self) -> dict[str, Any]:
        """Return it for the results file."""
        figures = {name: round(self.value(name), 3) for name in ("per_second", "p50_ms", "p99_ms", "cpu_us")}
        return {**figures, "rounds_per_second": [round(sample.per_second, 1) for sample in self.samples]}


@dataclass(frozen=True, slots=True)
class Figures:
    """One server: its cells by payload and connections, its starts, its memory after the load of each round."""

    cells: Mapping[tuple[str, int], Cell]
    starts: tuple[float, ...]
    memory: tuple[Memory, ...]

    def record(self) -> dict[str, Any]:
        """Return it for the results file."""
        cells: dict[str, dict[str, Any]] = {}
        for (payload, connections), cell in self.cells.items():
            cells.setdefault(payload, {})[str(connections)] = cell.record()
        memory = {"rss_mib": median(one.rss for one in self.memory), "pss_mib": median(one.pss for one in self.memory)}
        rounded = {name: round(value, 1) for name, value in memory.items()}
        return {"start_seconds": round(median(self.starts), 2), **rounded, "payloads": cells}


Results = Mapping[str, Figures]
"""By arm."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A promise about one figure: at least, or at most, `limit`. limited_by: what a figure beyond it comes from."""

    words: str
    limit: float
    at_least: bool
    measured: float
    limited_by: str = ""

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def record(self) -> dict[str, Any]:
        """Return it for the results file."""
        bound = "at_least" if self.at_least else "at_most"
        return {"goal": self.words, bound: self.limit, "measured": round(self.measured, 3), "met": self.met}


def ratio(results: Results, ours: str, other: str, payload: str, theirs: str | None = None) -> float:
    """Return requests per second of `ours` over `other`'s; theirs: the payload that the other one is asked."""
    return results[ours].cells[payload, MAIN].times(results[other].cells[theirs or payload, MAIN])


def goals(results: Results, pss_mib: float, model_mib: float) -> list[Goal]:
    """Judge what was promised, at 16 connections unless said."""
    return [*_small(results), *_large(results), *_beside(results, pss_mib, model_mib)]


def _small(results: Results) -> list[Goal]:
    bare = ratio(results, arms.BARE, arms.ECHO, arms.IRIS)
    cost = "scikit-learn's own predict"
    judged = []
    for peer in arms.FRAMEWORKS:
        packed = ratio(results, arms.OURS, peer, arms.IRIS)
        same = ratio(results, arms.OURS_SKLEARN, peer, arms.IRIS)
        judged.append(Goal(f"x {peer}, ours packed (theirs scikit-learn; same engine {same:.1f})", 10, True, packed))
        judged.append(Goal(f"x {peer}, both scikit-learn", 4, True, same, cost))
    beside = (
        (arms.OURS, arms.FASTAPI_ONNX, 3.0, ""),
        (arms.OURS_SKLEARN, arms.FASTAPI, 1.3, cost),
        (arms.OURS, arms.ECHO, 0.8, f"the same engine under granian with no checks reaches {bare:.2f}"),
    )
    for ours, other, limit, limited_by in beside:
        words = f"x {other}" if other != arms.ECHO else f"of {other}, iris"
        judged.append(Goal(words, limit, True, ratio(results, ours, other, arms.IRIS), limited_by))
    return judged


def _large(results: Results) -> list[Goal]:
    json_arms = [name for name, one in results.items() if (arms.BIG_JSON, MAIN) in one.cells]
    best = max(json_arms, key=lambda name: results[name].cells[arms.BIG_JSON, MAIN].value("per_second"))
    over_json = ratio(results, arms.OURS_DOT, best, arms.BIG_RAW, arms.BIG_JSON)
    return [
        Goal(f"x the best JSON arm ({best}), binary 64 x 1024", 25, True, over_json),
        Goal(f"of {arms.ECHO}, binary 64 x 1024", 0.8, True, ratio(results, arms.OURS_DOT, arms.ECHO, arms.BIG_RAW)),
    ]


def _beside(results: Results, pss_mib: float, model_mib: float) -> list[Goal]:
    peers = [name for name in results if not name.startswith(("ours", "bare"))]
    on_iris = [name for name in peers if (arms.IRIS, MAIN) in results[name].cells]
    p50 = min(results[name].cells[arms.IRIS, MAIN].value("p50_ms") for name in on_iris)
    p99 = results[arms.OURS].cells[arms.IRIS, MAIN].value("p99_ms")
    start = median(results[arms.OURS].starts) / min(median(results[name].starts) for name in on_iris)
    limit = round(1.15 * model_mib + 160, 0)
    return [
        Goal("p99 over the best peer's p50, iris", 1.0, False, p99 / p50),
        Goal(f"MiB of PSS, 4 workers with a model of {model_mib:.0f} MiB", limit, False, pss_mib),
        Goal("of the best peer's start to first right answer", 0.5, False, start, "imports of numpy and onnxruntime"),
    ]


def ratios(results: Results) -> dict[str, dict[str, float]]:
    """Return by payload how many times each arm's requests per second ours answers, at 16 connections."""
    pairs = ((arms.IRIS, arms.OURS), (arms.BIG_JSON, arms.OURS_DOT), (arms.BIG_RAW, arms.OURS_DOT))
    return {
        payload: {
            name: round(ratio(results, ours, name, payload), 3)
            for name, one in results.items()
            if (payload, MAIN) in one.cells and name != ours
        }
        for payload, ours in pairs
    }


def table(results: Results) -> list[str]:
    """Return lines of at most 100 columns."""
    lines = []
    for payload in dict.fromkeys(payload for one in results.values() for payload, _ in one.cells):
        lines += ["", f"{payload:<34}{'req/s at 1':>10}{'16':>8}{'64':>8}{'p50 ms':>8}{'p99 ms':>8}{'CPU us':>8}"]
        lines[-1] += f"{'RSS':>7}{'start s':>8}"
        lines += [_row(name, payload, one) for name, one in results.items() if (payload, MAIN) in one.cells]
    return lines


def _row(name: str, payload: str, one: Figures) -> str:
    cell = one.cells[payload, MAIN]
    rates = (one.cells.get((payload, count)) for count in (1, 16, 64))
    shown = [f"{each.value('per_second'):.0f}" if each else "" for each in rates]
    first = f"  {name:<34}{shown[0]:>8}{shown[1]:>8}{shown[2]:>8}"
    rest = f"{cell.value('p50_ms'):>8.2f}{cell.value('p99_ms'):>8.2f}{cell.value('cpu_us'):>8.0f}"
    return f"{first}{rest}{median(m.rss for m in one.memory):>7.0f}{median(one.starts):>8.2f}"


def verdicts(judged: Sequence[Goal]) -> list[str]:
    """Return one line for each goal, and one more with the limit for what is missed."""
    lines = []
    for goal in judged:
        word = "met   " if goal.met else "MISSED"
        lines.append(f"{word} {goal.measured:8.2f} ({HOW[goal.at_least]} {goal.limit:g}) {goal.words}"[:100])
        if not goal.met and goal.limited_by:
            lines.append(f"{'':>16} limit: {goal.limited_by}"[:100])
    return lines
