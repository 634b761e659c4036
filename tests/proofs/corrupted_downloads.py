"""Downloads through a store that goes wrong: none is loaded but the right bytes, and the words name the cause."""

import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Final
from unittest import mock

from aiapp_models import contract
from aiapp_models.errors import SourceError
from aiapp_serving import download as product
from cluster.certificates import CertificateAuthority
from faults.container import Container, version
from faults.script import Kind
from faults.server import FaultServer, serving, tls_of
from proofs import running
from proofs.download_cases import Case, case
from proofs.fetching import content_problem, environment, fetch_here, own_authorities_only
from stand_ins.azurite import free_port

COUNT: Final = 10_000
PROCESSES: Final = 2
BATCHES: Final = 4
THREADS: Final = 64
"""Downloads at once in a process: most of them wait, for answers that never come or before another try."""
PART_BYTES: Final = 16 * 1024
"""The product's smallest part is 64 times as large; with this one, small files too come in several."""
FIRST_PAUSE_SECONDS: Final = 0.02
"""Between the product's tries of a part, of which there are as many as ever; its own pauses are 12 times as long."""
CANARY: Final = "c2lnbmF0dXJlLXRoYXQtbm9ib2R5LW1heS1zZWU"
"""The signature in the Secret, which nothing may say."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one download ended. `broken` says which claim it broke, in words; empty: none."""

    kinds: tuple[Kind, ...]
    outcome: str
    broken: str = ""


@dataclass
class Tally:
    """Verdicts, counted."""

    outcomes: Counter[str] = field(default_factory=Counter)
    by_kind: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        self.outcomes[verdict.outcome] += 1
        for kind in verdict.kinds:
            self.by_kind.setdefault(kind.value, Counter())[verdict.outcome] += 1
        if verdict.broken:
            self.failures.append(verdict.broken)

    def merge(self, other: "Tally") -> None:
        self.outcomes += other.outcomes
        for kind, counts in other.by_kind.items():
            self.by_kind.setdefault(kind, Counter()).update(counts)
        self.failures += other.failures


@dataclass(frozen=True, slots=True)
class Stores:
    """The servers that downloads read from, and where else they can be led."""

    plain: FaultServer
    tls: FaultServer
    stranger: FaultServer
    bundle: Path
    closed_port: int

    def endpoint(self, one: Case) -> str:
        match one.elsewhere:
            case Kind.REFUSED:
                return f"http://127.0.0.1:{self.closed_port}"
            case Kind.NO_NAME:
                return "https://models.invalid"
            case Kind.STRANGER:
                return self.stranger.endpoint
            case _:
                return (self.tls if one.tls else self.plain).endpoint


@contextmanager
def stores(folder: Path) -> Iterator[Stores]:
    """Run the servers of one process."""
    known, unknown = (CertificateAuthority.create(folder / name, name) for name in ("known", "unknown"))
    with serving() as plain, serving(tls_of(known)) as tls, serving(tls_of(unknown)) as stranger:
        yield Stores(plain, tls, stranger, known.path, free_port())


def download(all_stores: Stores, folder: Path, one: Case) -> Verdict:
    """Run one download on a volume of its own and judge what it left and said."""
    name = f"models-{one.number}"
    container = Container(version("digits/3", one.files), one.faults)
    servers = (all_stores.plain, all_stores.tls)
    for server in servers:
        server.containers[name] = container
    volume = folder / name
    volume.mkdir()
    lines: list[str] = []
    try:
        error = fetch_here(_environment(all_stores, one, name, volume), lines)
        return _judge(one, container, volume, error, lines)
    finally:
        for server in servers:
            del server.containers[name]
        shutil.rmtree(volume)


def _environment(all_stores: Stores, one: Case, name: str, volume: Path) -> dict[str, str]:
    ends = "2026-01-01" if any(fault.kind is Kind.SAS_EXPIRED for fault in one.faults) else "2099-01-01"
    secret = volume.with_name(f"{name}-secret")
    secret.mkdir()
    (secret / "sasToken").write_text(f"sv=2024-11-04&sp=rl&se={ends}T00:00:00Z&sig={CANARY}")
    further = {
        contract.ENV_CREDENTIALS_DIR: str(secret),
        contract.ENV_TRUST_BUNDLE: str(all_stores.bundle),
    }
    return environment(all_stores.endpoint(one), name, one.files, volume) | further


def _judge(one: Case, container: Container, volume: Path, error: Exception | None, lines: list[str]) -> Verdict:
    kinds = tuple(sorted({one.elsewhere} if one.elsewhere else container.struck))
    outcome, broken = _outcome(one, volume, error)
    if CANARY in "".join([*lines, str(error)]):
        outcome, broken = "secret", "the secret is in the words"
    elif not kinds:
        outcome, broken = "unharmed", "none of its faults struck"
    label = f"download {one.number} ({', '.join(fault.kind for fault in one.faults)})"
    return Verdict(kinds, outcome, f"{label}: {broken}" if broken else "")


def _outcome(one: Case, volume: Path, error: Exception | None) -> tuple[str, str]:
    """Return how a download ended, and which claim it broke."""
    left = sorted(path.name for path in volume.iterdir())
    if error is None:
        wrong = content_problem(volume / "model", one.files)
        return ("corrupt", f"loaded, but {wrong}") if wrong else ("right", f"{left}" if left != ["model"] else "")
    if left:
        return "leftovers", f"{error}, and left {left}"
    if not isinstance(error, SourceError) or error.reason not in one.reasons() or one.words() not in error.message:
        return "unnamed", f"{type(error).__name__} {error}"
    return "refused", ""


def batch(seed: int, folder: Path, numbers: Sequence[int]) -> Tally:
    """Run some downloads, many at once, and count; the slow ones first, so that nothing waits for them at the end."""
    tally = Tally()
    place = Path(tempfile.mkdtemp(dir=folder))
    cases = sorted((case(seed, number) for number in numbers), key=lambda one: not one.slow)
    with (
        own_authorities_only(place),
        mock.patch.object(product, "MIN_PART_BYTES", PART_BYTES),
        mock.patch.object(product, "FIRST_PAUSE_SECONDS", FIRST_PAUSE_SECONDS),
        stores(place) as all_stores,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        for verdict in pool.map(partial(_counted, all_stores, place), cases):
            tally.add(verdict)
    return tally


def _counted(all_stores: Stores, folder: Path, one: Case) -> Verdict:
    verdict = download(all_stores, folder, one)
    _DONE.count()
    return verdict


def prove(count: int, seed: int) -> running.Outcome:
    """Run `count` downloads in two processes."""
    tally, progress = Tally(), running.Progress(count)
    batches = [range(number, count, BATCHES) for number in range(BATCHES)]
    context = multiprocessing.get_context("spawn")
    done = context.Value("L", 0)
    with (
        tempfile.TemporaryDirectory(prefix="aiapp-proof-") as folder,
        context.Pool(PROCESSES, _begin, [done]) as pool,
    ):
        parts = pool.map_async(partial(batch, seed, Path(folder)), batches, chunksize=1)
        while not parts.ready():
            parts.wait(1)
            progress.reach(done.value)
        for part in parts.get():
            tally.merge(part)
    return running.Outcome(tally.outcomes.total(), figures(tally), tuple(tally.failures))


def figures(tally: Tally) -> dict[str, object]:
    """Return the counts as they are kept."""
    names = ("right", "refused", "corrupt", "leftovers", "unnamed", "secret", "unharmed")
    return {
        "part_bytes": PART_BYTES,
        "first_pause_seconds": FIRST_PAUSE_SECONDS,
        "outcomes": {name: tally.outcomes[name] for name in names},
        "loaded_corrupt": tally.outcomes["corrupt"],
        "by_fault": {kind: dict(sorted(counts.items())) for kind, counts in sorted(tally.by_kind.items())},
    }


class _Done:
    """How many downloads this process and its siblings have ended."""

    shared: "Synchronized[int] | None" = None

    def count(self) -> None:
        if self.shared:
            with self.shared.get_lock():
                self.shared.value += 1


_DONE: Final = _Done()


def _begin(done: "Synchronized[int]") -> None:
    """Prepare a process of the pool, which leaves Ctrl-C to the one that waits: it ends these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o022)
    logging.getLogger("azure").setLevel(logging.CRITICAL + 1)  # it tells of every answer that went wrong
    _DONE.shared = done


if __name__ == "__main__":
    sys.exit(running.main("corrupted_downloads", prove, COUNT))
