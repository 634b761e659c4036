"""1,000 AIApps that follow one account and one registry: how often each is asked, and how soon a new version serves.

The whole operator runs on a cluster in memory; store and registry are a process of their own, over HTTP. The interval
is shorter than the default of 5 minutes, so that a proof takes minutes: requests a minute are given for both.
"""

import asyncio
import base64
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiapp_operator.state import Key, Manifest
from proofs import running
from proofs.cluster_of_apps import ClusterOfApps, begin, put_app, put_secret

COUNT: Final = 1_000
COLD_START_SECONDS: Final = 900
DEFAULT_INTERVAL_SECONDS: Final = 300
SAS: Final = "sv=2024-11-04&sp=rl&se=2099-01-01T00:00:00Z&sig=c2ln"


@dataclass(frozen=True, slots=True)
class Scale:
    """Apps are spread over the namespaces, and in each over all folders and as many repositories.

    A namespace follows the folder of its own number by upload time, which takes a look at each version, and the others
    by semantic version.
    """

    apps: int
    namespaces: int = 10
    folders: int = 10
    versions: int = 1_000
    interval: int = 30
    intervals: int = 4
    """That the steady state is watched for."""

    @property
    def questions(self) -> int:
        """How many different ones each source is asked."""
        return min(self.apps, self.namespaces * self.folders)

    def key(self, number: int) -> Key:
        return Key(f"team-{number % self.namespaces}", f"app-{number}")

    def folder(self, number: int) -> str:
        return f"team-{number // self.namespaces % self.folders}"

    def model_policy(self, number: int) -> Manifest:
        by_time = self.folder(number) == self.key(number).namespace
        return {"type": "LastModified" if by_time else "SemVer", "interval": f"{self.interval}s"}


class Sources:
    """The stand-ins' process."""

    def __init__(self, process: asyncio.subprocess.Process, endpoints: tuple[str, ...]) -> None:
        self._process = process
        self.store, self.registry = endpoints

    async def tell(self, command: str = "count") -> Counter[str]:
        """Give a command; return how often what has been asked so far."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{command}\n".encode())
        return Counter(json.loads(await self._process.stdout.readline()))


@asynccontextmanager
async def sources(scale: Scale) -> AsyncIterator[Sources]:
    """Run the stand-ins until the context ends."""
    command = (sys.executable, "-m", "proofs.standing_sources", str(scale.folders), str(scale.versions))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    pipe = asyncio.subprocess.PIPE
    # In a session of its own, so that Ctrl-C is this process's alone, which ends that one.
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=pipe, stdout=pipe, start_new_session=True
    )
    try:
        assert process.stdout
        yield Sources(process, tuple(json.loads(await process.stdout.readline())))
    finally:
        process.kill()
        await process.wait()


@dataclass
class Watch:
    """What the apps' statuses say, and a way to wait for what they should."""

    statuses: dict[Key, Manifest] = field(default_factory=dict)
    _turned: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self, key: Key, status: Manifest) -> None:
        self.statuses[key] = status
        self._turned.set()

    async def until(self, keys: list[Key], holds: Callable[[Manifest], bool], within: float) -> float | None:
        """Return after how many seconds it holds for all of the keys; None: not within the time."""
        started, missing = time.monotonic(), set(keys)
        try:
            async with asyncio.timeout(within):
                while missing := {key for key in missing if not holds(self.statuses.get(key, {}))}:
                    self._turned.clear()
                    await self._turned.wait()
        except TimeoutError:
            return None
        return time.monotonic() - started


def follows(scale: Scale, at: Sources, number: int) -> Manifest:
    """Return the spec of one app, which follows both streams."""
    place = {"account": "contosomodels", "container": "models", "path": scale.folder(number)}
    return {
        "image": f"{at.registry}/apps/{scale.folder(number)}",
        "imagePolicy": {"type": "SemVer", "range": "1.x", "interval": f"{scale.interval}s"},
        "modelPolicy": scale.model_policy(number),
        "modelSource": {
            "azureBlob": {**place, "endpoint": f"http://{at.store}"},
            "credentials": {"secretRef": {"name": "contosomodels"}},
        },
    }


async def measure(scale: Scale) -> running.Outcome:
    """Start all apps at once, watch the steady state, then upload a model and push an image."""
    async with sources(scale) as at:
        cluster, watch = ClusterOfApps(), Watch()
        cluster.changed = watch.changed
        operator = begin(cluster, (at.store, at.registry))
        try:
            return await _measure(scale, at, cluster, watch)
        finally:
            await operator.stop()


async def _measure(scale: Scale, at: Sources, cluster: ClusterOfApps, watch: Watch) -> running.Outcome:
    keys = [scale.key(number) for number in range(scale.apps)]
    for namespace in {key.namespace for key in keys}:
        put_secret(cluster, namespace, "contosomodels", {"sasToken": base64.b64encode(SAS.encode()).decode()})
    for number, key in enumerate(keys):
        put_app(cluster, key, number, follows(scale, at, number))
    newest, image = f"1.{scale.versions - 1}.0", "1.9.0"
    cold = await watch.until(keys, lambda status: serves(status, newest, image), COLD_START_SECONDS)
    asked_cold = await at.tell()
    if cold is None:
        behind = {key: status for key in keys if not serves(status := watch.statuses.get(key, {}), newest, image)}
        return running.Outcome(scale.apps - len(behind), dict(asked_cold), (f"never resolved: {_first(behind)}",))
    await asyncio.sleep(scale.interval * 1.2)  # what was asked late in the cold start has its turn once
    steady, requests, writes = await _steady(scale, at, cluster)
    of_one = [key for number, key in enumerate(keys) if scale.folder(number) == "team-0"]
    limit = scale.interval * 1.1 + 10
    await at.tell("upload team-0 2.0.0")
    model = await watch.until(of_one, lambda status: serves(status, "2.0.0", image), limit)
    await at.tell("push apps/team-0 1.10.0")
    pushed = await watch.until(of_one, lambda status: serves(status, "2.0.0", "1.10.0"), limit)
    figures = {
        "scale": {name: getattr(scale, name) for name in ("apps", "namespaces", "folders", "versions", "interval")},
        "different_questions_to_each_source": scale.questions,
        "cold_start": {"seconds": round(cold, 1), "requests": dict(sorted(asked_cold.items()))},
        "steady_requests_per_minute": _rates(steady, 60 / (scale.intervals * scale.interval)),
        "steady_at_the_default_interval": _rates(steady, 60 / (scale.intervals * DEFAULT_INTERVAL_SECONDS)),
        "steady_api_requests_per_minute": round(requests * 60 / (scale.intervals * scale.interval), 1),
        "steady_api_writes": writes,
        "upload": {"apps": len(of_one), "seconds_to_the_last": model and round(model, 1)},
        "push": {"apps": len(of_one), "seconds_to_the_last": pushed and round(pushed, 1)},
        "peak_mib_with_the_cluster_in_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    return running.Outcome(scale.apps, figures, tuple(_broken(scale, steady, writes, (model, pushed))))


async def _steady(scale: Scale, at: Sources, cluster: ClusterOfApps) -> tuple[Counter[str], int, int]:
    before = await at.tell()
    cluster.requests.clear()
    await asyncio.sleep(scale.intervals * scale.interval)
    return await at.tell() - before, len(cluster.requests), len(cluster.writes)


def _broken(scale: Scale, steady: Counter[str], writes: int, moved: tuple[float | None, ...]) -> list[str]:
    """Return in words which claims do not hold."""
    most = scale.questions * (scale.intervals / 0.9 + 1)
    much = {what: count for what, count in steady.items() if count > most}
    broken = [f"asked more than once per interval and question ({most:.0f}): {much}"] if much else []
    broken += [f"{writes} writes although nothing was new"] if writes else []
    broken += ["a new model or image did not reach all its apps within an interval"] if None in moved else []
    return broken


def serves(status: Manifest, version: str, tag: str) -> bool:
    """Tell whether these are what an app runs."""
    latest, active = status.get("latest", {}), status.get("active", {})
    ref = str(latest.get("image", {}).get("ref", ""))
    digest = latest.get("image", {}).get("digest")
    right = ref.endswith(f":{tag}") and active.get("imageDigest") == digest and active.get("modelVersion") == version
    return bool(right)


def _rates(counts: Counter[str], factor: float) -> dict[str, float]:
    return {what: round(count * factor, 1) for what, count in sorted(counts.items())}


def _first(behind: dict[Key, Any]) -> str:
    key, status = next(iter(behind.items()))
    return f"{len(behind)} apps, such as {key}: {json.dumps(status)[:1500]}"


def prove(count: int, _seed: int) -> running.Outcome:
    """Measure `count` apps."""
    return asyncio.run(measure(Scale(count)))


if __name__ == "__main__":
    sys.exit(running.main("following_scale", prove, COUNT))
