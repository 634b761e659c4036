"""`make lock`: the hash-locked package lists, one for each thing that is installed, all with the same versions."""

from pathlib import Path

from tasks.console import ROOT, run, say
from tasks.environment import ensure_environment

EVERYTHING = ROOT / "tests" / "requirements.txt"
PARTS: dict[Path, tuple[str, ...]] = {
    ROOT / "operator" / "requirements.txt": ("operator",),
    ROOT / "serving" / "requirements.txt": ("serving",),
    ROOT / "examples" / "requirements.txt": ("serving", "example"),
}


def lock() -> int:
    """Write the lists again from pyproject.toml; names, versions and hashes only, no index."""
    uv = ensure_environment("dev").parent / "uv"
    flags = ["--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    flags += ["--no-emit-index-url", "--no-emit-find-links"]
    project = ROOT / "pyproject.toml"
    if status := run([uv, "pip", "compile", *flags, "--all-extras", project, "-o", EVERYTHING]):
        return status
    for target, extras in PARTS.items():
        chosen = [word for extra in extras for word in ("--extra", extra)]
        say(f"{target.relative_to(ROOT)}: {', '.join(extras)}")
        if status := run([uv, "pip", "compile", *flags, *chosen, "-c", EVERYTHING, project, "-o", target]):
            return status
    digits = ROOT / "examples" / "digits"
    source, target = digits / "requirements.in", digits / "requirements.txt"
    say(f"{target.relative_to(ROOT)}: what the example's image adds")
    if status := run([uv, "pip", "compile", *flags, "-c", EVERYTHING, source, "-o", target]):
        return status
    source, target = ROOT / "benchmarks" / "requirements.in", ROOT / "benchmarks" / "requirements.txt"
    say(f"{target.relative_to(ROOT)}: the serving image's versions, and what they are measured against")
    image = ROOT / "serving" / "requirements.txt"  # not EVERYTHING, which peers may contradict
    if status := run([uv, "pip", "compile", *flags, "--extra", "serving", project, source, "-c", image, "-o", target]):
        return status
    for source in sorted((ROOT / "benchmarks" / "serving" / "peers").glob("*.in")):
        say(f"{source.relative_to(ROOT)}: a peer, in an environment of its own")
        if status := run([uv, "pip", "compile", *flags, source, "-o", source.with_suffix(".txt")]):
            return status
    return 0
