"""Puts the operator's parts together, starts and stops them; knows no kopf."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import AzureIdentity
from aiapp_models.stores.azure_identity import WorkloadIdentity
from aiapp_models.stores.connection import Network
from aiapp_operator import metrics
from aiapp_operator.act import Actor
from aiapp_operator.errors import NotFoundError, WaitingError
from aiapp_operator.kube import Kube
from aiapp_operator.observe import Observer
from aiapp_operator.patience import Patience
from aiapp_operator.reconciler import Reconciler
from aiapp_operator.registry import Registry
from aiapp_operator.settings import Settings
from aiapp_operator.sources.access import Access
from aiapp_operator.sources.feeds import POLLS, Feeds
from aiapp_operator.sources.fixed import Sources
from aiapp_operator.sources.identities import Identities
from aiapp_operator.sources.image_feeds import Images
from aiapp_operator.sources.model_feeds import Stores
from aiapp_operator.sources.streams import Streams
from aiapp_operator.state import Identity, Key, Manifest
from aiapp_operator.view import APP_KIND, View
from aiapp_operator.watchdog import Watchdog
from aiapp_operator.workqueue import WorkQueue

logger = logging.getLogger(__name__)

QUESTION_THREADS: Final = 32
"""Twice the queue's workers: a thread that hangs past its question's deadline is in nobody's way."""
WATCHED_KINDS: Final = (APP_KIND, "Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Job", "Pod")


class Operator:
    """All parts of one operator process; made inside the event loop that runs them."""

    def __init__(self, kube: Kube, settings: Settings) -> None:
        self._kube = kube
        self._view = View()
        network = network_of(settings)
        self._registry = Registry(network)
        access = Access(kube, Identities(kube, settings, partial(_identity, network)), settings)
        images = Images(self._registry, access)
        self._stores = tuple(Stores(access, network, ThreadPoolExecutor(n, "store")) for n in (QUESTION_THREADS, POLLS))
        self._feeds: Feeds[Key] = Feeds(self._wake, _jitter)
        streams = Streams(images, self._stores[1], self._feeds, settings.verify_hours, random.random)
        patience = Patience()
        reconciler = Reconciler(
            self._view,
            Observer(self._view, kube, Sources(images, self._stores[0]), streams, patience),
            Actor(self._view, kube, patience),
            patience,
            settings,
            clock=lambda: datetime.now(UTC),
        )
        self._queue: WorkQueue[Key] = WorkQueue(reconciler.reconcile, jitter=_jitter)
        self._watchdog = Watchdog(WATCHED_KINDS, kube, self._view, self._queue.add, _jitter)
        self._watching: asyncio.Task[None] | None = None
        metrics.QUEUE_DEPTH.set_function(lambda: self._queue.depth)
        metrics.FEEDS.set_function(lambda: len(self._feeds))
        metrics.APPS.statuses = self._view.statuses
        metrics.serve(settings.metrics_port)

    def start(self) -> None:
        """Begin to work off what `see` queues."""
        self._queue.start()
        self._watching = asyncio.create_task(self._watchdog.serve(), name="watchdog")

    async def stop(self) -> None:
        """End; a reconciliation that is broken off is done again by the next process."""
        if self._watching:
            self._watching.cancel()
        await self._queue.stop()
        await self._feeds.stop()
        for stores in self._stores:
            stores.close()
        await self._registry.close()
        await self._kube.close()

    def see(self, event_type: str | None, manifest: Manifest) -> None:
        """Take in what a watch shows; never waits and never fails."""
        if event_type == "DELETED":
            changed = self._view.gone(manifest)
        else:
            changed = self._view.record(manifest, listed=event_type is None)
        for key in changed:
            self._queue.add(key)

    def _wake(self, key: Key) -> None:
        self._queue.add(key)

    def ills(self) -> Mapping[str, str]:
        """Return what is wrong with this process so that only a new one helps; empty: it is well."""
        ills: dict[str, str] = {}
        if dead := self._queue.dead_workers():
            ills["workers"] = f"ended: {', '.join(dead)}"
        if self._watching and self._watching.done():
            ills["watchdog"] = "ended"
        if self._watchdog.lost:
            ills["watches"] = self._watchdog.lost
        return ills


async def served(kube: Kube) -> None:
    """Check that every watched kind is served and may be listed, as kopf would watch nothing else later on.

    Raises:
        OperatorError: naming the first kind that is not.
    """
    for kind in WATCHED_KINDS:
        try:
            await kube.probe(kind)
        except NotFoundError as error:
            words = f"the API server does not know {kind} objects: install the chart's CustomResourceDefinition"
            raise NotFoundError(error.reason, words) from error
        except WaitingError as error:
            raise WaitingError(error.reason, f"{kind} objects cannot be listed: {error.message}") from error


def network_of(settings: Settings) -> Network:
    """Return how sources are connected to.

    Raises:
        ValueError: a setting cannot be read, in words.
    """
    rules = NetworkRules.parse(settings.listed_endpoints, settings.cluster_networks)
    return Network(Path(settings.trust_bundle) if settings.trust_bundle else None, rules, settings.azure_authority)


def _identity(network: Network, who: Identity, assertion: Callable[[], str]) -> AzureIdentity:
    return WorkloadIdentity(who.client_id, who.tenant_id, assertion, network)


def _jitter() -> float:
    return random.uniform(0.9, 1.1)  # noqa: S311 - spreads requests, guards nothing
