"""`python -m cluster up|down|status|build|exec`: a cluster to develop and try things on."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from cluster import binaries, node
from cluster.backends import Choice, NoBackendError, choose, open_cluster, this_machine, wanted_backend
from cluster.cache import cache_dir
from cluster.state import all_names, directory_of, load
from cluster.toolchain import ToolchainError, say

DEFAULT_NAME = "aiapp"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0, 1 when it failed, 2 for what this machine cannot do."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (NoBackendError, ValueError) as error:
        say(str(error))
        return 2
    except (ToolchainError, RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
        say(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; nothing is left running")
        return 130


def up(options: argparse.Namespace) -> int:
    """Start a cluster that stays, or use the one that runs."""
    choice = _choice()
    say(f"backend {choice.backend} ({choice.why})")
    cluster = open_cluster(choice, options.name, say, stays=True)
    cluster.create()
    say("")
    say(f"export KUBECONFIG={cluster.kubeconfig_path}")
    say("Try:")
    say(f"  {getattr(cluster, 'kubectl_path', 'kubectl')} get nodes --output=wide")
    say(f"  {getattr(cluster, 'kubectl_path', 'kubectl')} get pods --all-namespaces")
    say("  make deploy")
    return 0


def down(options: argparse.Namespace) -> int:
    """End a cluster and take away everything it had."""
    choice = _choice()
    if choice.backend == "local":
        node.remove_stale(say)
        removed = node.remove(options.name)
        say(f"cluster {options.name}: {'removed' if removed else 'there is none'}")
        return 0
    open_cluster(choice, options.name, say).delete()
    say(f"cluster {options.name}: {'left alone, it is not ours' if choice.backend == 'context' else 'removed'}")
    return 0


def status(_options: argparse.Namespace) -> int:
    """List local nodes."""
    if not all_names():
        say("no local cluster")
    for name in all_names():
        state = load(name)
        if state is None or not state.running:
            say(f"{name}: not running (python -m cluster down --name {name})")
        else:
            say(f"{name}: running, KUBECONFIG={directory_of(name) / 'kubeconfig'}, node {state.addresses.node}")
    return 0


def build(options: argparse.Namespace) -> int:
    """Build and install what the chosen backend needs, so that a later start is quick."""
    try:
        choice = _choice()
    except NoBackendError as error:
        say(f"nothing to build: {error}")
        return 0
    if options.nice is not None:
        os.nice(options.nice)
    if choice.backend == "local":
        from cluster.local import ensure_programs  # noqa: PLC0415  # imports what only a local node needs

        ensure_programs(say)
    else:
        binaries.ensure_binaries(say, ["kubectl", "helm", *(["kind"] if choice.backend == "kind" else [])])
    say(f"everything is built and kept in {cache_dir()}")
    return 0


def run_inside(options: argparse.Namespace) -> int:
    """Run a program among a local node's names and addresses."""
    state = load(options.name)
    if state is None or not state.running:
        raise ValueError(f"cluster {options.name} is not running: python -m cluster up --name {options.name}")
    environment = {**os.environ, "KUBECONFIG": str(directory_of(options.name) / "kubeconfig")}
    return subprocess.run(node.enter(state, *options.command), check=False, env=environment).returncode


def _choice() -> Choice:
    return choose(wanted_backend(), this_machine())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, name in ((up, "up"), (down, "down"), (status, "status"), (build, "build"), (run_inside, "exec")):
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        if name in {"up", "down", "exec"}:
            command.add_argument("--name", default=DEFAULT_NAME, help=f"the cluster's name (default {DEFAULT_NAME})")
        if name == "build":
            command.add_argument("--nice", type=int, metavar="0..19", help="priority of the compiler, 19 is the lowest")
        if name == "exec":
            command.add_argument("command", nargs="+", metavar="PROGRAM", help="after --, with its arguments")
    return parser


if __name__ == "__main__":
    sys.exit(main())
