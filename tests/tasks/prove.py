"""`make prove NAME=...`: a claim of the README, counted. Without a name: which there are."""

from collections.abc import Sequence

from tasks.chosen import chosen
from tasks.console import run
from tasks.environment import ensure_environment

PROOFS = {
    "corrupted_downloads": "10,000 downloads through a store that goes wrong: none is loaded but the right bytes",
    "fetch_kills": "fetch killed at 200 points: never half a model, and the next fetch on the volume makes it whole",
    "following_scale": "1,000 AIApps that follow one account and one registry: requests a minute to each",
    "simulated_life": "200 apps of ten simulated days: at quiet points the newest good release serves, or it says why",
    "crash_points": "the operator killed at every write of every workflow, at a real API server: the same end comes",
    "crash_points_in_memory": "the same on an API server in memory and in virtual time: minutes, without kopf",
    "v2_clients": "a server asked by the clients of Triton, KServe and MLServer, all datatypes as JSON and raw bytes",
    "hostile_models": "over 300 hostile model folders, each loaded by a process of its own: none accepted, none run",
    "hostile_requests": "1,000,000 requests and manifests made to harm: each refused in words or read as it is written",
    "slow_clients": "1,000 idle connections, slow headers and slow bodies: the p99 of others rises by at most a tenth",
    "disk_full": "the disk full at every byte of a model: named, nothing left behind, a model that is there used",
    "clock_changes": "every clock change of 2025 to 2035 in every time zone: nightly at 02:30 fires once",
}


def prove(arguments: Sequence[str]) -> int:
    """Run one proof over its whole count; further arguments are the proof's own; return 0 if the count was whole."""
    if (name := chosen("prove", "proof", PROOFS, arguments)) is None:
        return 0
    return run([ensure_environment("dev"), "-m", f"proofs.{name}", *arguments[1:]])
