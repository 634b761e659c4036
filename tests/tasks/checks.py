"""`make check`: everything that can be known without running the product, in under a minute."""

from pathlib import Path

from tasks.console import fail, python_path, run, say
from tasks.environment import ensure_environment

CODE = ("operator", "serving", "tests", "examples", "benchmarks")


def check() -> int:
    """Run the static checks, all of them even if one fails; return 0 if none did."""
    python = ensure_environment("dev")
    bin_dir = python.parent
    checks: dict[str, tuple[str | Path, ...]] = {
        "ruff": (bin_dir / "ruff", "check", *CODE),
        "formatting": (bin_dir / "ruff", "format", "--check", "--quiet", *CODE),
        "types": (bin_dir / "mypy", "--no-error-summary", *CODE),
        "import contracts": (bin_dir / "lint-imports", "--no-logo"),
        "generated CRD": (python, "-m", "aiapp_operator.api.crd", "--check"),
        "house rules": (python, "-m", "pytest", "-q", "--no-header", "tests/house"),
    }
    failed = []
    for name, command in checks.items():
        say(f"== {name}")
        if run(command, python_path()):
            failed.append(name)
    if failed:
        fail(f"failed: {', '.join(failed)}. `make format`, `make crd` and `make lock` write again what is generated.")
    return 1 if failed else 0


def format_code() -> int:
    """Rewrite the code in the project's format and apply the safe fixes."""
    bin_dir = ensure_environment("dev").parent
    return run([bin_dir / "ruff", "format", *CODE]) or run([bin_dir / "ruff", "check", "--fix", *CODE])
