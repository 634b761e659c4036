"""Who a reader of sources is: nobody, the holder of a Secret, or an identity of Microsoft Entra ID."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credentials at all: what anybody may read."""


@dataclass(frozen=True, slots=True)
class SecretValues:
    """The decoded values of a Secret by key, as they are now."""

    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token; `expires_on` in seconds since 1970."""

    token: str = field(repr=False)
    expires_on: float


@runtime_checkable
class AzureIdentity(Protocol):
    """An identity that gets tokens of Microsoft Entra ID; may be used by several threads."""

    def token(self, scope: str) -> AccessToken:
        """Return a token that is valid for some minutes at least; asks only when the kept one is near its end.

        Raises:
            SourceError: IdentityRefused (somebody must act) or StoreUnreachable (transient); never with a token in it.
        """


Credentials: TypeAlias = Anonymous | SecretValues | AzureIdentity
