"""`make bench NAME=...`: ours beside others, measured in the same rounds. Without a name: which there are."""

from collections.abc import Sequence

from tasks.console import ROOT, TaskError, run, say
from tasks.environment import ensure_list

BENCHMARKS = {
    "fetch": "a model from a blob store to a disk, beside kserve-storage, the SDK, obstore and a ceiling (8 minutes)",
}


def bench(arguments: Sequence[str]) -> int:
    """Run one benchmark with the packages it is measured against; further arguments are its own."""
    if not arguments or arguments[0].startswith("-"):
        width = max(map(len, BENCHMARKS))
        say("\n".join(f"  make bench NAME={name:<{width}}  {text}" for name, text in BENCHMARKS.items()))
        return 0
    name, *rest = arguments
    if name not in BENCHMARKS:
        raise TaskError(f"there is no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    python = ensure_list(ROOT / "benchmarks" / "requirements.txt")
    return run([python, "-m", name, *rest])
