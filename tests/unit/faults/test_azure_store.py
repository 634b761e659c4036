"""What the Azure store says about each thing that its service does wrong."""

import gc
import warnings
from collections.abc import Iterator

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import ModelStore, open_store
from aiapp_models.stores.connection import Network
from faults.container import Container, version
from faults.script import Fault, Kind, Place
from faults.server import FaultServer, serving

FILES = {"model.npz": bytes(range(200)), "labels/names.json": b"[]"}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving() as running:
        yield running


def store_with(server: FaultServer, *faults: Fault) -> ModelStore:
    server.containers["models"] = Container(version("digits/3", FILES), faults)
    place = {"account": "contosomodels", "container": "models", "path": "digits", "endpoint": server.endpoint}
    network = Network(rules=NetworkRules.parse(server.endpoint, ""))
    return open_store({"azureBlob": place}, Anonymous(), network)


REFUSALS = [
    (Kind.BUSY, Reason.STORE_UNREACHABLE, "overloaded", True),
    (Kind.THROTTLED, Reason.STORE_UNREACHABLE, "HTTP 429", True),
    (Kind.BROKEN, Reason.STORE_UNREACHABLE, "HTTP 500", True),
    (Kind.CLOCK_SKEW, Reason.STORE_FORBIDDEN, "clock", False),
    (Kind.PARTIAL_THEN_FIN, Reason.STORE_UNREACHABLE, "broke", True),
    (Kind.NONE_THEN_FIN, Reason.STORE_UNREACHABLE, "broke", True),
    (Kind.PARTIAL_THEN_RST, Reason.STORE_UNREACHABLE, "broke", True),
    (Kind.NONE_THEN_RST, Reason.STORE_UNREACHABLE, "broke", True),
    (Kind.LISTED_EMPTY, Reason.MODEL_MISSING, "no file", False),
    (Kind.LISTED_PARTLY, Reason.MODEL_INCOMPLETE, "which is not there", False),
    (Kind.LISTED_PAST, Reason.MODEL_INCOMPLETE, "no SHA256SUMS yet", False),
]


@pytest.mark.parametrize(("kind", "reason", "words", "transient"), REFUSALS, ids=lambda value: str(value).split(",")[0])
def test_a_listing_that_goes_wrong_is_named(
    server: FaultServer, kind: Kind, reason: Reason, words: str, transient: bool
) -> None:
    with store_with(server, Fault(kind, Place.LISTING, at=50)) as store, pytest.raises(SourceError) as caught:
        store.manifest("3")
    assert (caught.value.reason, caught.value.transient) == (reason, transient)
    assert words in caught.value.message
    assert "contosomodels/models/digits" in caught.value.message


@pytest.mark.parametrize("kind", [Kind.BUSY, Kind.PARTIAL_THEN_FIN, Kind.PARTIAL_THEN_RST, Kind.NONE_THEN_FIN])
@pytest.mark.parametrize("place", [Place.LISTING, Place.MARKER])
def test_one_answer_that_goes_wrong_is_not_noticed(server: FaultServer, kind: Kind, place: Place) -> None:
    with store_with(server, Fault(kind, place, at=50, times=1)) as store:
        assert [file.path for file in store.manifest("3").files] == sorted(FILES)
    assert server.containers["models"].struck == {kind: 1}


@pytest.mark.parametrize("kind", [Kind.FLIPPED_BIT, Kind.HALF_AS_SUCCESS, Kind.SWAPPED])
def test_a_marker_that_came_wrong_is_never_the_version_that_was_uploaded(server: FaultServer, kind: Kind) -> None:
    with store_with(server) as store:
        right = store.manifest("3").digest
    with store_with(server, Fault(kind, Place.MARKER, at=25)) as store:
        assert _digest_or_reason(store) != right


def _digest_or_reason(store: ModelStore) -> str:
    try:
        return store.manifest("3").digest
    except SourceError as error:
        return error.reason


def test_a_throttling_store_says_when_it_may_be_asked_again(server: FaultServer) -> None:
    with store_with(server, Fault(Kind.THROTTLED, Place.LISTING)) as store, pytest.raises(SourceError) as caught:
        store.manifest("3")
    assert caught.value.retry_after == 1


@pytest.mark.parametrize("kind", [Kind.BUSY, Kind.PARTIAL_THEN_FIN, Kind.CLOCK_SKEW])
@pytest.mark.parametrize("place", [Place.LISTING, Place.MARKER])
def test_an_answer_that_goes_wrong_leaves_no_connection_open(server: FaultServer, kind: Kind, place: Place) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with store_with(server, Fault(kind, place, at=50)) as store:
            assert _digest_or_reason(store) in {Reason.STORE_UNREACHABLE, Reason.STORE_FORBIDDEN}
        gc.collect()
    assert [str(warning.message) for warning in seen if warning.category is ResourceWarning] == []
