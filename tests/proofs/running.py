"""How a proof is run, told and kept."""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tasks.console import ROOT, fail, say

RESULTS: Final = ROOT / "benchmarks" / "results"
SEED: Final = 20261123
SHOWN: Final = 20
"""Failures that are printed in full."""
_PACKAGES: Final = ("azure-storage-blob", "aiohttp", "kopf", "kubernetes", "urllib3")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a proof counted.

    count: cases that ran.
    figures: counts by name, for the results file.
    failures: one sentence for each case that broke the claim.
    """

    count: int
    figures: Mapping[str, Any]
    failures: tuple[str, ...] = ()


@dataclass
class Progress:
    """Says at most every few seconds how far a proof is."""

    total: int
    every: float = 10.0
    done: int = 0
    _started: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)

    def step(self) -> None:
        self.reach(self.done + 1)

    def reach(self, done: int) -> None:
        self.done = done
        now = time.monotonic()
        if now - self._said >= self.every:
            self._said = now
            say(f"  {self.done:,} of {self.total:,} after {now - self._started:.0f} s")


Proof = Callable[[int, int], Outcome]
"""From the number of cases and the seed to what was counted."""


def main(name: str, proof: Proof, count: int) -> int:
    """Run `proof` as a command; a whole count is kept in benchmarks/results; return the exit status."""
    parser = argparse.ArgumentParser(prog=f"make prove NAME={name}")
    parser.add_argument("--count", type=int, default=count, help=f"cases (default and whole count: {count:,})")
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    say(f"{name}: N = {asked.count:,}, seed {asked.seed}")
    started = time.monotonic()
    try:
        outcome = proof(asked.count, asked.seed)
    except KeyboardInterrupt:
        fail(f"{name}: interrupted after {time.monotonic() - started:.0f} s; nothing is kept")
        return 130
    seconds = time.monotonic() - started
    for line in outcome.failures[:SHOWN]:
        fail(f"  {line}")
    whole = outcome.count == asked.count and not outcome.failures
    say(json.dumps(outcome.figures, indent=2))
    say(f"{name}: {outcome.count:,} of {asked.count:,} ran, {len(outcome.failures)} failed, {seconds:.0f} s")
    if asked.count == count:
        counted = {"seed": asked.seed, "count": outcome.count, "failures": len(outcome.failures)}
        keep("prove", name, _PACKAGES, {**counted, "seconds": round(seconds, 1), **outcome.figures})
    return 0 if whole else 1


def keep(task: str, name: str, packages: Iterable[str], figures: Mapping[str, Any], **load: float) -> None:
    """Write figures of `make TASK NAME=...` to benchmarks/results, with what they were got by and on."""
    record = {
        "name": name,
        "command": f"make {task} NAME={name}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in packages}},
        "machine": {**_machine(), **load},
        **figures,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
    say(f"kept in {(RESULTS / f'{name}.json').relative_to(ROOT)}")


def _machine() -> dict[str, Any]:
    """Return what the figures depend on, without the machine's name."""
    cpu = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if "model name" in line), "unknown")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gib": round(memory, 1), "kernel": platform.release()}


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
