"""The virtual environment outside the checkout, filled from hash-locked lists.

It has two stages, so that the demo's first act starts before the long list is there: `demo` is a subset of `dev`.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path

from cluster.cache import cache_dir
from tasks.console import ROOT, TaskError, run_quietly, say

STAGES = {"demo": ROOT / "examples" / "requirements.txt", "dev": ROOT / "tests" / "requirements.txt"}
OLDEST_PYTHON = (3, 11)


def ensure_environment(stage: str) -> Path:
    """Return the Python of a virtual environment that holds the stage's packages, making it if needed.

    Raises:
        TaskError: this Python is too old or cannot make virtual environments, or a package cannot be had.
    """
    home = cache_dir() / f"venv-{_key(STAGES.values())}"
    _install(home, STAGES[stage], [home / ".dev-is-complete", home / f".{stage}-is-complete"])
    return home / "bin" / "python"


def ensure_list(requirements: Path) -> Path:
    """Return the Python of a virtual environment that holds the packages of one list, and no others.

    Raises:
        TaskError: as `ensure_environment`.
    """
    home = cache_dir() / f"venv-{_key([requirements])}"
    _install(home, requirements, [home / ".list-is-complete"])
    return home / "bin" / "python"


def _install(home: Path, requirements: Path, markers: Sequence[Path]) -> None:
    """Make the environment and install the list, unless one of `markers` is there; leave the last of them."""
    if sys.version_info < OLDEST_PYTHON:
        raise TaskError(
            f"Python {sys.version.split()[0]} is too old: 3.11 or newer is needed (make PYTHON=python3.11 ...)"
        )
    python = home / "bin" / "python"
    if not python.exists():
        _create(home)
    if not any(marker.exists() for marker in markers):
        count = sum(1 for line in requirements.read_text().splitlines() if "==" in line)
        say(f"installing {count} Python packages ({requirements.relative_to(ROOT)}), once")
        options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
        run_quietly("python packages", [python, "-m", "pip", "install", *options, "-r", requirements])
        markers[-1].touch()


def _key(lists: Iterable[Path]) -> str:
    content = b"".join(path.read_bytes() for path in lists)
    version = f"{sys.version_info.major}.{sys.version_info.minor}:{sys.base_prefix}".encode()
    return hashlib.sha256(version + content).hexdigest()[:12]


def _create(home: Path) -> None:
    if not _can_make_environments():
        _install_venv_package()
    try:
        venv.create(home, with_pip=True)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(home, ignore_errors=True)
        raise TaskError(f"cannot make a virtual environment in {home}: {error}") from error


def _can_make_environments() -> bool:
    """Tell whether pip can be put into a new environment: Debian ships `ensurepip` in a package of its own."""
    return subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0


def _install_venv_package() -> None:
    from cluster.toolchain import ensure_debian_packages  # noqa: PLC0415  (only a bare Debian needs it)

    ensure_debian_packages([f"python{sys.version_info.major}.{sys.version_info.minor}-venv"], say)
