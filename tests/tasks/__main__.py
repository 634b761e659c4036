"""`python -m tasks TASK`: what the Makefile calls."""

import argparse
import sys
from collections.abc import Callable, Sequence

from tasks import bench, checks, lock, mutants, prove, testing
from tasks.console import TaskError, fail, python_path, run
from tasks.environment import ensure_environment

Task = Callable[[Sequence[str]], int]


def _in_environment(*command: str) -> Task:
    return lambda arguments: run([ensure_environment("dev"), *command, *arguments], python_path())


def _demo(arguments: Sequence[str]) -> int:
    if status := run([sys.executable, "-m", "demo.machine", *arguments], python_path()):
        return status
    return run([ensure_environment("demo"), "-m", "demo", *arguments], python_path())


TASKS: dict[str, tuple[str, Task]] = {
    "demo": ("the whole story on this machine, taken down at the end (KEEP=1 leaves it running)", _demo),
    "test": ("unit tests and tests on a real cluster", testing.test),
    "check": ("style, types, import contracts, generated files: under a minute", lambda _: checks.check()),
    "cluster": (
        "start a cluster of one node (CLUSTER=auto|local|kind|context:NAME)",
        _in_environment("-m", "cluster", "up"),
    ),
    "deploy": ("put the operator and the digits example into the cluster", _in_environment("-m", "demo.deploy")),
    "cluster-down": ("end the cluster and leave nothing", _in_environment("-m", "cluster", "down")),
    "prove": ("count a claim over all of its cases (NAME=...; without it: the list)", prove.prove),
    "bench": ("measure the product beside others (NAME=...; without it: the list)", bench.bench),
    "mutants": ("plant known faults and see the tests catch them", lambda _: mutants.mutants()),
    "format": ("rewrite the code in the project's format", lambda _: checks.format_code()),
    "crd": ("generate crds/ and the chart's copy again", _in_environment("-m", "aiapp_operator.api.crd")),
    "lock": ("write the locked package lists again", lambda _: lock.lock()),
}


def main() -> int:
    """Run one task and turn what went wrong into one red message."""
    width = max(map(len, TASKS))
    listing = "\n".join(f"  make {name:<{width}}  {text}" for name, (text, _) in TASKS.items())
    parser = argparse.ArgumentParser(
        prog="make",
        description="AIApp: commands for developers. What is missing is installed outside the checkout.",
        epilog=f"tasks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", choices=TASKS, metavar="TASK")
    chosen, arguments = parser.parse_known_args()
    try:
        return TASKS[chosen.task][1](arguments)
    except TaskError as error:
        fail(str(error))
        return 1
    except KeyboardInterrupt:
        fail("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
