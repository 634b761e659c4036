"""`make bench NAME=serving`: the same requests to ours and to its peers, each on one core, the load on another."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from proofs.running import RESULTS, keep
from serving import arms, batching, models, plot
from serving.arms import Arm
from serving.load import ensure_wrk
from serving.report import Goal, Results, goals, ratios, table, verdicts
from serving.rounds import Plan, drift, pythons, run, serving
from serving.servers import Memory
from tasks.console import ROOT, fail, say

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a tmpfs, so that no disk is measured
NEEDED_GIB: Final = 1.0
PACKAGES: Final = ("flask", "granian", "numpy", "onnxruntime", "orjson", "scikit-learn")
NAMED: Final = ("bentoml", "fastapi", "flask", "granian", "gunicorn", "kserve", "litserve", "mlserver", "uvicorn")
WHOLE: Final = Plan(rounds=2, seconds=3, connections=(1, 16, 64))
QUICK: Final = Plan(rounds=1, seconds=1, connections=(16,))
UNSTEADY: Final = 0.05


def main() -> int:
    """Measure, print a table, keep the figures; return 0: a goal that is missed is a finding, not a failure."""
    asked = _parse()
    if (os.cpu_count() or 1) < 2:
        fail("one core serves and another loads: two are needed")
        return 1
    if shutil.disk_usage(MEMORY).free < NEEDED_GIB * 2**30:
        fail(f"{MEMORY} has less than {NEEDED_GIB:g} GiB free, which the models need")
        return 1
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"{load:.1f} other processes want the {os.cpu_count()} processors: figures will wander")
    wrk = ensure_wrk()
    with tempfile.TemporaryDirectory(prefix="aiapp-bench-", dir=MEMORY) as home:
        work = Path(home)
        folder = work / "models"
        folder.mkdir()
        say("making the models")
        models.make(folder)
        arms.write_mlserver_folders(folder)
        if asked.batching:
            say("\n".join(batching.table(batching.measure())))
            say("\n".join(table(run(arms.gathering(), WHOLE, work)[0])))
            return 0
        chosen = [arm for arm in arms.all_arms(folder) if not asked.arm or asked.arm in arm.name]
        plan = QUICK if asked.quick else Plan(asked.rounds, asked.seconds, WHOLE.connections)
        results, control = run(chosen, plan, work)
        say("\n".join(table(results)))
        if asked.arm:
            return 0
        memory, model_mib = four_workers(arms.four_workers(folder), work)
    judged = goals(results, memory.pss, model_mib)
    say("\n".join(["", *verdicts(judged)]))
    return 0 if asked.quick else _keep(results, judged, plan, {"control": control, "load": load, "wrk": wrk})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench NAME=serving")
    parser.add_argument("--rounds", type=int, default=WHOLE.rounds, help="of every arm (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=WHOLE.seconds, help="of every cell (default %(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="a second for each arm, to see that it works; keeps nothing"
    )
    parser.add_argument("--arm", help="only the arms with this in their name; keeps nothing")
    parser.add_argument(
        "--batching", action="store_true", help="only what calling a model for several requests at once gains"
    )
    return parser.parse_args()


def four_workers(arm: Arm, work: Path) -> tuple[Memory, float]:
    """Return the memory of four workers of ours after requests to all of them, and the size of their model in MiB."""
    python = pythons([arm])[arm.packages]
    with serving(arm, work, python) as server:
        server.check(arm.asked[arms.LARGE], 40)
        memory = server.memory()
    size = (work / "models" / "large-onnx" / "model.onnx").stat().st_size / 2**20
    say(f"\n{arm.name}: PSS {memory.pss:.0f} MiB, RSS {memory.rss:.0f} MiB, model {size:.0f} MiB")
    return memory, size


def _keep(results: Results, judged: list[Goal], plan: Plan, machine: dict[str, Any]) -> int:
    """Write the figures and the picture down."""
    wandered = drift(machine["control"])
    if wandered > UNSTEADY:
        say(f"the machine's own speed wandered by {wandered:.0%} (the same loop before every turn): look twice")
    figures = {
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "wrk": machine["wrk"],
        "peers": _peer_versions(),
        "control_seconds": {"median": round(median(machine["control"]), 3), "drift": round(wandered, 3)},
        "ratios": ratios(results),
        "goals": [goal.record() for goal in judged],
        "arms": {name: one.record() for name, one in results.items()},
    }
    keep("bench", "serving", PACKAGES, figures, load_before=round(machine["load"], 1))
    plot.draw(results, RESULTS / "serving.svg")
    say(f"drawn in {(RESULTS / 'serving.svg').relative_to(ROOT)}")
    return 0


def _peer_versions() -> dict[str, dict[str, str]]:
    """Return the versions of what was measured, from the locked list of each environment."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(arms.PEERS.glob("*.txt")):
        pins = (line.split()[0].split("==") for line in path.read_text().splitlines() if "==" in line)
        found[path.stem] = {name: version for name, version in pins if name in {*NAMED, "scikit-learn"}}
    return found


if __name__ == "__main__":
    sys.exit(main())
