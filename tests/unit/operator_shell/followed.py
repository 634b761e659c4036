"""A registry and model folders that are followed, in memory: what they hold is set, what they are asked is counted."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

from aiapp_models.credentials import AccessToken, AzureIdentity, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest
from aiapp_models.stores.connection import Network
from aiapp_operator.errors import NotFoundError
from aiapp_operator.errors import Reason as OperatorReason
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.settings import Settings
from aiapp_operator.sources.access import Access
from aiapp_operator.sources.feeds import Feeds
from aiapp_operator.sources.identities import Assertion, Identities
from aiapp_operator.sources.image_feeds import Images
from aiapp_operator.sources.model_feeds import Stores
from aiapp_operator.sources.streams import Streams
from aiapp_operator.state import Identity, Key
from unit.operator_shell.memory_api import MemoryApi

SETTINGS = Settings(fetch_image="contoso.azurecr.io/aiapp-serving@sha256:" + "3d" * 32, namespace="ops")
TIME = datetime(2026, 11, 1, tzinfo=UTC)


def digest(seed: str) -> str:
    return f"sha256:{sha256(seed.encode()).hexdigest()}"


class Inline(Executor):
    """Does the work at once: in virtual time, a thread would never be waited for."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


@dataclass
class MemoryRegistry:
    """`tags` by repository and tag; `error` is raised instead of any answer."""

    tags_of: dict[str, dict[str, str]] = field(default_factory=dict)
    error: Exception | None = None
    asked: Counter[str] = field(default_factory=Counter)
    as_whom: list[tuple[tuple[Login, ...], AzureIdentity | None]] = field(default_factory=list)

    async def digest(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> str:
        self._count("HEAD", logins, identity)
        found = self.tags_of.get(image.repository, {}).get(image.tag or "")
        if found is None:
            raise NotFoundError(OperatorReason.IMAGE_NOT_FOUND, f"{image.repository}:{image.tag}: no such image")
        return found

    async def tags(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> tuple[str, ...]:
        self._count("LIST", logins, identity)
        return tuple(self.tags_of.get(image.repository, {}))

    async def exists(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> bool:
        self._count("EXISTS", logins, identity)
        return image.digest in self.tags_of.get(image.repository, {}).values()

    def _count(self, kind: str, logins: tuple[Login, ...], identity: AzureIdentity | None) -> None:
        self.asked[kind] += 1
        self.as_whom.append((logins, identity))
        if self.error:
            raise self.error


@dataclass
class MemoryFolder:
    """One folder of versions; `versions` by name: the minute of its marker after TIME, None: not complete."""

    versions: dict[str, int | None] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    faults: dict[str, SourceError] = field(default_factory=dict)  # by `names`, or a version's name
    asked: Counter[str] = field(default_factory=Counter)
    as_whom: list[Credentials] = field(default_factory=list)
    on_look: Callable[[str], None] = lambda _: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, source: Mapping[str, Any], credentials: Credentials, network: Network) -> Self:
        del source, network
        self._count("open")
        self.as_whom.append(credentials)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def locate(self, version: str, path: str = "") -> str:
        return "/".join(filter(None, ("contosomodels/models/digits", version, path)))

    def names(self) -> Iterator[str]:
        self._count("names")
        if "names" in self.faults:
            raise self.faults["names"]
        return iter(sorted(self.versions))

    def published(self, version: str) -> datetime | None:
        self._count("published")
        self.on_look(version)
        minute = self.versions[version]
        return None if minute is None else TIME + timedelta(minutes=minute)

    def manifest(self, version: str) -> ModelManifest:
        self._count("manifest")
        if version in self.faults:
            raise self.faults[version]
        minute = self.versions.get(version)
        if minute is None:
            raise SourceError(Reason.MODEL_MISSING, f"{self.locate(version)} is not there")
        files = (ModelFile("model.bin", 1024, self.etags.get(version, "e1"), "0" * 64),)
        content = self.content.get(version, digest(version))
        return ModelManifest(version, content, 1024, TIME + timedelta(minutes=minute), files)

    def open_range(self, *_: object) -> Any:
        raise AssertionError("the operator reads no model bytes")

    def _count(self, kind: str) -> None:
        with self._lock:
            self.asked[kind] += 1


@dataclass
class MemoryIdentity:
    who: Identity
    assertion: Assertion

    def token(self, scope: str) -> AccessToken:
        return AccessToken(f"{scope} for {self.assertion()}", 0)


class Followed:
    """All that follows streams, over a registry and a folder in memory; `woken` are apps that have something new."""

    def __init__(self, api: MemoryApi, wake: Callable[[Key], None] | None = None) -> None:
        self.registry, self.folder = MemoryRegistry(), MemoryFolder()
        self.woken: list[Key] = []
        self.identities = Identities(api, SETTINGS, MemoryIdentity)
        self.access = Access(api, self.identities, SETTINGS)
        self.images = Images(self.registry, self.access)
        self.stores = Stores(self.access, Network(), Inline(), self.folder.open)
        self.feeds: Feeds[Key] = Feeds(wake or self.woken.append, lambda: 1.0)
        self.streams = Streams(self.images, self.stores, self.feeds, 24, lambda: 0.5)


def secret_of(credentials: Credentials) -> str:
    assert isinstance(credentials, SecretValues)
    return credentials.values["accountKey"]
