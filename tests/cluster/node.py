"""A Kubernetes node of our own build in namespaces of its own: starts it, waits for it, and leaves nothing of it."""

import contextlib
import functools
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from cluster import cgroups, network
from cluster.apiserver import ApiServer, wait_for
from cluster.blobstore import random_keys
from cluster.cache import Report, cache_dir
from cluster.configuration import NODE_NAME, bootstrap_objects
from cluster.names import listeners
from cluster.node_files import Programs, write_node_files
from cluster.processes import Process, children
from cluster.state import NodeState, all_names, clusters_directory, directory_of, load, save, slots_locked

INIT = Path(__file__).parent / "init.sh"
START_TIMEOUT = 180.0
"""Seconds for each of: API server, node, default ServiceAccount. Seconds are usual; a machine that compiles is slow."""


def start(name: str, programs: Programs, report: Report, *, owner: Process | None) -> NodeState:
    """Start a node and wait until pods can be made on it. On any failure, a signal included, nothing stays behind.

    Raises RuntimeError (it is running, or it ended early) and TimeoutError.
    """
    _check_place()
    existing = load(name)
    if existing and existing.running:
        raise RuntimeError(f"cluster {name} is running already")
    remove(name)
    with _terminated_as_exception():
        try:
            state = _reserve(name)
            write_node_files(state, programs)
            state = _launch(state, programs, report)
            _wait_until_usable(state, report)
            state = replace(state, ready=True, owner=owner)
            save(state)
        except BaseException as error:
            _say_last_words(name, error, report)
            remove(name)
            raise
    return state


def remove(name: str) -> bool:
    """End a node, running or not, and take everything away that it had. Returns whether there was one."""
    if not directory_of(name).exists():
        return False
    with slots_locked():
        # Another process may have been at it until now.
        existed = directory_of(name).exists()
        if existed:
            _take_away(name)
        if not all_names():
            clusters_directory().rmdir()
    return existed


def remove_stale(report: Report) -> None:
    """Take away what is left of nodes whose processes are gone, or whose owner is."""
    for name in all_names():
        with slots_locked():
            state = load(name)
        if state is None or (not state.running and not state.owned_by_another):
            report(f"cluster {name} is not running any more: removing what it left")
            remove(name)
        elif state.owner is not None and not state.owner.alive:
            report(f"cluster {name} was left by a run that is gone: removing it")
            remove(name)


def _take_away(name: str) -> None:
    state = load(name)
    if state:
        for process in (state.init, state.starter):
            if process:
                process.kill()
        cgroups.remove(Path(path) for path in state.cgroups)
        with contextlib.suppress(OSError):  # another node hands them on
            cgroups.delegate(Path(state.cgroups[0]).parent, state.delegated, sign="-")
        _wait_until_link_is_gone(state)
    shutil.rmtree(directory_of(name))


def enter(state: NodeState, *argv: str) -> list[str]:
    """Command line that runs `argv` in all of the node's namespaces, in this process's working directory."""
    if state.init is None:
        raise RuntimeError(f"cluster {state.name} has no process")
    return ["nsenter", "--all", f"--target={state.init.pid}", f"--wdns={Path.cwd()}", "--", *argv]


@contextmanager
def service_stopped(state: NodeState, service: str) -> Iterator[None]:
    """Stop one of the node's services (SIGTERM, SIGKILL after 3 s) and start it again at the end."""
    directory = directory_of(state.name)
    if not (directory / "services" / f"{service}.sh").exists():
        names = ", ".join(sorted(path.stem for path in (directory / "services").iterdir()))
        raise ValueError(f"no service {service!r}; there are {names}")
    marker = directory / "stopped" / service
    marker.touch()
    try:
        pid = (directory / "pids" / service).read_text().strip()
        # Azurite saves at SIGTERM what it holds; the API server would wait a minute for its watches to end.
        script = f"kill {pid}; for _ in $(seq 60); do kill -0 {pid} || exit 0; sleep 0.05; done; kill -KILL {pid}"
        subprocess.run(enter(state, "bash", "-c", script), check=True, timeout=60, stderr=subprocess.DEVNULL)
        yield
    finally:
        marker.unlink()


def _check_place() -> None:
    if os.geteuid() != 0:
        raise RuntimeError("a local node needs root: namespaces, mounts and control groups")
    if any(cache_dir().is_relative_to(path) for path in ("/run", "/proc", "/sys", "/dev")):
        raise RuntimeError(f"{cache_dir()} is hidden inside a node: set AIAPP_CACHE to a directory on a disk")


def _reserve(name: str) -> NodeState:
    groups = cgroups.of_this_process()
    directories = cgroups.node_directories(groups, f"aiapp-{name}")
    with slots_locked():
        others = (load(other) for other in all_names())
        addresses = network.free_slot(network.host_routes(), [other.slot for other in others if other])
        state = NodeState(
            name=name,
            slot=addresses.slot,
            owner=Process.of(os.getpid()),
            registry_username="aiapp",
            registry_password=secrets.token_urlsafe(18),
            account_keys=random_keys(),
            s3_access_key=f"AIAPP{secrets.token_hex(8).upper()}",
            s3_secret_key=secrets.token_urlsafe(30),
            cgroups=tuple(str(path) for path in directories),
            delegated=cgroups.undelegated(directories[0].parent) if cgroups.is_pure_v2(groups) else (),
        )
        save(state)
    return state


def _launch(state: NodeState, programs: Programs, report: Report) -> NodeState:
    report(f"starting node {state.addresses.node}")
    groups = [Path(path) for path in state.cgroups]
    found = cgroups.of_this_process()
    cgroups.delegate(groups[0].parent, state.delegated)
    cgroups.create(groups)
    directory = directory_of(state.name)
    variables = {
        **_init_variables(state, programs),
        "HIERARCHIES": " ".join(group.controllers or "v2" for group in found),
    }
    # Joined before unshare makes the cgroup namespace: the group is then the root that the node sees.
    joins = "".join(f"echo $$ >{shlex.quote(str(group / 'cgroup.procs'))}; " for group in groups)
    flags = "--mount --pid --fork --net --uts --ipc --cgroup --kill-child --mount-proc"
    with (directory / "logs" / "init.log").open("wb") as log:
        starter = subprocess.Popen(
            ["bash", "-c", f"set -e; {joins}exec unshare {flags} bash {shlex.quote(str(INIT))}"],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Nobody else waits for it, and a zombie would look like a process that the node left.
    threading.Thread(target=starter.wait, daemon=True).start()
    state = replace(state, starter=Process.of(starter.pid))
    save(state)
    state = replace(state, init=_find_init(starter))
    save(state)
    if cgroups.is_pure_v2(found):
        cgroups.make_room_for_children(groups[0])
    if state.init:
        network.connect(state.addresses, state.init.pid)
    return state


def _init_variables(state: NodeState, programs: Programs) -> dict[str, str]:
    return {
        "STATE": str(directory_of(state.name)),
        "CACHE": str(cache_dir()),
        "BINARIES": str(programs.binaries),
        "NODE_ADDRESS": state.addresses.node,
        "IDENTITY_ADDRESS": state.addresses.identity,
        "NODE_NAME": NODE_NAME,
        "PAUSE_ARCHIVE": str(programs.pause_archive),
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
    }


def _find_init(starter: "subprocess.Popen[bytes]") -> Process:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and starter.returncode is None:
        for pid in children(starter.pid):
            return Process.of(pid)
        time.sleep(0.01)
    raise RuntimeError("unshare did not start the node")


def _wait_until_usable(state: NodeState, report: Report) -> None:
    server = ApiServer(directory_of(state.name) / "kubeconfig")
    started = time.monotonic()

    def wait_until(what: str, there: Callable[[], bool]) -> None:
        wait_for(what, there, report, timeout=START_TIMEOUT, alive=lambda: state.init is not None and state.init.alive)
        report(f"{what}: {time.monotonic() - started:.1f} s")

    wait_until("API server ready", lambda: server.get("/readyz") == "ok")
    for path, body in bootstrap_objects(state.addresses):
        server.create(path, body)
    (directory_of(state.name) / "stopped" / "kube-proxy").unlink()
    wait_until("node ready", lambda: _is_ready(server.get(f"/api/v1/nodes/{NODE_NAME}")))
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    wait_until("default ServiceAccount", lambda: server.get(account) is not None)
    for service, (address, port) in listeners(state.addresses).items():
        wait_until(f"{service} ready", functools.partial(network.answers, address, port))


def _is_ready(node: dict[str, Any] | None) -> bool:
    conditions = node["status"].get("conditions", []) if node else []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _wait_until_link_is_gone(state: NodeState) -> None:
    """The kernel takes a namespace apart in the background, a moment after its last process."""
    deadline = time.monotonic() + 5
    while network.link_exists(state.addresses) and time.monotonic() < deadline:
        time.sleep(0.02)
    network.remove_link(state.addresses)


def _say_last_words(name: str, error: BaseException, report: Report) -> None:
    """Say the last words of the node's programs before its directory goes."""
    if not isinstance(error, Exception):
        return
    for log in sorted((directory_of(name) / "logs").glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()
        report(f"--- {log.stem}, last lines of {len(lines)}")
        for line in lines[-5:]:
            report(line)


@contextmanager
def _terminated_as_exception() -> Iterator[None]:
    """SIGTERM unwinds as Ctrl-C does, so that a start that is broken off cleans up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
