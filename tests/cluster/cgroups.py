"""Control groups of a local node: one below this process's own in every hierarchy, version 1 and version 2."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DELEGATED = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")
"""Controllers that the kubelet uses on version 2."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted hierarchy; `controllers` as in /proc/self/cgroup: `cpu,cpuacct`, `name=systemd`, `` for version 2."""

    controllers: str
    mount_point: Path
    own: Path


def hierarchies(cgroup_text: str, mountinfo_text: str) -> list[Hierarchy]:
    """Read /proc/self/cgroup and /proc/self/mountinfo. Hierarchies that are not mounted are left out."""
    paths = {
        controllers: path for _, controllers, path in (line.split(":", 2) for line in cgroup_text.split("\n") if line)
    }
    found: dict[str, Hierarchy] = {}
    for line in mountinfo_text.splitlines():
        fields, _, rest = line.partition(" - ")
        root, mount_point = fields.split()[3:5]
        kind, _, options = rest.split(" ", 2)
        if kind not in {"cgroup", "cgroup2"}:
            continue
        for controllers, path in paths.items():
            if controllers not in found and _is_mount_of(controllers, kind, set(options.split(","))):
                own = Path(mount_point) / os.path.relpath(path, root) if path.startswith(root) else Path(mount_point)
                found[controllers] = Hierarchy(controllers, Path(mount_point), own)
    return list(found.values())


def of_this_process() -> list[Hierarchy]:
    return hierarchies(Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text())


def node_directories(found: Iterable[Hierarchy], name: str) -> list[Path]:
    """Where the node's groups go: below our own; on a pure version 2 machine at the root.

    There a group that has processes may not have children with controllers, the root excepted.
    """
    groups = list(found)
    pure_v2 = all(group.controllers == "" for group in groups)
    return [(group.mount_point if pure_v2 else group.own) / name for group in groups]


def create(directories: Iterable[Path]) -> None:
    """Make the groups, ready to take processes."""
    for directory in directories:
        _delegate(directory.parent)
        directory.mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 takes no process into a group whose CPUs are not set.
            if (directory / file).exists() and not (directory / "cgroup.controllers").exists():
                (directory / file).write_text((directory.parent / file).read_text())


def make_room_for_children(directories: Iterable[Path]) -> None:
    """Version 2: move the node's first processes into a leaf, so that its root may hand controllers on."""
    for directory in directories:
        if (directory / "cgroup.controllers").exists():
            leaf = directory / "init"
            leaf.mkdir(exist_ok=True)
            for pid in (directory / "cgroup.procs").read_text().split():
                (leaf / "cgroup.procs").write_text(pid)
            _delegate(directory)


def remove(directories: Iterable[Path], timeout: float = 10.0) -> None:
    """Remove the groups and all below them, once their processes are gone. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    for directory in directories:
        while directory.exists() and not _remove_tree(directory):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{directory} still has processes: see its cgroup.procs files")
            time.sleep(0.05)


def _is_mount_of(controllers: str, kind: str, options: set[str]) -> bool:
    if controllers == "":
        return kind == "cgroup2"
    return kind == "cgroup" and set(controllers.split(",")) <= options


def _delegate(directory: Path) -> None:
    """Let children of a version 2 group have the controllers that it has. It adds what is missing, and only that."""
    control = directory / "cgroup.subtree_control"
    if not control.exists():
        return
    available = set((directory / "cgroup.controllers").read_text().split())
    enabled = set(control.read_text().split())
    for controller in DELEGATED:
        if controller in available - enabled:
            control.write_text(f"+{controller}")


def _remove_tree(directory: Path) -> bool:
    try:
        for path, _, _ in os.walk(directory, topdown=False):
            Path(path).rmdir()
    except OSError:
        return False
    return True
