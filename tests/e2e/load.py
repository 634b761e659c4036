"""People who use an app while it is released: 50 requests a second from a pod, every answer counted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from demo import traffic
from e2e.models import BODY
from e2e.rig import READY_SECONDS, App, eventually

LEAST_RATE: Final = 0.8 * traffic.RATE
"""The client falls behind on a machine that has something else to do."""


@dataclass(frozen=True)
class Load:
    """The client of one app."""

    app: App

    @property
    def name(self) -> str:
        return f"load-{self.app.name}"

    def begin(self) -> None:
        """Start the client and wait for its first answers."""
        tenant, app = self.app.tenant, self.app.name
        image = tenant.deployed.images["one"]
        objects = traffic.manifests(tenant.namespace, image, f"http://{app}/score", BODY, {}, self.name)
        tenant.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        eventually(
            "the client has answers",
            lambda: traffic.seen(tenant.cluster, tenant.namespace, self.name).requests,
            seconds=READY_SECONDS,
        )

    def end(self) -> traffic.Traffic:
        """End the client, and expect that no request failed and that it asked as often as it should."""
        seen = traffic.stop(self.app.tenant.cluster, self.app.tenant.namespace, self.name)
        assert not seen.failed_requests, f"{seen.failed_requests} of {seen.requests} failed: {dict(seen.errors)}"
        assert seen.requests >= LEAST_RATE * seen.client_seconds, f"{seen.requests} in {seen.client_seconds} s"
        return seen


@contextmanager
def load(app: App) -> Iterator[Load]:
    """Ask an app that serves until the block ends; `end` tells what was seen."""
    client = Load(app)
    try:
        client.begin()
        yield client
    finally:
        app.tenant.kubectl("delete", "pod", client.name, "--now", "--ignore-not-found", "--wait=false")
