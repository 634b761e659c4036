"""The root file system of a small Debian with Python: the base of images where none can be pulled."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from cluster.cache import Report
from cluster.toolchain import ISOLATED, PROGRAM_PATH, run_tool

SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
LEFT_OUT = (
    *("usr/share/doc/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/lintian"),
    *("var/lib/apt/lists/*", "var/cache/*", "var/log/*", "debootstrap"),
    # This machine's own: its names, and the mirror that it takes packages from.
    *("etc/resolv.conf", "etc/hostname", "etc/apt/sources.list"),
)
DOCKERFILE = """\
FROM scratch
ADD root.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["python3"]
"""


def mirror(sources: Iterable[str], suite: str = SUITE) -> str | None:
    """Return the address that apt takes `suite` from, given the texts of its source files (both of apt's formats)."""
    for text in sources:
        for block in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"^(\w[\w-]*):\s*(.+)$", block, flags=re.MULTILINE))
            if suite in fields.get("Suites", "").split():
                return str(fields["URIs"].split()[0])
        if line := re.search(rf"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{suite}\s", text, flags=re.MULTILINE):
            return line.group(1)
    return None


def recipe_key() -> str:
    """Return a short hash of how the base is made."""
    return hashlib.sha256(repr((SUITE, PACKAGES, LEFT_OUT, DOCKERFILE)).encode()).hexdigest()[:12]


def make_context(context: Path, report: Report) -> None:
    """Fill a folder with a Dockerfile and the root file system as `root.tar`. Needs root and debootstrap.

    Raises:
        ToolchainError: a package cannot be had.
    """

    def say_so_far(lines: Sequence[str]) -> None:
        fetched, unpacked = (sum(f"I: {verb} " in line for line in lines) for verb in ("Retrieving", "Unpacking"))
        report(f"base image: {fetched} packages fetched, {unpacked} unpacked")

    report(f"base image: a small Debian ({SUITE}) with Python, by debootstrap")
    found = mirror(path.read_text(errors="replace") for path in _source_files())
    with tempfile.TemporaryDirectory(dir=context.parent, prefix=".root-") as root:
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root]
        environment = {**os.environ, "PATH": PROGRAM_PATH}
        run_tool([*ISOLATED, *command, *([found] if found else [])], say_so_far, env=environment)
        Path(root, "usr/local/bin/python").symlink_to("/usr/bin/python3")
        excludes = [f"--exclude=./{path}" for path in LEFT_OUT]
        run_tool(
            [
                "tar",
                "--create",
                "--anchored",
                "--numeric-owner",
                *excludes,
                f"--directory={root}",
                f"--file={context}/root.tar",
                ".",
            ],
            lambda _: report("base image: packing"),
        )
    (context / "Dockerfile").write_text(DOCKERFILE)


def _source_files() -> list[Path]:
    folder = Path("/etc/apt")
    files = [
        folder / "sources.list",
        *sorted(folder.glob("sources.list.d/*.list")),
        *sorted(folder.glob("sources.list.d/*.sources")),
    ]
    return [path for path in files if path.is_file()]
