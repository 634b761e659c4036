"""Kubernetes and the other programs of the test cluster, compiled from their Go modules once and kept.

Every module is built into a directory of its own, so that a changed one builds alone. The directory that callers get
holds hard links to all of them.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from cluster.cache import Report, cache_dir, duration, locked
from cluster.modules import (
    GO_MODULES,
    MODULES,
    Module,
    is_package_line,
    linker_flags,
    module_key,
    modules_for,
    progress,
)
from cluster.toolchain import ENDS_WITH_CALLER, ToolchainError, ensure_go, run_tool, say


@dataclass(frozen=True, slots=True)
class Go:
    """A Go command with the environment and the priority that every build uses."""

    program: Path
    version: str
    environment: Mapping[str, str]
    niceness: int

    def command(self, *arguments: str) -> list[str]:
        return [*ENDS_WITH_CALLER, "nice", "-n", str(self.niceness), str(self.program), *arguments]


def ensure_binaries(report: Report = say, names: Collection[str] | None = None, *, niceness: int | None = None) -> Path:
    """Return the directory that holds the named programs, or all, building what is missing.

    `niceness` (0 to 19; also `$AIAPP_BUILD_NICE`) is the priority of the compiler. Its caches are kept while a build is
    unfinished, so that the next call goes on from there, and dropped after.

    Raises:
        ToolchainError: there is no Go and none can be installed, or a module cannot be fetched or compiled.
        ValueError: an unknown name.
    """
    modules = modules_for(names)
    go = _go(ensure_go(report), int(os.environ.get("AIAPP_BUILD_NICE", "0")) if niceness is None else niceness)
    directory = _directory(go.version)
    if _missing(directory, modules):
        with locked("binaries", "building the cluster's programs", report):
            _remove_unfinished()
            Path(go.environment["GOTMPDIR"]).mkdir(parents=True, exist_ok=True)
            for module in modules:
                if _missing(directory, [module]):
                    _link(module, _ensure_module(module, go, report), directory)
            report("removing the compiler's caches")
            shutil.rmtree(_compiler_caches(), ignore_errors=True)
    return directory


def _directory(go_version: str) -> Path:
    """Return where the programs of all modules as they are now belong."""
    keys = "".join(module_key(module, go_version) for module in MODULES)
    return cache_dir() / f"bin-{hashlib.sha256(keys.encode()).hexdigest()[:12]}"


def _missing(directory: Path, modules: Collection[Module]) -> bool:
    return not all((directory / program).exists() for module in modules for program in module.programs)


def _go(program: Path, niceness: int) -> Go:
    caches = _compiler_caches()
    environment = {name: value for name, value in os.environ.items() if name not in {"GOOS", "GOARCH", "GOROOT"}}
    environment |= {
        "CGO_ENABLED": "0",
        "GOCACHE": str(caches / "build"),
        "GOMODCACHE": str(caches / "mod"),
        "GOPATH": str(caches / "path"),
        "GOTMPDIR": str(caches / "tmp"),
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -modcacherw",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    answer = subprocess.run(
        [str(program), "env", "GOVERSION"], env=environment, capture_output=True, text=True, check=True
    )
    return Go(program, answer.stdout.strip(), environment, niceness)


def _compiler_caches() -> Path:
    return cache_dir() / "go"


def _ensure_module(module: Module, go: Go, report: Report) -> Path:
    """Return the directory of a module's programs, building it into a temporary place first."""
    home = cache_dir() / "programs" / f"{module.name}-{module_key(module, go.version)}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}-") as work:
            finished = Path(work, "programs")
            finished.mkdir()
            _build(module, go, finished, report)
            finished.rename(home)
    return home


def _remove_unfinished() -> None:
    """Remove what a killed build left; only the holder of the lock may."""
    for left in (cache_dir() / "programs").glob(".*"):
        shutil.rmtree(left)


def _build(module: Module, go: Go, destination: Path, report: Report) -> None:
    folder = GO_MODULES / module.name
    started = time.monotonic()

    def elapsed() -> str:
        return duration(time.monotonic() - started)

    def say_fetched(lines: Sequence[str]) -> None:
        report(f"{module.name}: fetched {sum('downloading' in line for line in lines)} Go modules, {elapsed()}")

    def say_compiled(lines: Sequence[str]) -> None:
        report(progress(module.name, sum(map(is_package_line, lines)), total, elapsed()))

    report(f"{module.name}: fetching its source code")
    packages = run_tool(go.command("list", "-deps", module.target), say_fetched, folder, go.environment)
    total = len(packages.splitlines())
    flags = linker_flags(module, (folder / "go.mod").read_text())
    build = go.command("build", "-v", "-ldflags", flags, "-o", f"{destination}/", module.target)
    run_tool(build, say_compiled, folder, go.environment)
    report(f"{module.name}: built in {elapsed()}")


def _link(module: Module, home: Path, directory: Path) -> None:
    """Give a module's programs their names in the common directory; one file may be several programs."""
    directory.mkdir(parents=True, exist_ok=True)
    for program in module.programs:
        if not (directory / program).exists():
            built = home / program
            os.link(built if built.exists() else home / module.name, directory / program)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the programs as a command of its own, so that it can run in the background and be ended by a signal."""
    parser = argparse.ArgumentParser(prog="python -m cluster build", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help="all that a local cluster needs if none is named")
    parser.add_argument(
        "--nice", type=int, default=None, metavar="0..19", help="priority of the compiler, 19 is the lowest"
    )
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        print(ensure_binaries(say, chosen.names or None, niceness=chosen.nice))
    except (ToolchainError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
