"""An API server in memory behind the real client's surface: paths, versions, apply, refusals. A stand-in for a cluster.

Apply merges maps, replaces lists and keeps the version of what it does not change; fields that are no longer applied
stay, and nothing is defaulted or validated.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from aiapp_operator.kube import RESOURCES, Kube, refusal
from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Key, Manifest
from aiapp_operator.view import View

PLURALS: Mapping[str, str] = {resource.plural: kind for kind, resource in RESOURCES.items()}


class MemoryApi(Kube):
    """`requests` are all that were sent, `refuses` answers some with a status and words."""

    def __init__(self) -> None:
        self.objects: dict[str, Manifest] = {}
        self.requests: list[tuple[str, str]] = []
        self.refuses: dict[tuple[str, str], tuple[int, str]] = {}
        self.mutate: dict[str, Any] = {}  # what a webhook would merge into everything that is applied
        self.clock: Callable[[], datetime] = lambda: datetime(2026, 11, 23, 12, tzinfo=UTC)
        self._version = 100

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [request for request in self.requests if request[0] != "GET"]

    def of(self, kind: str, name: str = "digits") -> Manifest:
        return self.objects[RESOURCES[kind].path("vision", name)]

    def has(self, kind: str, name: str = "digits") -> bool:
        return RESOURCES[kind].path("vision", name) in self.objects

    def all_of(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.objects.values() if manifest["kind"] == kind]

    def put(self, manifest: Manifest) -> Manifest:
        """Set an object as somebody else would."""
        metadata = manifest["metadata"]
        path = RESOURCES[manifest["kind"]].path(metadata["namespace"], metadata["name"])
        metadata.setdefault("uid", f"uid-{self._version}")
        return self._store(path, manifest)

    def remove(self, kind: str, name: str = "digits") -> Manifest:
        return self.objects.pop(RESOURCES[kind].path("vision", name))

    def show(self, view: View) -> set[Key]:
        """Show the view what watches would; return what it found new."""
        watched = [m for m in self.objects.values() if m["kind"] not in {"ControllerRevision", "Event", "Secret"}]
        return {key for manifest in watched for key in view.record(deepcopy(manifest))}

    async def close(self) -> None:
        return

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | None = None,
        headers: dict[str, str] | None = None,
    ) -> Manifest:
        del headers  # only the format of what is sent
        self.requests.append((method, path))
        if refused := self.refuses.get((method, path)):
            raise refusal(refused[0], {"message": refused[1]}, path)
        if method == "GET" and path.rpartition("/")[2] in PLURALS:
            return self._list(path, query or {})
        return deepcopy(self._act(method, path, deepcopy(body or {})))

    def _act(self, method: str, path: str, body: Manifest) -> Manifest:
        if method == "POST" and path.endswith("/token"):
            if path.removesuffix("/token") not in self.objects:
                raise refusal(404, {"message": f"{path} not found"}, path)
            return {**body, "status": {"token": f"token-{len(self.requests)}"}}
        if method == "POST":
            return self._create(f"{path}/{body['metadata']['name']}", body)
        live = self.objects.get(path.removesuffix("/status"))
        if method == "PATCH":
            return self._apply(path, live, body)
        if live is None:
            raise refusal(404, {"message": f"{path} not found"}, path)
        if method == "DELETE":
            return self.objects.pop(path)
        return self._replace_status(path, live, body) if method == "PUT" else live

    def _create(self, path: str, body: Manifest) -> Manifest:
        kind, name = body["kind"], body["metadata"]["name"]
        if path in self.objects:
            raise refusal(409, {"message": f'{RESOURCES[kind].plural} "{name}" already exists'}, path)
        body["metadata"] |= self._new()
        return self._store(path, body)

    def _replace_status(self, path: str, live: Manifest, body: Manifest) -> Manifest:
        if body["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
            raise refusal(409, {"message": "the object has been modified"}, path)
        return self._store(path.removesuffix("/status"), {**live, "status": body["status"]})

    def _apply(self, path: str, live: Manifest | None, body: Manifest) -> Manifest:
        merged: Manifest = _merge(_merge(deepcopy(live or {}), body), self.mutate)
        if merged == live:
            return merged
        if live is None:
            merged["metadata"] |= self._new()
        elif merged.get("spec") != live.get("spec"):
            merged["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        return self._store(path, merged)

    def _new(self) -> Manifest:
        """Return what the API server adds to the metadata of a new object."""
        return {"uid": f"uid-{self._version}", "generation": 1, "creationTimestamp": format_time(self.clock())}

    def _store(self, path: str, manifest: Manifest) -> Manifest:
        self._version += 1
        manifest = deepcopy(manifest)
        manifest["metadata"]["resourceVersion"] = str(self._version)
        self.objects[path] = manifest
        return manifest

    def _list(self, path: str, query: dict[str, str]) -> Manifest:
        folder, _, plural = path.rpartition("/")
        wanted = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
        items = [
            deepcopy(manifest)
            for place, manifest in self.objects.items()
            if manifest["kind"] == PLURALS[plural]
            and place.startswith(folder)
            and wanted.items() <= manifest["metadata"].get("labels", {}).items()
        ]
        return {"metadata": {"resourceVersion": str(self._version)}, "items": items}


def _merge(live: Any, desired: Any) -> Any:
    if isinstance(live, dict) and isinstance(desired, dict):
        return live | {key: _merge(live.get(key), value) for key, value in desired.items()}
    return desired
