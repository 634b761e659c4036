"""Registry credentials out of pull Secrets, chosen as the kubelet chooses them. Pure."""

import base64
import binascii
import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiapp_operator.image_reference import ImageReference

CONFIG_KEY: Final = ".dockerconfigjson"
# What `docker login` without a host writes for Docker Hub.
_HUB_KEYS: Final = {"index.docker.io": "docker.io", "registry-1.docker.io": "docker.io"}


@dataclass(frozen=True, slots=True)
class Login:
    """One login for a registry; `source` names the Secret.

    identity_token: exchanged for tokens instead of name and password, as `docker login` keeps it for some registries.
    """

    username: str
    password: str = field(repr=False)
    source: str = ""
    identity_token: str = field(default="", repr=False)


def logins(image: ImageReference, secrets: Mapping[str, Mapping[str, str]]) -> tuple[Login, ...]:
    """Return the logins that fit the image, the most specific first.

    secrets: decoded values by key, by the Secret's name.

    Raises:
        ValueError: a Secret is no docker config; the message names Secret, fault and fix, never a value.
    """
    fitting: list[tuple[int, Login]] = []
    empty: list[str] = []
    for name, values in secrets.items():
        for place, entry in _entries(name, values).items():
            if length := _fit(place, image):
                if login := _login(name, place, entry):
                    fitting.append((length, login))
                else:
                    empty.append(f"Secret {name} holds no login for {place}")
    if empty and not fitting:  # what `docker login` leaves where a credential helper keeps the logins
        fix = "a credential helper's login stays on its machine; make it with `kubectl create secret docker-registry`"
        raise ValueError(f"{empty[0]}: {fix}")
    return tuple(login for _, login in sorted(fitting, key=lambda pair: -pair[0]))


def _entries(name: str, values: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the entries by the registry or repository that they are for; one that only names a helper is None."""
    if CONFIG_KEY not in values:
        raise ValueError(
            f"Secret {name} has no key {CONFIG_KEY}: make it with `kubectl create secret docker-registry {name}`"
        )
    try:
        config = json.loads(values[CONFIG_KEY])
        helped = dict.fromkeys(config.get("credHelpers", ()))
        return {**helped, **(config["auths"] if "auths" in config or not helped else {})}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"Secret {name}: {CONFIG_KEY} is no JSON with `auths`: make the Secret again") from None


def _fit(place: str, image: ImageReference) -> int:
    """Return how much of `registry/path` an entry's key covers; 0: it is for something else."""
    bare = place.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, _, path = bare.partition("/")
    path = "" if path in {"v1", "v2"} else path
    pattern = _HUB_KEYS.get(host, host)
    # For the kubelet a star stands for one label, so that `*` alone is not for every registry there is.
    if pattern.count(".") != image.registry.count(".") or not fnmatch.fnmatchcase(image.registry, pattern):
        return 0
    if path and not f"{image.path}/".startswith(f"{path}/"):
        return 0
    return len(host) + len(path)


def _login(name: str, place: str, entry: Any) -> Login | None:
    if not isinstance(entry, dict):
        return None
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            username, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except (binascii.Error, ValueError, TypeError):
            raise ValueError(f"Secret {name}: auth of {place} is not base64: make the Secret again") from None
    identity_token = str(entry.get("identitytoken") or "")
    return Login(username, password, name, identity_token) if username or identity_token else None
