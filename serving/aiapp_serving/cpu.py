"""How much CPU the container may use, and pools of threads to match: more threads than CPU only wait for each other."""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN_CGROUPS: Final = Path("/proc/self/cgroup")
POOL_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read once by OpenMP and the BLAS libraries, when numpy is first imported."""


def size_thread_pools(env: MutableMapping[str, str], workers: int = 1) -> None:
    """Have the pools of all workers together make no more threads than CPUs; call it before numpy is imported.

    What somebody has set already stays.
    """
    for name in POOL_VARIABLES:
        env.setdefault(name, str(max(1, threads() // workers)))


def pool_threads(env: Mapping[str, str]) -> int:
    """Return how many threads one model's own pool gets: what size_thread_pools gave the others."""
    said = env.get(POOL_VARIABLES[0], "")
    return int(said) if said.isdecimal() and int(said) else threads()


def threads() -> int:
    """Return how many threads can run at once: whole CPUs of the limit, at least 1."""
    allowed = len(os.sched_getaffinity(0))
    limit = cpu_limit()
    return allowed if limit is None else max(1, min(allowed, int(limit)))


def cpu_limit(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> float | None:
    """Return the container's limit in CPUs, None if it has none.

    A limit of a group above holds as well, so the smallest counts.
    """
    return min(_limits(cgroups, own), default=None)


def _limits(cgroups: Path, own: Path) -> Iterator[float]:
    for line in _text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            for folder in _and_above(cgroups, path):
                yield from _quota(*_text(folder / "cpu.max").split())
        elif "cpu" in controllers.split(","):
            for folder in _and_above(cgroups / "cpu", path):
                yield from _quota(
                    _text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip()
                )


def _and_above(root: Path, path: str) -> Iterator[Path]:
    """Give the group's folder and those above; in a container the root is often its own group, whatever its path."""
    group = Path(path.lstrip("/"))
    yield root / group
    for parent in group.parents:
        yield root / parent


def _quota(quota: str = "", period: str = "") -> Iterator[float]:
    if quota.isdecimal() and period.isdecimal() and int(quota) and int(period):
        yield int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
