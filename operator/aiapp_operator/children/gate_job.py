"""The gate's Job: the release's own pod, tried without any traffic."""

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.ledger import Release
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest


def gate_job_name(app: str, number: int, attempt: int) -> str:
    """Return the name of one try of a gate: the same whoever asks, so that it is made once."""
    return f"{app}-gate-{number}-{attempt}"


def gate_job(app: AIApp, release: Release, against: Release | None, settings: Settings) -> Manifest:
    """Return the Job that tries `release`; its attempt is that of the release's notes.

    against: the release that serves, for comparison; None: nothing serves.
    """
    raise NotImplementedError
