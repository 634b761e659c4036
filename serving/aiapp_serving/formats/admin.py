"""What the cluster's administrator lets models be. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiapp_models import contract


@dataclass(frozen=True, slots=True)
class AdminChoices:
    """Nothing is allowed unless it is said.

    allow_pickle: models may be pickles, which run code of their author. trusted_types: see contract.ENV_TRUSTED_TYPES.
    """

    allow_pickle: bool = False
    trusted_types: frozenset[str] = frozenset()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "AdminChoices":
        """Read the two AIAPP_* variables; only the word `true` allows pickles."""
        types = (name.strip() for name in env.get(contract.ENV_TRUSTED_TYPES, "").split(","))
        return cls(
            allow_pickle=env.get(contract.ENV_ALLOW_PICKLE) == "true",
            trusted_types=frozenset(filter(None, types)),
        )
