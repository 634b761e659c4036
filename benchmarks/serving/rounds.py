"""Arms take turns, every other round backwards; each turn is a server started anew and asked everything it can."""

import math
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from serving import arms
from serving.arms import Arm
from serving.load import Sample, measure
from serving.report import Cell, Figures, Results
from serving.servers import SERVER_CORE, Memory, Server, free_port, running
from tasks.console import ROOT, say
from tasks.environment import ensure_list

ROOTS: Final = (ROOT / "serving", ROOT / "benchmarks")
CONTROL: Final = "import time; s = time.perf_counter(); sum(range(20_000_000)); print(time.perf_counter() - s)"
"""The same work before every turn: how far the machine's own speed wandered during the run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    seconds: int
    connections: tuple[int, ...]


@dataclass
class _Taken:
    """What the rounds gave for one arm."""

    samples: dict[tuple[str, int], list[Sample]] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    def figures(self) -> Figures:
        cells = {key: Cell(tuple(samples)) for key, samples in self.samples.items()}
        return Figures(cells, tuple(self.starts), tuple(self.memory))


def pythons(chosen: Sequence[Arm]) -> dict[str, Path]:
    """Return the Python of every environment that the arms need, made where it is not there."""
    return {arm.packages: ensure_list(_packages(arm.packages)) for arm in chosen}


def run(chosen: Sequence[Arm], plan: Plan, work: Path) -> tuple[Results, list[float]]:
    """Return what every arm did, and the seconds that the control took before each turn."""
    installed = pythons(chosen)
    taken = {arm.name: _Taken() for arm in chosen}
    control = []
    for number in range(plan.rounds):
        for arm in chosen if number % 2 == 0 else reversed(chosen):
            control.append(_control())
            with serving(arm, work, installed[arm.packages]) as server:
                _take(arm, server, plan, taken[arm.name], work)
            say(f"  round {number + 1}, {arm.name}: {_last(taken[arm.name], plan)}")
    return {name: one.figures() for name, one in taken.items()}, control


def serving(arm: Arm, work: Path, python: Path) -> AbstractContextManager[Server]:
    """Run the server of one arm until the block ends, from it being started to its first right answer first."""
    port = free_port()
    folder = work / "models"
    command = [str(python), "-m", *(word.format(port=port, models=folder) for word in arm.command)]
    environment = arms.environment(arm, folder, port, ROOTS)
    environment["PATH"] = f"{python.parent}:{environment['PATH']}"
    return running(arm.name, command, environment, port, next(iter(arm.asked.values())), work / "server.log")


def _take(arm: Arm, server: Server, plan: Plan, into: _Taken, work: Path) -> None:
    into.starts.append(server.start_seconds)
    for payload, request in arm.asked.items():
        for connections in plan.connections:
            sample = measure(server, request, connections, plan.seconds, work)
            into.samples.setdefault((payload, connections), []).append(sample)
    into.memory.append(server.memory())


def _last(taken: _Taken, plan: Plan) -> str:
    count = 16 if 16 in plan.connections else plan.connections[-1]
    rates = [samples[-1].per_second for (_, connections), samples in taken.samples.items() if connections == count]
    return ", ".join(f"{rate:.0f}" for rate in rates) + f" req/s, start {taken.starts[-1]:.2f} s"


def drift(control: Sequence[float]) -> float:
    """Return how much longer than the fastest time the control took in the slowest tenth of its times."""
    ordered = sorted(control)
    return ordered[max(0, math.ceil(len(ordered) * 0.9) - 1)] / ordered[0] - 1


def _packages(name: str) -> Path:
    home = ROOT / "benchmarks"
    return home / "serving" / "peers" / f"{name}.txt" if name else home / "requirements.txt"


def _control() -> float:
    command = ["taskset", "-c", SERVER_CORE, sys.executable, "-c", CONTROL]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
