"""What a registry's answers mean. Pure: status, headers and bytes in, values or errors in words out."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from aiapp_operator.errors import NotFoundError, Reason, WaitingError

LONGEST_LIFETIME: Final = 3600.0
"""Seconds that a token is kept at most, whatever its answer says."""
DEFAULT_LIFETIME: Final = 60.0
"""Seconds, by the token specification."""
LIFETIME_USED: Final = 0.9
"""A token is replaced before it ends, as clocks differ and requests take time."""
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_HEADER: Final = re.compile(r"[!-~]+")  # what may stand in a header, so that no token can begin a line of its own
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;[^,<]*?\brel\s*=\s*"?next"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; the body is read only where it is wanted."""

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    challenges: tuple[str, ...] = field(default=(), repr=False)


def digest(answer: Answer, name: str) -> str:
    """Return the digest of the manifest that was asked for.

    Raises:
        NotFoundError: ImageNotFound.
        WaitingError: RegistryRefused.
    """
    if answer.status == 404:
        words = f"{name}: the registry has no such image; push it, or correct spec.image"
        raise NotFoundError(Reason.IMAGE_NOT_FOUND, words)
    found = answer.headers.get("Docker-Content-Digest", "")
    if not found and _is_manifest(parsed(answer.body)):
        found = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    if answer.status != 200 or not _DIGEST.fullmatch(found):
        words = f"{name}: the registry answered {answer.status} with digest {found[:80]!a}, where sha256 was expected"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return found


def _is_manifest(document: Any) -> bool:
    """Tell manifests and lists of both kinds from a page that somebody on the way answered with."""
    return isinstance(document, dict) and document.get("schemaVersion") == 2


def exists(answer: Answer, name: str) -> bool:
    """Tell whether there is a manifest of the digest that was asked for.

    Raises:
        WaitingError: RegistryRefused.
    """
    if answer.status not in {200, 404}:
        words = f"{name}: the registry answered {answer.status} where a manifest was asked for; ask who runs it"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return answer.status == 200


def tags(answer: Answer, name: str) -> tuple[str, ...]:
    """Return the tags of one page; what cannot be the tag of an image is left out.

    Raises:
        NotFoundError: ImageNotFound.
        WaitingError: RegistryRefused.
    """
    if answer.status == 404:
        words = f"{name}: the registry has no such repository; push an image to it, or correct spec.image"
        raise NotFoundError(Reason.IMAGE_NOT_FOUND, words)
    document = parsed(answer.body) if answer.status == 200 else None
    # A registry that lost all tags of a repository answers null.
    listed = (document.get("tags") or []) if isinstance(document, dict) and "tags" in document else None
    if not isinstance(listed, list):
        words = f"{name}: the registry answered {answer.status} and no list of tags; ask who runs it"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return tuple(tag for tag in listed if isinstance(tag, str) and _TAG.fullmatch(tag))


def next_page(answer: Answer, name: str) -> str:
    """Return the URL of the page after this one, on the same host; empty: this is the last.

    Raises:
        WaitingError: RegistryRefused, it is somewhere else.
    """
    match = _NEXT.search(answer.headers.get("Link", ""))
    if match is None:
        return ""
    target = joined(answer.url, match[1])
    if not target:
        words = f"{name}: the registry names another host for the next page of its tags, which is not followed"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return target


def joined(url: str, reference: str) -> str:
    """Return where a reference in an answer leads if that is the same scheme, host and port; else empty."""
    try:
        target = urljoin(url, reference)
        return target if urlsplit(target)[:2] == urlsplit(url)[:2] else ""
    except ValueError:
        return ""


def parsed(body: bytes) -> Any:
    """Return the JSON document of a body, None where it is none: the parser's words would quote it."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def granted(answer: Answer, names: Sequence[str]) -> tuple[str, float]:
    """Return the token of a token service's answer, under the first name that is there, and the seconds to use it for.

    Raises:
        WaitingError: RegistryRefused, there is none that can be used; the answer is not quoted.
    """
    document = parsed(answer.body)
    fields = document if isinstance(document, dict) else {}
    value = next((fields[name] for name in names if fields.get(name)), None)
    if not isinstance(value, str) or not _HEADER.fullmatch(value):
        words = f"{urlsplit(answer.url).netloc}: the registry answers with a token that cannot be used; ask who runs it"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return value, LIFETIME_USED * _lifetime(fields.get("expires_in"))


def _lifetime(named: Any) -> float:
    if not isinstance(named, int | float) or not named > 0:
        return DEFAULT_LIFETIME
    return min(named, LONGEST_LIFETIME)
