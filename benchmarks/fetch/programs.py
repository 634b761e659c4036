"""The Go programs: the blob server with the pace of a network, and the reader that is the ceiling."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster.cache import cache_dir
from cluster.certificates import CertificateAuthority, KeyPair
from cluster.toolchain import ensure_go, run_tool
from tasks.console import say

SOURCE: Final = Path(__file__).parent / "blobs"


def build() -> Path:
    """Return the folder of the two programs, built once for this source and compiler."""
    go = ensure_go(say)
    content = b"".join(path.read_bytes() for path in sorted(SOURCE.rglob("*")) if path.is_file())
    home = cache_dir() / f"benchmark-fetch-{hashlib.sha256(content + str(go).encode()).hexdigest()[:12]}"
    if not home.exists():
        say("building the blob server and the ceiling, once")
        with tempfile.TemporaryDirectory(dir=cache_dir(), prefix=".benchmark-") as work:
            environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
            command = [
                str(go),
                "build",
                "-trimpath",
                "-buildvcs=false",
                "-o",
                f"{work}/programs/",
                "./server",
                "./reader",
            ]
            run_tool(command, lambda _: say("  still compiling"), SOURCE, environment)
            Path(work, "programs").rename(home)
    return home


@contextmanager
def server(programs: Path, directory: Path, profile: str, pair: KeyPair | None = None) -> Iterator[str]:
    """Run the blob server over `directory`; give its address."""
    command = [str(programs / "server"), "-directory", str(directory), "-profile", profile]
    if pair:
        command += ["-certificate", str(pair.certificate), "-key", str(pair.key)]
    # It ends when its standard input does, so it outlives this process in no case.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        assert process.stdout is not None  # noqa: S101
        try:
            port = int(process.stdout.readline())
            yield f"{'https' if pair else 'http'}://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait()


def authority(directory: Path) -> tuple[Path, KeyPair]:
    """Make a certificate authority; return its certificate, and a pair for 127.0.0.1."""
    made = CertificateAuthority.create(directory, "Benchmark")
    return made.path, made.server("server", "server", ["127.0.0.1"])
