"""One right or wrong AIApp, and the app that it is made of."""

import copy
from dataclasses import dataclass, field
from typing import Any, Final

ABSENT: Final = object()
"""Takes the field away."""
DIGEST: Final = "sha256:" + "a" * 64
HOST_NAME: Final = "endpoint must be https:// and a host name"
SAFE_PATH: Final = "path must be folder names"
REPOSITORY: Final = "contoso.azurecr.io/digits"
UUID: Final = "01234567-89ab-cdef-0123-456789ABCDEF"
AZURE: Final = {"account": "contosomodels", "container": "models", "path": "digits"}
S3: Final = {"bucket": "contoso.models", "path": "digits", "region": "eu-west-1"}
CLAIM: Final = {"claimName": "models", "path": "digits"}
AT_CLAIM: Final = ".persistentVolumeClaim"
SECRET: Final = {"secretRef": {"name": "blob"}}

BASE: Final[dict[str, Any]] = {
    "apiVersion": "aiapp.dev/v1alpha1",
    "kind": "AIApp",
    "metadata": {"name": "digits"},
    "spec": {
        "image": "contoso.azurecr.io/digits:1.4.2",
        "modelVersion": "42",
        "modelSource": {
            "azureBlob": {"account": "contosomodels", "container": "models", "path": "digits"},
            "credentials": {"anonymous": {}},
        },
    },
}


@dataclass(frozen=True)
class Refused:
    """One wrong input; `patch` sets fields by their path, `words` is a part of the answer about `field`."""

    id: str
    patch: dict[str, Any]
    field: str
    words: str


@dataclass(frozen=True)
class Accepted:
    """One right input; `becomes` are fields of the answer by their path."""

    id: str
    patch: dict[str, Any]
    becomes: dict[str, Any] = field(default_factory=dict)


def patched(patch: dict[str, Any]) -> dict[str, Any]:
    """Return BASE with the fields of `patch`."""
    body = copy.deepcopy(BASE)
    for path, value in patch.items():
        *parents, last = path.split(".")
        target: Any = body
        for parent in parents:
            target = target.setdefault(parent, {})
        if value is ABSENT:
            target.pop(last, None)
        else:
            target[last] = value
    return body
