"""One reconciliation: observe, plan, act, report."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from aiapp_operator import conditions
from aiapp_operator import plan as planning
from aiapp_operator.act import Actor
from aiapp_operator.errors import TransientError
from aiapp_operator.metrics import reconciliation
from aiapp_operator.observe import Observer
from aiapp_operator.patience import Patience
from aiapp_operator.settings import Settings
from aiapp_operator.state import Key, Manifest, ObjectId, Observed, Plan, Problem, Severity
from aiapp_operator.view import View

logger = logging.getLogger(__name__)

KEEP_SECONDS: Final = 60.0
"""How long answers are kept where the plan waits for the watches alone."""


class Reconciler:
    """Brings one AIApp closer to its spec, by as much as can be done now."""

    def __init__(
        self,
        view: View,
        observer: Observer,
        actor: Actor,
        patience: Patience,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        self._view = view
        self._observer = observer
        self._actor = actor
        self._patience = patience
        self._settings = settings
        self._clock = clock

    async def reconcile(self, key: Key) -> float | None:
        """Return seconds until the app should be looked at again without any event; None: events suffice.

        Raises:
            OperatorError: the API server refused or was away; to be tried again with back-off.
        """
        app = self._view.app(key)
        if app is None or "deletionTimestamp" in app["metadata"]:
            self._forget(key)  # its children go by their owner references
            return None
        with reconciliation():
            return await self._reconcile(key, app)

    async def _reconcile(self, key: Key, app: Manifest) -> float | None:
        observed, pending = await self._observer.look(app, self._clock())
        if pending:
            observed = await self._acknowledge(observed)
            if pending.account:
                await self._actor.carry_out(Plan(apply=(pending.account,)), observed, self._clock())
                observed, pending = await self._observer.look(observed.app, self._clock())
        if pending:
            observed = await self._observer.ask(observed, pending)
        now = self._clock()
        plan = planning.plan(observed, self._settings, now)
        done = await self._actor.carry_out(plan, observed, now)
        if done.refusals:
            plan = planning.after_refusals(plan, observed, done.refusals, now)
        await self._actor.report(observed.app, plan.events, now)
        await self._actor.write_status(observed.app, plan.status)
        self._patience.keep_until(key, now + timedelta(seconds=plan.requeue_after or KEEP_SECONDS))
        _raise_transient(done.refusals)
        # Nothing that is watched tells of a record: feeds would choose by the holds of before until something else did.
        again = 0.0 if done.other_holds else None
        return _soonest(plan.requeue_after, self._patience.next_due(key, now), again)

    async def _acknowledge(self, observed: Observed) -> Observed:
        """Show at once that a new generation was seen, as sources may take their time."""
        status = conditions.acknowledge(observed.app, self._clock())
        return replace(observed, app=await self._actor.write_status(observed.app, status))

    def _forget(self, key: Key) -> None:
        self._observer.forget(key)
        self._patience.forget(key)
        self._actor.forget(key)


def _raise_transient(refusals: list[tuple[ObjectId, Problem]]) -> None:
    for _, problem in refusals:
        if problem.severity is Severity.TRANSIENT:
            raise TransientError(problem.reason, problem.message)


def _soonest(*delays: float | None) -> float | None:
    return min((delay for delay in delays if delay is not None), default=None)
