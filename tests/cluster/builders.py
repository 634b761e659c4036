"""The programs that build images: buildah, which needs root and no daemon, or Docker where its daemon answers.

Seen with buildah 1.28.2 (Debian 12), `--isolation chroot`, multi-stage files included:
`RUN --mount=type=secret,id=X` appears at /run/secrets/X, readable by root alone and in no layer; `target=` and
`required=false` work too; an `ARG` before the first FROM takes the name of an image of this storage.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cluster.cache import Report
from cluster.toolchain import ISOLATED, PROGRAM_PATH, ToolchainError, ToolError, run_tool

SaySoFar = Callable[[Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build. `secrets` (id -> file) and `folders` are seen by its commands and are in no layer."""

    name: str
    reference: str
    dockerfile: Path
    context: Path
    ignore_file: Path | None
    build_args: Mapping[str, str]
    secrets: Mapping[str, Path]
    folders: Sequence[Path]


class Builder(Protocol):
    """What both programs do. All methods raise ToolError, with the last lines of the program that failed."""

    archive_transport: str
    """The format of exported archives, as skopeo calls it."""

    def has(self, reference: str) -> bool: ...

    def load(self, archive: Path, report: Report) -> None: ...

    def build(self, request: BuildRequest, report: Report) -> None: ...

    def export(self, reference: str, archive: Path, report: Report) -> None: ...

    def remove(self, reference: str) -> None:
        """Forget an image; one that is not there, or that others stand on, is left as it is."""


class Buildah:
    """Builds in a storage of its own below `home`, every command in a mount namespace, so that no mount outlives it."""

    archive_transport = "oci-archive"

    def __init__(self, home: Path) -> None:
        self._home = home

    def has(self, reference: str) -> bool:
        return _succeeds(lambda: self._run(["inspect", "--type", "image", reference], _silent))

    def load(self, archive: Path, report: Report) -> None:
        self._run(["pull", "--quiet", f"oci-archive:{archive}"], lambda _: report(f"reading {archive.name}"))

    def build(self, request: BuildRequest, report: Report) -> None:
        # No --layers: its cache takes ENV and LABEL of another build argument's value for the same.
        # A build that was killed leaves its containers.
        self._run(["rm", "--all"], _silent)
        ignore = ["--ignorefile", str(request.ignore_file)] if request.ignore_file else []
        folders = [f"--volume={folder}:{folder}:ro" for folder in request.folders]
        options = [
            "--isolation",
            "chroot",
            "--network",
            "host",
            *ignore,
            *folders,
            *_build_options(request),
        ]
        self._run(["build", *options], lambda lines: report(f"image {request.name}: {step_reached(lines)}"))

    def export(self, reference: str, archive: Path, report: Report) -> None:
        target = f"oci-archive:{archive}:{reference}"
        self._run(["push", "--quiet", reference, target], lambda _: report(f"writing {archive.name}"))

    def remove(self, reference: str) -> None:
        _succeeds(lambda: self._run(["rmi", reference], _silent))

    def _run(self, arguments: Sequence[str], say_so_far: SaySoFar) -> str:
        self._home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._home, prefix=".run-") as run:
            # What is mounted is counted in the run root; a fresh one agrees with a fresh mount namespace.
            places = ["--root", str(self._home / "root"), "--runroot", run, "--storage-driver", self._driver()]
            environment = {**os.environ, "PATH": PROGRAM_PATH, "TMPDIR": run}
            return run_tool([*ISOLATED, "buildah", *places, *arguments], say_so_far, env=environment)

    def _driver(self) -> str:
        """Overlays do not stack: inside a container whose own root is one, whole copies are kept instead."""
        kind = subprocess.run(["stat", "-f", "-c", "%T", self._home], capture_output=True, text=True, check=True)
        return "vfs" if kind.stdout.strip() in {"overlayfs", "tmpfs"} else "overlay"


class Docker:
    """Builds by a Docker daemon, with BuildKit."""

    archive_transport = "docker-archive"

    def has(self, reference: str) -> bool:
        return _succeeds(lambda: _docker(["image", "inspect", reference], _silent))

    def load(self, archive: Path, report: Report) -> None:
        _docker(["load", "--input", str(archive)], lambda _: report(f"reading {archive.name}"))

    def build(self, request: BuildRequest, report: Report) -> None:
        # BuildKit finds the ignore file by itself, and cannot mount folders of this machine.
        _docker(
            ["build", "--progress=plain", "--network=host", *_build_options(request)],
            lambda _: report(f"image {request.name}: building"),
        )

    def export(self, reference: str, archive: Path, report: Report) -> None:
        _docker(["save", "--output", str(archive), reference], lambda _: report(f"writing {archive.name}"))

    def remove(self, reference: str) -> None:
        _succeeds(lambda: _docker(["image", "rm", reference], _silent))


def choose_builder(home: Path) -> Builder:
    """Return buildah for root if it is installed, else Docker if its daemon answers.

    Raises:
        ToolchainError: neither can be used.
    """
    if os.geteuid() == 0 and shutil.which("buildah", path=PROGRAM_PATH):
        return Buildah(home)
    if docker_answers():
        return Docker()
    raise ToolchainError(
        "images are built by buildah as root (apt-get install -y buildah), or by a running Docker daemon"
    )


def docker_answers() -> bool:
    """Tell whether there is a Docker daemon; its client alone is often installed without one."""
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    return bool(shutil.which("docker")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


def _docker(arguments: Sequence[str], say_so_far: SaySoFar) -> str:
    return run_tool(["docker", *arguments], say_so_far, env={**os.environ, "DOCKER_BUILDKIT": "1"})


def _build_options(request: BuildRequest) -> list[str]:
    arguments = [f"--build-arg={name}={value}" for name, value in request.build_args.items()]
    secrets = [f"--secret=id={name},src={path}" for name, path in request.secrets.items()]
    return [*arguments, *secrets, "--file", str(request.dockerfile), "--tag", request.reference, str(request.context)]


def step_reached(lines: Sequence[str]) -> str:
    """Return how far buildah is, in words, from what it has printed: `[1/2] STEP 3/6: RUN ...`."""
    steps = re.findall(r"^(?:\[(\d+)/(\d+)\] )?STEP (\d+)/(\d+)", "\n".join(lines), flags=re.MULTILINE)
    if not steps:
        return "starting"
    stage, stages, step, count = steps[-1]
    return f"step {step} of {count}" + (f" of stage {stage} of {stages}" if stages else "")


def _silent(_lines: Sequence[str]) -> None:
    """Say nothing: the command takes no time."""


def _succeeds(command: Callable[[], object]) -> bool:
    try:
        command()
    except ToolError:
        return False
    return True
