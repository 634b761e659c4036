"""A store that goes wrong under apps that serve: the condition names the cause, and what serves stays as it is."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from aiapp_operator.assembly import Operator
from aiapp_operator.kube import RESOURCES
from aiapp_operator.state import Key, Manifest
from faults.container import Container, version
from faults.script import Fault, Kind, Place
from faults.server import FaultServer, serving
from proofs.cluster_of_apps import ClusterOfApps, begin, put_app

IMAGE = f"contoso.azurecr.io/digits@sha256:{'1f' * 32}"
FILES = {"model.npz": b"weights"}
TOLD = {
    Kind.BUSY: ("StoreUnreachable", "overloaded"),
    Kind.THROTTLED: ("StoreUnreachable", "HTTP 429"),
    Kind.PARTIAL_THEN_FIN: ("StoreUnreachable", "broke"),
    Kind.NONE_THEN_RST: ("StoreUnreachable", "broke"),
    Kind.CLOCK_SKEW: ("StoreForbidden", "20 minutes behind the store's"),
    Kind.LISTED_EMPTY: ("NoMatchingVersion", "lists nothing"),
}
"""Kinds that the condition names, with its reason and some of its words."""
BORNE = (Kind.LISTED_PARTLY, Kind.LISTED_PAST)
"""Listings that lack what was there: what serves is no worse for them."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving() as running:
        for kind in (*TOLD, *BORNE):
            running.containers[_name(kind)] = Container(version("digits/3", FILES))
        yield running


@pytest.fixture
async def cluster() -> ClusterOfApps:
    return ClusterOfApps()


@pytest.fixture
async def operator(cluster: ClusterOfApps, server: FaultServer) -> AsyncIterator[Operator]:
    running = begin(cluster, (server.endpoint.removeprefix("http://"),))
    yield running
    await running.stop()


def _name(kind: Kind) -> str:
    return kind.name.lower().replace("_", "-")


def _spec(server: FaultServer, container: str) -> Manifest:
    place = {"account": "contosomodels", "container": container, "path": "digits", "endpoint": server.endpoint}
    source = {"azureBlob": place, "credentials": {"anonymous": {}}}
    return {"image": IMAGE, "modelSource": source, "modelPolicy": {"interval": "1s"}}


def _condition(cluster: ClusterOfApps, key: Key, name: str = "SourcesResolved") -> Manifest:
    status = cluster.objects[RESOURCES["AIApp"].path(*key)].get("status", {})
    found = [condition for condition in status.get("conditions", ()) if condition["type"] == name]
    return found[0] if found else {"status": "Unknown", "reason": "", "message": ""}


async def _all(cluster: ClusterOfApps, kinds: tuple[Kind, ...], status: str, name: str = "SourcesResolved") -> None:
    """Wait until the condition of these apps has this status."""
    turned = asyncio.Event()
    cluster.changed = lambda _key, _status: turned.set()
    async with asyncio.timeout(90):
        while any(_condition(cluster, Key("vision", _name(kind)), name)["status"] != status for kind in kinds):
            turned.clear()
            await turned.wait()


@pytest.mark.usefixtures("operator")
async def test_what_a_store_does_wrong_is_named_and_changes_nothing_that_serves(
    cluster: ClusterOfApps, server: FaultServer
) -> None:
    for number, kind in enumerate((*TOLD, *BORNE)):
        put_app(cluster, Key("vision", _name(kind)), number, _spec(server, _name(kind)))
    await _all(cluster, (*TOLD, *BORNE), "True", "UpToDate")
    before = {path: manifest["spec"] for path, manifest in cluster.objects.items() if manifest["kind"] == "Deployment"}
    cluster.requests.clear()
    for kind in (*TOLD, *BORNE):
        server.containers[_name(kind)].faults = (Fault(kind, Place.LISTING, at=50),)
    await _all(cluster, tuple(TOLD), "False")
    for kind, (reason, words) in TOLD.items():
        condition = _condition(cluster, Key("vision", _name(kind)))
        assert (condition["reason"], words in condition["message"]) == (reason, True), condition
    for kind in BORNE:
        assert server.containers[_name(kind)].struck[kind] >= 2
    after = {path: manifest["spec"] for path, manifest in cluster.objects.items() if manifest["kind"] == "Deployment"}
    assert after == before
    assert [request for request in cluster.writes if request[0] == "DELETE"] == []
