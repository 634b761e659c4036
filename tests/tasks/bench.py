"""`make bench NAME=...`: ours beside others, measured in the same rounds. Without a name: which there are."""

from collections.abc import Sequence

from tasks.chosen import chosen
from tasks.console import ROOT, run
from tasks.environment import ensure_list

BENCHMARKS = {
    "fetch": "a model from a blob store to a disk, beside kserve-storage, the SDK, obstore and a ceiling (8 minutes)",
    "serving": "requests per second of an app, beside MLServer, KServe, BentoML, LitServe and FastAPI (15 minutes)",
}


def bench(arguments: Sequence[str]) -> int:
    """Run one benchmark with the packages it is measured against; further arguments are its own."""
    if (name := chosen("bench", "benchmark", BENCHMARKS, arguments)) is None:
        return 0
    python = ensure_list(ROOT / "benchmarks" / "requirements.txt")
    return run([python, "-m", name, *arguments[1:]])
