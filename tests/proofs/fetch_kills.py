"""The fetch process killed at points spread over its run: never half a model, and the next one makes it whole.

Half of the points are touches of the volume (files made, written, synced, renamed), half are bytes that the store sent.
"""

import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faults.container import Container, version
from faults.server import FaultServer, serving
from proofs import running
from proofs.fetching import MODULE, content_problem, environment, start_python

COUNT: Final = 200
AT_ONCE: Final = 2
FETCH_SECONDS: Final = 120
SIZES: Final = {"model.npz": 1_500_000, "labels/names.json": 900, "labels/empty": 0, "weights/part 1.bin": 300_000}


@dataclass(frozen=True, slots=True)
class Point:
    """Where a fetch is killed: at a touch of its volume, from 1, or when the store is about to send byte `at`."""

    by: str
    at: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a killed fetch left. `broken` says in words which claim does not hold; empty: all do."""

    point: Point
    left: str
    broken: str = ""


class Fetches:
    """Fetches of one model, each of a container and on a volume of its own."""

    def __init__(self, seed: int, folder: Path) -> None:
        draw = random.Random(seed)  # noqa: S311 - drawn again by whoever looks into a failure
        self.files = {name: draw.randbytes(size) for name, size in SIZES.items()}
        self._folder = folder

    def total_touches(self) -> int:
        """Return how often a fetch that is left alone touches its volume."""
        with self._prepared("counted") as (_, variables, volume):
            output, _ = self._run(start_python(variables, "-m", "proofs.dying", str(volume), "0", MODULE))
        return int(output.rpartition("touches: ")[2])

    def killed(self, number: int, point: Point) -> Verdict:
        """Kill a fetch at a point, look at what it left, and run another one on the same volume."""
        with self._prepared(f"killed-{number}") as (server, variables, volume):
            if point.by == "touch":
                first = start_python(variables, "-m", "proofs.dying", str(volume), str(point.at), MODULE)
            else:
                first = start_python(variables, "-m", MODULE)
                server.on_bytes = _kill_at(first, point.at)
            said, status = self._run(first)
            server.on_bytes = lambda _size: None
            left = self._left(volume)
            if status != -9:
                return Verdict(point, left, f"{point}: was not killed but ended with {status}: {said[-300:]}")
            if left == "half a model":
                return Verdict(point, left, f"{point}: {content_problem(volume / 'model', self.files)}")
            said, status = self._run(start_python(variables, "-m", MODULE))
            problem = content_problem(volume / "model", self.files)
            names = sorted(path.name for path in volume.iterdir())
            if status or problem or names != ["model"]:
                return Verdict(point, left, f"{point}: the next fetch ended with {status}, {problem}, {names}: {said}")
            return Verdict(point, left)

    def _left(self, volume: Path) -> str:
        if (volume / "model").exists():
            return "half a model" if content_problem(volume / "model", self.files) else "a whole model"
        return "what was being written" if any(volume.iterdir()) else "nothing"

    @contextmanager
    def _prepared(self, name: str) -> Iterator[tuple[FaultServer, dict[str, str], Path]]:
        volume = self._folder / name
        volume.mkdir()
        with serving() as server:
            server.containers["models"] = Container(version("digits/3", self.files))
            yield server, environment(server.endpoint, "models", self.files, volume), volume

    @staticmethod
    def _run(process: "subprocess.Popen[str]") -> tuple[str, int]:
        try:
            return process.communicate(timeout=FETCH_SECONDS)[0], process.returncode
        finally:
            process.kill()
            process.wait()


def _kill_at(process: "subprocess.Popen[str]", byte: int) -> Callable[[int], None]:
    sent = 0

    def count(size: int) -> None:
        nonlocal sent
        sent += size
        if sent > byte:
            process.kill()

    return count


def points(count: int, touches: int, size: int) -> list[Point]:
    """Return `count` points, as many touches as there are up to half of them, spread evenly."""
    by_touch = min(count // 2, touches)
    by_byte = count - by_touch
    return [
        *(Point("touch", 1 + number * touches // by_touch) for number in range(by_touch)),
        *(Point("byte", number * size // by_byte) for number in range(by_byte)),
    ]


def prove(count: int, seed: int) -> running.Outcome:
    """Kill `count` fetches."""
    progress = running.Progress(count)
    with tempfile.TemporaryDirectory(prefix="aiapp-proof-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        fetches = Fetches(seed, Path(folder))
        touches = fetches.total_touches()
        chosen = points(count, touches, sum(SIZES.values()))
        verdicts = []
        for verdict in pool.map(fetches.killed, range(count), chosen):
            verdicts.append(verdict)
            progress.step()
    left = Counter(verdict.left for verdict in verdicts)
    figures = {
        "touches_of_a_whole_fetch": touches,
        "killed_by": dict(Counter(verdict.point.by for verdict in verdicts)),
        "left_behind": dict(left),
        "half_models": left["half a model"],
    }
    broken = tuple(verdict.broken for verdict in verdicts if verdict.broken)
    return running.Outcome(len(verdicts), figures, broken)


if __name__ == "__main__":
    sys.exit(running.main("fetch_kills", prove, COUNT))
