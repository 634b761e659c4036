"""What Microsoft Entra ID means by its error numbers. Pure: a number in, words and fix out."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Final

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import cut

_NUMBER: Final = re.compile(r"AADSTS(\d{1,9})")
_NO_FEDERATION: Final = frozenset({70021, 700211, 700212, 700213})
_FIXES: Final[Mapping[int, str]] = {
    700016: "the tenant has no such application or managed identity; check clientID and tenantID",
    700024: "the ServiceAccount's token is not valid at Microsoft's time; check this node's clock",
    700027: "the ServiceAccount's token is of another issuer; the federated credential needs this cluster's own",
    7000112: "the application is disabled; enable it",
    7000215: "the client secret is wrong; put the secret's value, not its id, into the Secret",
    7000222: "the client secret has expired; put a new one into the Secret",
    90002: "there is no such tenant in this cloud; check tenantID",
    900023: "the tenant's id is no id and no domain; check tenantID",
    500011: "the tenant does not know the service that is asked for; check tenantID and the cloud's authority",
    53003: "a Conditional Access policy of the tenant blocks it; ask the tenant's administrator",
}
_OF_THEIR_OWN: Final = frozenset({50196, 90013, 90033, 90046})
"""Numbers of passing trouble."""


def error_number(text: str) -> int | None:
    """Return the number in `AADSTS700016: ...`, the only part of the text that is used."""
    match = _NUMBER.search(text)
    return int(match[1]) if match else None


def claims(assertion: str) -> Mapping[str, str]:
    """Return issuer, subject and audience of a ServiceAccount token: they are no secret and name what is missing.

    Nothing is verified: whoever reads the token does that.
    """
    parts = assertion.split(".")
    try:
        payload = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError):
        return {}
    if not isinstance(payload, dict):
        return {}
    audience = payload.get("aud")
    found = {**payload, "aud": audience[0] if isinstance(audience, list) and audience else audience}
    return {key: found[key] for key in ("iss", "sub", "aud") if isinstance(found.get(key), str)}


def identity_refusal(who: str, number: int | None, known: Mapping[str, str], clock: str) -> SourceError:
    """Put a refusal into words.

    who: the identity and its tenant, as messages name it.
    known: see `claims`.
    clock: what is wrong with this node's clock, as the answer shows it; or empty.
    """
    said = "" if number is None else f" (AADSTS{number})"
    if number in _OF_THEIR_OWN:
        words = f"{who}: Microsoft Entra ID has trouble of its own; it is asked again{said}"
        return SourceError(Reason.STORE_UNREACHABLE, words, transient=True)
    fix = clock or _fix(number, known)
    return SourceError(Reason.IDENTITY_REFUSED, f"{who}: Microsoft Entra ID gives no token: {fix}{said}")


def _fix(number: int | None, known: Mapping[str, str]) -> str:
    if number in _NO_FEDERATION:
        wanted = {"issuer": known.get("iss", ""), "subject": known.get("sub", ""), "audience": known.get("aud", "")}
        fields = ", ".join(f"{name} {cut(value)}" for name, value in wanted.items() if value)
        return f"it has no federated credential for this ServiceAccount; add one with {fields or 'its issuer and name'}"
    return _FIXES.get(number or 0, "check clientID, tenantID and the identity's credentials")
