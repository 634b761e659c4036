"""Arms take turns at one model; each fetch is a process of its own whose bytes are looked at afterwards."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from fetch.arms import Task
from fetch.objects import CONTAINER, VERSION, Model
from fetch.report import CEILING, CEILING_HASHED, OURS, Figures, Sample
from tasks.console import say

GO_ARMS: Final[dict[str, tuple[str, ...]]] = {CEILING: (), CEILING_HASHED: ("-sha256",)}


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which arms fetch a model from which server; `once`: the arms that one round is enough for."""

    title: str
    model: Model
    address: str
    authority: str
    arms: tuple[str, ...]
    once: tuple[str, ...] = ()


def run(scenario: Scenario, rounds: int, work: Path, built: Path) -> Mapping[str, Figures]:
    """Let the arms take turns, every other round backwards; a first fetch that does not count touches the memory."""
    say(f"{scenario.title}: {rounds} rounds of {len(scenario.arms)} arms")
    samples: dict[str, list[Sample | None]] = {arm: [None] * rounds for arm in scenario.arms}
    _fetch(scenario.arms[0], scenario, work, built)
    for number in range(rounds):
        for arm in scenario.arms if number % 2 == 0 else reversed(scenario.arms):
            if number == rounds // 2 or arm not in scenario.once:
                sample = samples[arm][number] = _fetch(arm, scenario, work, built)
                say(f"  round {number + 1}, {arm}: {sample.seconds:.2f} s")
    return {arm: Figures.of(taken, scenario.model.gibibytes) for arm, taken in samples.items()}


def _fetch(arm: str, scenario: Scenario, work: Path, built: Path) -> Sample:
    """Let one arm fetch the model in a process of its own, and look at every byte that it brought."""
    model = scenario.model
    sizes = {name: size for name, (size, _) in model.files.items()}
    with tempfile.TemporaryDirectory(dir=work) as folder:
        if arm in GO_ARMS:
            address = f"{scenario.address}/{CONTAINER}/{model.path}/{VERSION}"
            names = [f"{name}={size}" for name, size in sizes.items()]
            command = [str(built / "reader"), *GO_ARMS[arm], address, folder, *names]
        else:
            task = Task(scenario.address, scenario.authority, model.path, model.digest, sizes, folder)
            command = [sys.executable, "-m", "fetch.arms", arm, json.dumps(asdict(task))]
        said = _output(arm, command)
        if problem := model.problem(Path(folder, "model") if arm == OURS else Path(folder)):
            raise RuntimeError(f"{arm}: {problem}")
    taken: dict[str, Any] = json.loads(said.splitlines()[-1])
    return Sample(**taken)


def _output(arm: str, command: Sequence[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    if result.returncode:
        raise RuntimeError(f"{arm} failed (exit {result.returncode}):\n{(result.stdout + result.stderr)[-2000:]}")
    return result.stdout
