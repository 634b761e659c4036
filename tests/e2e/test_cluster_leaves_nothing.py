"""What a local node leaves on this machine when it ends: nothing, however it ends."""

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.backends import this_machine
from cluster.cache import cache_dir
from cluster.cgroups import of_this_process
from cluster.images import ensure_base_image
from cluster.local import LocalCluster
from cluster.network import host_routes
from cluster.node import remove_stale
from cluster.state import all_names, clusters_directory, directory_of, load
from cluster.toolchain import say

ROOT = Path(__file__).resolve().parents[2]
OTHERS_WRITE = re.compile(
    r"^/(var/(log|lib/(apt|dpkg|systemd)|cache/(apt|debconf|ldconfig|man)|tmp)|run/(systemd|udev|user|log))\b"
)
"""Directories that package managers and daemons of the machine write to by themselves."""
OURS = re.compile(r"^(?!aiapp-proof-).*(aiapp|kube|containerd|runc|cni|azurite|etcd|registry|load-|nsenter)")
"""Names a node's programs would choose in /tmp, where everybody else's files come and go, those of proofs too."""
SYSCTLS_THAT_COUNT = re.compile(
    r"file-nr|inode-|quota/syncs|dentry-state|random/|pty/nr|ns_last_pid|sched_domain|conntrack_count"
)
"""Kernel counters, and what one reads from /proc/sys is otherwise what somebody has set."""
UP_SECONDS = 120


@dataclass(frozen=True)
class Machine:
    """Everything on this machine that a node has, in its own namespaces, more of."""

    mounts: frozenset[str]
    links: frozenset[str]
    routes: frozenset[str]
    namespaces: frozenset[str]
    named_networks: frozenset[str]
    cgroups: frozenset[str]
    sysctls: Mapping[str, str]
    iptables: str
    files: frozenset[str]

    def more_than(self, before: "Machine") -> dict[str, object]:
        """Return what is here and was not before, by kind; changed settings too."""
        grown = {
            kind: getattr(self, kind) - getattr(before, kind)
            for kind in ("mounts", "links", "routes", "namespaces", "named_networks", "cgroups", "files")
        }
        changed = {key: value for key, value in self.sysctls.items() if before.sysctls.get(key, value) != value}
        rules = self.iptables if self.iptables != before.iptables else ""
        return {kind: found for kind, found in {**grown, "sysctls": changed, "iptables": rules}.items() if found}


def look(name: str) -> Machine:
    """Look at the machine, past the clusters that run beside the one of that name."""
    others = [state for other in all_names() if other != name and (state := load(other))]
    links = {state.addresses.link for state in others}
    routes = {
        net for state in others for net in (state.addresses.nodes, state.addresses.services, state.addresses.pods)
    }
    groups = tuple(path for state in others for path in state.cgroups)
    return Machine(
        mounts=frozenset(line.split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        links=frozenset(path.name for path in Path("/sys/class/net").iterdir()) - links,
        routes=frozenset(host_routes()) - routes,
        namespaces=_network_namespaces([f"/aiapp-{state.name}" for state in others]),
        named_networks=frozenset(path.name for path in Path("/run/netns").glob("*")),
        cgroups=frozenset(path for path in _cgroups() if not path.startswith(groups)),
        sysctls=_sysctls(),
        iptables=_iptables(),
        files=_files() - {str(directory_of(state.name)) for state in others},
    )


def _cgroups() -> Iterator[str]:
    for group in of_this_process():
        for directory, folders, _ in os.walk(group.mount_point):
            yield from (f"{directory}/{folder}" for folder in folders if "aiapp" in f"{directory}/{folder}")


def _network_namespaces(others: list[str]) -> frozenset[str]:
    """Network namespaces of all processes, but for those in the control groups of other clusters."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            groups = (process / "cgroup").read_text()
            if not any(other in groups for other in others):
                found.add(str((process / "ns/net").readlink()))
    return frozenset(found)


def _iptables() -> str:
    """Return the rules without their packet counters and the date."""
    saved = subprocess.run(["iptables-save"], check=True, capture_output=True, text=True).stdout
    lines = (line for line in saved.splitlines() if not line.startswith("#"))
    return "\n".join(re.sub(r"\[\d+:\d+\]", "", line) for line in lines)


def _sysctls() -> dict[str, str]:
    found = {}
    for path in Path("/proc/sys").rglob("*"):
        try:
            if path.is_file() and not SYSCTLS_THAT_COUNT.search(str(path)):
                found[str(path)] = path.read_text()
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _files() -> frozenset[str]:
    kept: set[str] = set()
    for root in ("/etc", "/var", "/run", "/opt"):
        for directory, folders, files in os.walk(root):
            if OTHERS_WRITE.match(directory):
                folders.clear()
                continue
            kept.update(os.path.join(directory, name) for name in (*folders, *files))  # noqa: PTH118  # 50,000 of them
    kept.update(str(path) for path in Path("/tmp").glob("*") if OURS.search(path.name))
    if clusters_directory().exists():
        kept.update(str(path) for path in clusters_directory().iterdir())
    kept.update(str(path) for path in cache_dir().iterdir())
    return frozenset(kept)


@pytest.fixture
def name() -> Iterator[str]:
    """Name a cluster of this test's own; whatever the test did, it is gone afterwards."""
    if why_not := this_machine().no_local:
        pytest.skip(why_not)
    # Built before the first look: what is built is kept on purpose.
    subprocess.run(cluster_command("build"), cwd=ROOT, env=environment(), check=True)
    name = f"traces-{secrets.token_hex(3)}"
    yield name
    subprocess.run(cluster_command("down", "--name", name), cwd=ROOT, env=environment(), check=True)


def cluster_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cluster", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "CLUSTER": "local", "PYTHONPATH": str(ROOT / "tests")}


def up(name: str) -> "subprocess.Popen[str]":
    command = cluster_command("up", "--name", name)
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)


def eventually(what: str, condition: Callable[[], bool], seconds: float = UP_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.05)


def run_up(name: str) -> None:
    with up(name) as process:
        said, _ = process.communicate(timeout=UP_SECONDS)
    assert process.returncode == 0, said
    assert f"export KUBECONFIG={directory_of(name)}" in said


def run_a_pod(name: str) -> None:
    cluster = LocalCluster(name)
    image = cluster.push_image(ensure_base_image(say))
    with cluster.namespace(pod_security="privileged") as namespace:
        cluster.kubectl("run", "sleeper", f"--image={image}", f"--namespace={namespace}", "--", "sleep", "3600")
        cluster.kubectl("wait", "pod/sleeper", "--for=condition=Ready", f"--namespace={namespace}", "--timeout=60s")


def test_a_cluster_that_ran_pods_leaves_nothing(name: str) -> None:
    before = look(name)
    run_up(name)
    run_a_pod(name)
    during = look(name).more_than(before)
    assert {"links", "routes", "namespaces", "cgroups", "files"} <= during.keys(), "the look would not see a node"
    assert not {"mounts", "sysctls", "iptables", "named_networks"} & during.keys()

    subprocess.run(cluster_command("down", "--name", name), cwd=ROOT, env=environment(), check=True)

    assert look(name).more_than(before) == {}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("line", ["starting node", "API server ready"])
def test_an_interrupted_start_leaves_nothing(name: str, signum: signal.Signals, line: str) -> None:
    before = look(name)
    with up(name) as process:
        assert process.stdout
        said = []
        for printed in process.stdout:
            said.append(printed)
            if printed.startswith(line):
                process.send_signal(signum)
                break
        said.append(process.stdout.read())
        process.wait(UP_SECONDS)
    assert process.returncode == 128 + signum, "".join(said)
    assert look(name).more_than(before) == {}


def test_a_killed_starter_is_cleaned_up_after(name: str) -> None:
    before = look(name)
    with up(name) as process:
        eventually(
            "the node has its first process", lambda: (state := load(name)) is not None and state.init is not None
        )
        process.kill()
    assert directory_of(name).exists()

    subprocess.run(cluster_command("down", "--name", name), cwd=ROOT, env=environment(), check=True)

    assert look(name).more_than(before) == {}


def test_a_node_that_died_is_started_anew(name: str) -> None:
    run_up(name)
    state = load(name)
    assert state
    assert state.init
    os.kill(state.init.pid, signal.SIGKILL)
    eventually("the node has ended", lambda: (dead := load(name)) is not None and not dead.running)

    run_up(name)

    fresh = load(name)
    assert fresh
    assert fresh.running
    assert fresh.init != state.init


def test_a_node_whose_run_was_killed_is_removed_by_the_next(name: str) -> None:
    program = (
        "import os, signal, sys; from cluster.local import LocalCluster\n"
        "LocalCluster(sys.argv[1]).create(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, name], cwd=ROOT, env=environment(), check=False)
    assert killed.returncode == -signal.SIGKILL
    left = load(name)
    assert left
    assert left.running

    remove_stale(say)

    assert not directory_of(name).exists()
    assert not left.running


def test_a_program_run_inside_finds_the_clusters_names(name: str) -> None:
    run_up(name)
    look_up = "import socket; print(socket.gethostbyname('contosomodels.blob.core.windows.net'))"
    command = cluster_command("exec", "--name", name, "--", sys.executable, "-c", look_up)
    answer = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)
    state = load(name)
    assert state
    assert answer.stdout.strip() == state.addresses.node
