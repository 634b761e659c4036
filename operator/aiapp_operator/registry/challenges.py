"""What a registry asks for before it answers, and where a login for it may go. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiapp_models.addresses import CHART_VALUE, NetworkRules, parse_url
from aiapp_operator.errors import Reason, WaitingError

PULL: Final = "pull"
PULL_AND_LIST: Final = "pull,metadata_read"
_RIGHTS: Final = frozenset(PULL_AND_LIST.split(","))
_PARAMETER: Final = re.compile(r'\b(\w+)=(?:"([^"]*)"|([^\s,"]+))')
# Login services of public registries that are on another host, by the host of their API.
_KNOWN_REALMS: Final = frozenset(
    {
        ("registry-1.docker.io", "auth.docker.io"),
        ("registry.gitlab.com", "gitlab.com"),
        ("registry.digitalocean.com", "api.digitalocean.com"),
    }
)


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked for: rights on one repository of the registry whose API is at `api`, a URL without a path."""

    api: str
    path: str
    rights: str

    @property
    def scope(self) -> str:
        """Return it as token services write it."""
        return f"repository:{self.path}:{self.rights}"


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a registry wants to know who asks; without a realm: by basic authentication."""

    realm: str = ""
    service: str = ""
    scope: str = ""


def challenge(headers: Sequence[str], access: Access, rules: NetworkRules) -> Challenge:
    """Return what the registry asks for in its WWW-Authenticate headers; a token rather than a password.

    Raises:
        WaitingError: RegistryRefused, in no way that is known, or at a place where a login may not go.
    """
    offers = {scheme.lower(): rest for scheme, _, rest in (header.partition(" ") for header in reversed(headers))}
    if "bearer" in offers:
        return _bearer(offers["bearer"], access, rules)
    if "basic" in offers:
        return Challenge()
    asked = headers[0].partition(" ")[0] if headers else "none"
    words = f"{access.api} asks for authentication {asked[:40]!a}; basic and bearer are known"
    raise WaitingError(Reason.REGISTRY_REFUSED, words)


def _bearer(text: str, access: Access, rules: NetworkRules) -> Challenge:
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(text)}
    realm = parameters.get("realm", "")
    if not may_ask(realm, access.api, rules):
        words = (
            f"{access.api} sends logins to {realm[:80]!a}, which is neither https on its own host nor listed by the "
            f"administrator (chart value {CHART_VALUE})"
        )
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return Challenge(realm, parameters.get("service", ""), _scope(parameters.get("scope", ""), access))


def _scope(asked: str, access: Access) -> str:
    """Return the scope that the registry asks for, if it is no more than reading this repository."""
    kind, _, rest = asked.partition(":")
    path, _, rights = rest.rpartition(":")
    if (kind, path) == ("repository", access.path) and set(rights.split(",")) <= _RIGHTS:
        return asked
    return f"repository:{access.path}:{PULL}"


def may_ask(realm: str, api: str, rules: NetworkRules) -> bool:
    """Tell whether a login for a registry may be sent to the realm that it names."""
    try:
        scheme, host, port = parse_url(realm)
        own = parse_url(api)
    except ValueError:
        return False
    if scheme != "https" and own.scheme == "https":
        return False
    return host == own.host or rules.lists(host, port) or (own.host, host) in _KNOWN_REALMS
