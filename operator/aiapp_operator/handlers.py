"""The bridge from kopf: startup, probe, and watches that only record and enqueue.

kopf swallows what an event handler raises and retries nothing, so no work is done here.
"""

import dataclasses
import logging
import os
from typing import Any, Final

import kopf

from aiapp_models.contract import LABEL_MANAGED_BY, MANAGED_BY
from aiapp_operator.api.v1alpha1 import GROUP, PLURAL, VERSION
from aiapp_operator.assembly import Operator, served
from aiapp_operator.errors import OperatorError
from aiapp_operator.kube import Kube
from aiapp_operator.settings import Settings

CHILD_RESOURCES: Final = (
    ("apps", "v1", "deployments"),
    ("", "v1", "services"),
    ("", "v1", "serviceaccounts"),
    ("policy", "v1", "poddisruptionbudgets"),
    ("batch", "v1", "jobs"),
    ("", "v1", "pods"),
)


def kopf_settings() -> kopf.OperatorSettings:
    """Return how kopf watches: without writing anything, and without end."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.05  # seconds a finished per-object worker is kept; 5 would hold 20 MB more
    settings.watching.chunk_size = 500
    for group, _, plural in CHILD_RESOURCES:
        settings.watching.label_selectors[group, plural] = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
    # A load balancer drops an idle connection without a word: bookmarks come every 60 s, so 150 s of silence are
    # a dead watch. 70, kopf's default, reconnects watches that are merely quiet.
    settings.watching.inactivity_timeout = 150
    settings.watching.server_timeout = 600
    settings.watching.client_timeout = 660
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    # kopf ends the process after the last of these; an API server that is away longer is no reason to.
    settings.networking.error_backoffs = [1, 1, 2, 3, 5] + [10] * 100_000
    return settings


def quiet_logs() -> None:
    """Leave out what is written for every event, every probe and every request to a store."""
    for name in ("kopf.objects", "kopf.activities.probe", "aiohttp.access", "azure"):
        logging.getLogger(name).setLevel(logging.WARNING)


class Handlers:
    """The handlers of one operator process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._operator: Operator | None = None

    def registry(self) -> kopf.OperatorRegistry:
        """Return what kopf runs."""
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(_login)
        kopf.on.startup(registry=registry)(self.start)
        kopf.on.cleanup(registry=registry)(self.stop)
        kopf.on.probe(registry=registry, id="well")(self.probe)
        for resource in ((GROUP, VERSION, PLURAL), *CHILD_RESOURCES):
            kopf.on.event(*resource, registry=registry)(self.see)
        return registry

    async def start(self, **_: Any) -> None:
        """Start the operator once everything that it watches is served, as kopf looks for kinds only once."""
        kube = await Kube.connect()
        try:
            await served(kube)
        except OperatorError as error:
            await kube.close()
            raise kopf.TemporaryError(f"not started yet: {error}", delay=5) from error
        self._operator = Operator(kube, self._settings)
        self._operator.start()

    async def stop(self, **_: Any) -> None:
        """End what `start` began."""
        if self._operator:
            await self._operator.stop()

    async def probe(self, **_: Any) -> bool:
        """Fail where only a new process helps."""
        ills = self._operator.ills() if self._operator else {}
        if ills:
            # Any other exception would be retried within the probe, which would then hang instead of fail.
            raise kopf.PermanentError(f"not well: {dict(ills)}")
        return True

    async def see(self, event: kopf.RawEvent, **_: Any) -> None:
        """Take in what a watch shows."""
        if self._operator:
            self._operator.see(event["type"], dict(event["object"]))


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Use the pod's ServiceAccount, at the address that works without DNS; else the file named by KUBECONFIG."""
    if pod := kopf.login_with_service_account(**kwargs):
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        return dataclasses.replace(pod, server=f"https://{f'[{host}]' if ':' in host else host}:{port}")
    return kopf.login_with_kubeconfig(**kwargs)
