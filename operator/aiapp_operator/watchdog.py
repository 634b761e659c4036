"""Compares the view with the cluster, as a watch may lose a deletion, or end without anybody noticing.

A list that begins anew after an interruption does not tell what was deleted meanwhile; such objects are taken out of
the view. An object, or a version of one, that two lists show and the view does not means a dead watch.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from aiapp_models.contract import LABEL_MANAGED_BY, MANAGED_BY
from aiapp_operator.errors import OperatorError
from aiapp_operator.kube import Kube
from aiapp_operator.state import Key
from aiapp_operator.view import APP_KIND, Place, View, app_of, newer

logger = logging.getLogger(__name__)

FIRST_SECONDS: Final = 60.0
EVERY_SECONDS: Final = 1800.0
GRACE_SECONDS: Final = 120.0
"""How long a watch may lag behind a list."""
CHILD_SELECTOR: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"


class Watchdog:
    """Checks all watched kinds from time to time.

    enqueue: takes the apps of which something had gone unnoticed.
    jitter: returns a factor for the time between checks.
    """

    def __init__(
        self,
        kinds: tuple[str, ...],
        kube: Kube,
        view: View,
        enqueue: Callable[[Key], None],
        jitter: Callable[[], float],
    ) -> None:
        self._kinds = kinds
        self._kube = kube
        self._view = view
        self._enqueue = enqueue
        self._jitter = jitter
        self.lost: str = ""
        """What no watch shows; empty: all is well."""

    async def serve(self) -> None:
        """Check for ever."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self._check_twice()
            await asyncio.sleep(EVERY_SECONDS * self._jitter())

    async def _check_twice(self) -> None:
        for kind in self._kinds:
            try:
                if before := await self.check(kind):
                    await asyncio.sleep(GRACE_SECONDS)
                    await self._judge(kind, before, await self.check(kind))
            except OperatorError as error:
                logger.warning("%s objects could not be compared with the view: %s", kind, error)

    async def _judge(self, kind: str, before: Mapping[Place, str], after: Mapping[Place, str]) -> None:
        lasting = [place for place, version in after.items() if before.get(place) == version]
        if lasting:
            self.lost = (
                f"the watch of {kind} objects has not shown {'/'.join(lasting[0][1:])} for {GRACE_SECONDS:.0f} s"
            )
            logger.error("%s (%d objects in all)", self.lost, len(lasting))

    async def check(self, kind: str) -> Mapping[Place, str]:
        """Return what a list shows and the view does not, with versions; drop from the view what the list lacks."""
        selector = "" if kind == APP_KIND else CHILD_SELECTOR
        list_version, listed = await self._kube.list_metadata(kind, selector)
        versions = {
            place: metadata["resourceVersion"]
            for metadata in listed
            if app_of(place := Place(kind, metadata["namespace"], metadata["name"]), metadata)
        }
        for place in self._view.places(kind):
            seen = self._view.version(place)
            if place not in versions and seen and not newer(seen, list_version):
                logger.info("%s/%s: a deletion of %s had gone unnoticed", place.namespace, place.name, kind)
                for key in self._view.forget(place):
                    self._enqueue(key)
        return {place: version for place, version in versions.items() if self._is_behind(place, version)}

    def _is_behind(self, place: Place, version: str) -> bool:
        seen = self._view.version(place)
        return seen is None or newer(version, seen)
