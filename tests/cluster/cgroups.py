"""Control groups of a local node: one below this process's own in every hierarchy, version 1 and version 2."""

import contextlib
import os
import signal
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
    return [(group.mount_point if is_pure_v2(groups) else group.own) / name for group in groups]


def is_pure_v2(found: Iterable[Hierarchy]) -> bool:
    """Whether version 2 has the controllers, and not version 1 with a version 2 hierarchy beside it."""
    return all(group.controllers == "" for group in found)


def undelegated(directory: Path) -> tuple[str, ...]:
    """Return the controllers of a version 2 group that its children do not have yet, of those the kubelet uses."""
    available = (directory / "cgroup.controllers").read_text().split()
    enabled = (directory / "cgroup.subtree_control").read_text().split()
    return tuple(controller for controller in DELEGATED if controller in available and controller not in enabled)


def delegate(directory: Path, controllers: Iterable[str], sign: str = "+") -> None:
    """Give controllers to the children of a version 2 group, or with `-` take them back."""
    for controller in controllers:
        (directory / "cgroup.subtree_control").write_text(f"{sign}{controller}")


def create(directories: Iterable[Path]) -> None:
    """Make the groups, ready to take processes."""
    for directory in directories:
        directory.mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 takes no process into a group whose CPUs are not set.
            if (directory / file).exists() and not (directory / "cgroup.controllers").exists():
                (directory / file).write_text((directory.parent / file).read_text())


def make_room_for_children(directory: Path) -> None:
    """Version 2: move the node's first processes into a leaf, so that its root may hand controllers on."""
    leaf = directory / "init"
    leaf.mkdir()
    while pids := (directory / "cgroup.procs").read_text().split():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
    delegate(directory, undelegated(directory))


def remove(directories: Iterable[Path], timeout: float = 10.0) -> None:
    """Kill what is in the groups and remove them, with all below them. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    for directory in directories:
        while directory.exists() and not _remove_tree(directory):
            _kill(directory)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{directory} still has processes: see its cgroup.procs files")
            time.sleep(0.05)


def _is_mount_of(controllers: str, kind: str, options: set[str]) -> bool:
    if controllers == "":
        return kind == "cgroup2"
    return kind == "cgroup" and set(controllers.split(",")) <= options


def _remove_tree(directory: Path) -> bool:
    try:
        for path, _, _ in os.walk(directory, topdown=False):
            Path(path).rmdir()
    except OSError:
        return False
    return True


def _kill(directory: Path) -> None:
    for path in directory.rglob("cgroup.procs"):
        with contextlib.suppress(OSError):  # the group or the process went meanwhile
            for pid in path.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
