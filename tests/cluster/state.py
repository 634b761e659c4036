"""The record of a running local node: what to reach it by, and what to take away when it ends."""

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.cache import cache_dir
from cluster.certificates import write_private
from cluster.network import Addresses
from cluster.processes import Process


@dataclass(frozen=True, slots=True)
class NodeState:
    """Written before each thing that outlives a crash of the starter is made."""

    name: str
    slot: int
    owner: Process | None
    """Whoever has to end the node; None once it was asked to stay."""
    registry_username: str
    registry_password: str = field(repr=False)
    account_keys: Mapping[str, str] = field(repr=False)
    s3_access_key: str = ""
    s3_secret_key: str = field(default="", repr=False)
    cgroups: tuple[str, ...] = ()
    delegated: tuple[str, ...] = ()
    """Controllers that the machine's root group gives its children for this node's sake (version 2 alone)."""
    starter: Process | None = None
    """The unshare process: the node ends with it."""
    init: Process | None = None
    ready: bool = False

    @property
    def addresses(self) -> Addresses:
        return Addresses(self.slot)

    @property
    def running(self) -> bool:
        return self.ready and self.init is not None and self.init.alive

    @property
    def owned_by_another(self) -> bool:
        """Whether another process that is alive will end this node."""
        return self.owner is not None and self.owner.pid != os.getpid() and self.owner.alive


def clusters_directory() -> Path:
    return cache_dir() / "clusters"


def directory_of(name: str) -> Path:
    return clusters_directory() / name


@contextmanager
def slots_locked() -> Iterator[None]:
    """One process at a time looks for a free slot. The lock is on the directory itself and leaves no file."""
    clusters_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(clusters_directory(), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def save(state: NodeState) -> None:
    """Replace the record in one step."""
    directory = directory_of(state.name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = directory / "state.json.new"
    write_private(temporary, json.dumps(dataclasses.asdict(state), indent=2).encode())
    temporary.replace(directory / "state.json")


def load(name: str) -> NodeState | None:
    """Return the record of a node; None when there is none. One that an older or newer version wrote is read too."""
    try:
        text = (directory_of(name) / "state.json").read_text()
    except FileNotFoundError:
        return None
    known = {one.name for one in dataclasses.fields(NodeState)}
    record: dict[str, Any] = {key: value for key, value in json.loads(text).items() if key in known}
    for key in ("owner", "starter", "init"):
        record[key] = Process(**record[key]) if record.get(key) else None
    for key in ("cgroups", "delegated"):
        record[key] = tuple(record.get(key, ()))
    return NodeState(**record)


def all_names() -> list[str]:
    """Names of all nodes that have a directory, running or not."""
    if not clusters_directory().exists():
        return []
    return sorted(path.name for path in clusters_directory().iterdir() if path.is_dir())
