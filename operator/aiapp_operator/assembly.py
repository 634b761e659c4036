"""Puts the operator's parts together, starts and stops them; knows no kopf."""

import asyncio
import logging
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from aiapp_operator import metrics
from aiapp_operator.act import Actor
from aiapp_operator.errors import NotFoundError, WaitingError
from aiapp_operator.kube import Kube
from aiapp_operator.observe import Observer
from aiapp_operator.patience import Patience
from aiapp_operator.reconciler import Reconciler
from aiapp_operator.registry import Registry
from aiapp_operator.settings import Settings
from aiapp_operator.sources import Sources
from aiapp_operator.state import Key, Manifest
from aiapp_operator.view import APP_KIND, View
from aiapp_operator.watchdog import Watchdog
from aiapp_operator.workqueue import WorkQueue

logger = logging.getLogger(__name__)

WATCHED_KINDS: Final = (APP_KIND, "Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Pod")


class Operator:
    """All parts of one operator process; made inside the event loop that runs them."""

    def __init__(self, kube: Kube, settings: Settings) -> None:
        self._kube = kube
        self._view = View()
        self._registry = Registry(settings.trust_bundle)
        self._sources = Sources(kube, self._registry, settings)
        patience = Patience()
        reconciler = Reconciler(
            self._view,
            Observer(self._view, kube, self._sources, patience),
            Actor(self._view, kube, patience),
            patience,
            settings,
            clock=lambda: datetime.now(UTC),
        )
        self._queue: WorkQueue[Key] = WorkQueue(reconciler.reconcile, jitter=_jitter)
        self._watchdog = Watchdog(WATCHED_KINDS, kube, self._view, self._queue.add, _jitter)
        self._watching: asyncio.Task[None] | None = None
        metrics.serve(settings.metrics_port, lambda: self._queue.depth)

    def start(self) -> None:
        """Begin to work off what `see` queues."""
        self._queue.start()
        self._watching = asyncio.create_task(self._watchdog.serve(), name="watchdog")

    async def stop(self) -> None:
        """End; a reconciliation that is broken off is done again by the next process."""
        if self._watching:
            self._watching.cancel()
        await self._queue.stop()
        self._sources.close()
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


def _jitter() -> float:
    return random.uniform(0.9, 1.1)  # noqa: S311 - spreads requests, guards nothing
