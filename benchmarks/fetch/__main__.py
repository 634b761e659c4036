"""`make bench NAME=fetch`: bring models from a loopback blob store to a tmpfs, ours beside its peers and a ceiling."""

import argparse
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from fetch import programs
from fetch.arms import ARMS
from fetch.objects import MIB, make
from fetch.report import KSERVE, OURS, Results, goals, ratios, table, verdicts
from fetch.rounds import GO_ARMS, Scenario, run
from proofs.running import keep
from tasks.console import fail, say

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a tmpfs, so that no disk is measured
PACKAGES: Final = ("azure-storage-blob", "kserve-storage", "obstore", "urllib3")
ALL: Final = (*ARMS, *GO_ARMS)
SLOW: Final = (KSERVE, "azure-storage-blob")
"""One connection for a large blob: at the pace of a network its minute is measured once."""


def main() -> int:
    """Measure, print a table, keep the figures; return 0: a goal that is missed is a finding, not a failure."""
    parser = argparse.ArgumentParser(prog="make bench NAME=fetch")
    parser.add_argument("--rounds", type=int, default=3, help="of every scenario (default 3)")
    parser.add_argument("--quick", action="store_true", help="tiny models: to see that it works; nothing is kept")
    asked = parser.parse_args()
    needed = 0.2 if asked.quick else 6.0
    if shutil.disk_usage(MEMORY).free < needed * 1024 * MIB:
        fail(f"{MEMORY} has less than {needed:g} GiB free, which the models and one copy of the largest need")
        return 1
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"{load:.1f} other processes want the {os.cpu_count()} processors: times that need them will be longer")
    with tempfile.TemporaryDirectory(prefix="aiapp-bench-", dir=MEMORY) as work:
        results = measure(Path(work), 1 if asked.quick else asked.rounds, asked.quick)
    say("\n".join(table(results)))
    return 0 if asked.quick else _keep(results, asked.rounds, load)


def _keep(results: Results, rounds: int, load: float) -> int:
    """Judge the figures and write them down."""
    large, small = list(results)[:2]
    judged = goals(results, large, small)
    say("\n".join(["", *verdicts(judged)]))
    figures = {
        "rounds": rounds,
        "ratios": ratios(results),
        "scenarios": {title: {arm: one.record() for arm, one in arms.items()} for title, arms in results.items()},
        "goals": [goal.record() for goal in judged],
    }
    keep("bench", "fetch", PACKAGES, figures, load_before=round(load, 1))
    return 0


def measure(work: Path, rounds: int, quick: bool) -> Results:
    """Return every arm's figures for every scenario, the two that goals are about first."""
    built = programs.build()
    say("writing the models")
    unit = 1024 if quick else MIB
    root = work / "store"
    big, half = make(root, "big", 1, 2048 * unit), make(root, "half", 1, 512 * unit)
    many = make(root, "many", 200 if not quick else 20, unit)
    authority, pair = programs.authority(work / "authority")
    with ExitStack() as servers:
        at = {
            name: servers.enter_context(programs.server(built, root, profile, own))
            for name, profile, own in (("A", "A", None), ("B", "B", None), ("C", "C", None), ("TLS", "B", pair))
        }
        parallel = (OURS, "azure-storage-blob x 16", "obstore x 16", *GO_ARMS)
        scenarios = [
            Scenario(f"{big.title}, profile B", big, at["B"], "", ALL, SLOW),
            Scenario(f"{many.title}, profile B", many, at["B"], "", ALL),
            Scenario(f"{half.title}, profile A", half, at["A"], "", ALL),
            Scenario(f"{big.title}, profile C", big, at["C"], "", (OURS,)),
            Scenario(f"{big.title}, profile B, TLS", big, at["TLS"], str(authority), parallel),
            Scenario(f"{many.title}, profile B, TLS", many, at["TLS"], str(authority), parallel),
        ]
        return {scenario.title: run(scenario, rounds, work, built) for scenario in scenarios}


if __name__ == "__main__":
    sys.exit(main())
