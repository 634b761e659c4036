"""The last word of a container, where `kubectl describe` and the operator find it."""

import os

from aiapp_models import contract
from aiapp_models.errors import SourceError


def leave_last_word(error: SourceError) -> None:
    """Write `Reason: sentence` to the termination log, if there is one: only kubelet makes it."""
    try:
        descriptor = os.open(contract.TERMINATION_LOG, os.O_WRONLY | os.O_TRUNC)
    except OSError:
        return
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, opened without O_CREAT
        file.write(contract.termination_message(error.reason, error.message))
