"""What this machine can do, and so which acts can be played. Needs nothing but Python: it is the first thing said."""

import os
import shutil
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import backends
from cluster.cache import cache_dir

ROOT: Final = Path(__file__).resolve().parents[2]
LOOK_SECONDS: Final = 1.5
"""Docker may take its time to answer; what the demo says first may not."""
NEEDED_GB: Final = 6
"""Peak of a first run: the compiler's caches (4 GB for Kubernetes alone), packages, images."""
CONNECTION_STRING: Final = "AZURE_STORAGE_CONNECTION_STRING"
NEEDED_OF_YOURS: Final = {
    "REGISTRY": "HOST/PREFIX, where the images go",
    CONNECTION_STRING: "..., of a blob account where the models go",
}
"""What a cluster of the user's own does not bring with it."""
WAYS_ON: Final = (
    "as root on Linux:        sudo make demo                               a Kubernetes node of its own",
    "with Docker running:     make demo                                    a kind cluster",
    f"with a cluster of yours: make demo CLUSTER=context:NAME REGISTRY=HOST/PREFIX {CONNECTION_STRING}='...'",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """`choice` is the cluster of act two, None where it cannot be played; then `why_not` says why.

    free_gb: gigabytes left where the cache is.
    """

    root: bool
    docker: str
    cluster: str
    cores: int
    free_gb: int
    cache: Path
    choice: backends.Choice | None
    why_not: str


def inspect(env: Mapping[str, str]) -> Machine:
    """Look at this machine, in less than two seconds.

    Raises:
        ValueError: CLUSTER names no kind of cluster, or one of yours without what it needs.
    """
    wanted = backends.wanted_backend(environment=env)
    missing = [f"{name}={what}" for name, what in NEEDED_OF_YOURS.items() if not env.get(name)]
    if wanted.startswith("context:") and missing:
        raise ValueError(f"CLUSTER={wanted} also needs {' and '.join(missing)}")
    found = _quickly_seen()
    choice, why_not = None, ""
    try:
        choice = backends.choose(wanted, found)
    except backends.NoBackendError as error:
        why_not = str(error)
    cache = cache_dir()
    return Machine(
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        docker=found.no_docker,
        cluster=wanted,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        free_gb=shutil.disk_usage(_existing(cache)).free // 10**9,
        cache=cache,
        choice=choice,
        why_not=why_not,
    )


def describe(machine: Machine) -> list[str]:
    """PURE. Say what was found and what the demo will create, a line each."""
    docker = f"no ({machine.docker})" if machine.docker else "yes"
    root = "yes" if machine.root else "no"
    lines = [
        f"this machine: root {root}; Docker {docker}; {machine.cores} cores; {machine.free_gb} GB free",
        f"creates: {machine.cache} (packages and programs, kept) and {ROOT / 'build'} (models, demo.json)",
    ]
    if machine.choice is None:
        return [*lines, f"act one only: {machine.why_not}"]
    place = {
        "local": "a Kubernetes node in namespaces of its own, taken down at the end",
        "kind": "a kind cluster, taken down at the end",
        "context": f"namespaces, the operator and its definition in {machine.choice.context}, removed at the end",
    }[machine.choice.backend]
    lines.append(f"for act two: {place} (CLUSTER={machine.cluster}: {machine.choice.why})")
    if machine.free_gb < NEEDED_GB and machine.choice.backend == "local":
        lines.append(f"a first run takes {NEEDED_GB} GB there: free some, or set AIAPP_CACHE to a larger disk")
    return lines


def _quickly_seen() -> backends.Machine:
    seen: list[backends.Machine] = []
    looking = threading.Thread(target=lambda: seen.append(backends.this_machine()), daemon=True)
    looking.start()
    looking.join(LOOK_SECONDS)
    slow = f"`docker info` does not answer within {LOOK_SECONDS} s"
    return seen[0] if seen else backends.Machine(no_docker=slow, no_local="unknown yet")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def main() -> int:
    """Print what `make demo` says first."""
    print("AIApp: an endpoint that always runs the newest good image with the newest good model", flush=True)
    try:
        lines = describe(inspect(os.environ))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for line in lines:
        print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
