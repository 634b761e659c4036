"""PURE: who gets which token from the cluster's stand-in for Microsoft Entra and from its registry's token service.

Checked as Entra does: tenant, application, and either the client secret or a ServiceAccount's token, whose signature,
times, issuer, audience and subject must be those of a federated identity. The tokens given out are signed as well, but
Azurite (`--oauth basic`) reads their issuer, audience and times only and checks no signature and no role; the registry
does check it.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cluster.network import AUTHORITY_HOST, TOKENS_HOST

KUBERNETES_ISSUER = "https://kubernetes.default.svc.cluster.local"
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
RESOURCES = frozenset({"https://storage.azure.com", "https://containerregistry.azure.net"})
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ENTRA_SECONDS = 3600
REGISTRY_SECONDS = 300
KEY_ID = "tokens"
Answer = tuple[int, dict[str, Any]]
"""An HTTP status and the JSON that goes with it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What lets one application of one tenant in: a federated ServiceAccount, or a client secret."""

    tenant_id: str
    client_id: str
    subject: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """What the issuer signs with, and the API server's key, which ServiceAccount tokens are signed with."""

    signing: ec.EllipticCurvePrivateKey = field(repr=False)
    kubernetes: ec.EllipticCurvePublicKey


class RefusedError(Exception):
    """Entra's answer to somebody who gets no token: an OAuth error and an AADSTS number."""

    def __init__(self, status: int, error: str, number: int, words: str) -> None:
        super().__init__(words)
        self.answer: Answer = (
            status,
            {"error": error, "error_description": f"AADSTS{number}: {words}", "error_codes": [number]},
        )


def entra_token(
    tenant_id: str, form: Mapping[str, str], grants: Collection[Grant], keys: Keys, now: datetime
) -> Answer:
    """Answer `POST /TENANT/oauth2/v2.0/token` of the client credentials flow."""
    try:
        client_id, resource = _authenticated(tenant_id, form, grants, keys), _resource(form.get("scope", ""))
    except RefusedError as refusal:
        return refusal.answer
    issued = int(now.timestamp())
    claims = {
        "aud": resource,
        "iss": f"https://sts.windows.net/{tenant_id}/",
        "iat": issued,
        "nbf": issued - 300,
        "exp": issued + ENTRA_SECONDS,
        "appid": client_id,
        "tid": tenant_id,
    }
    token = jwt.encode(claims, keys.signing, algorithm="ES256", headers={"kid": KEY_ID})
    seconds = {"expires_in": ENTRA_SECONDS, "ext_expires_in": ENTRA_SECONDS}
    return 200, {"token_type": "Bearer", **seconds, "access_token": token}


def openid_configuration(tenant_id: str, grants: Collection[Grant]) -> Answer:
    """Answer the discovery that every client begins with; an unknown tenant is refused there already."""
    try:
        _known_tenant(tenant_id, grants)
    except RefusedError as refusal:
        return refusal.answer
    base = f"https://{AUTHORITY_HOST}/{tenant_id}"
    return 200, {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
    }


def instance_discovery() -> Answer:
    """Say that the authority has no other names."""
    names = {"preferred_network": AUTHORITY_HOST, "preferred_cache": AUTHORITY_HOST, "aliases": [AUTHORITY_HOST]}
    endpoint = f"https://{AUTHORITY_HOST}/common/.well-known/openid-configuration"
    return 200, {"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [names]}


def registry_token(username: str, service: str, scopes: Sequence[str], keys: Keys, now: datetime) -> Answer:
    """Answer the Docker token protocol for somebody whose password was right: what is asked for is granted."""
    if service != TOKENS_HOST:
        return 400, {"errors": [{"code": "UNSUPPORTED", "message": f"no service {service!r}, but {TOKENS_HOST}"}]}
    issued = int(now.timestamp())
    claims = {
        "iss": TOKENS_HOST,
        "aud": service,
        "sub": username,
        "iat": issued,
        "nbf": issued - 60,
        "exp": issued + REGISTRY_SECONDS,
        "access": [_access(scope) for scope in scopes],
    }
    token = jwt.encode(claims, keys.signing, algorithm="ES256", headers={"kid": KEY_ID})
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return 200, {"token": token, "access_token": token, "expires_in": REGISTRY_SECONDS, "issued_at": moment}


def key_set(public_key: bytes) -> str:
    """Return the JSON Web Key Set by which the registry checks signatures; `public_key` is PEM."""
    loaded = load_pem_public_key(public_key)
    if not isinstance(loaded, ec.EllipticCurvePublicKey):
        raise TypeError("the token key is no elliptic curve key")
    key = jwt.algorithms.ECAlgorithm.to_jwk(loaded, as_dict=True)
    return json.dumps({"keys": [{**key, "kid": KEY_ID, "alg": "ES256", "use": "sig"}]})


def _authenticated(tenant_id: str, form: Mapping[str, str], grants: Collection[Grant], keys: Keys) -> str:
    _known_tenant(tenant_id, grants)
    if form.get("grant_type") != "client_credentials":
        raise RefusedError(400, "unsupported_grant_type", 70003, "Only client_credentials is supported.")
    client_id = form.get("client_id", "")
    own = [grant for grant in grants if (grant.tenant_id, grant.client_id) == (tenant_id, client_id)]
    if not own:
        words = f"Application with identifier '{client_id}' was not found in the directory '{tenant_id}'."
        raise RefusedError(400, "unauthorized_client", 700016, words)
    if form.get("client_assertion_type") == ASSERTION_TYPE:
        subject = _asserted_subject(form.get("client_assertion", ""), keys)
        if subject not in {grant.subject for grant in own}:
            words = f"No matching federated identity record found for presented assertion subject '{subject}'."
            raise RefusedError(401, "invalid_client", 700213, words)
    elif not form.get("client_secret") or form["client_secret"] not in {grant.secret for grant in own}:
        raise RefusedError(401, "invalid_client", 7000215, f"Invalid client secret provided for app '{client_id}'.")
    return client_id


def _known_tenant(tenant_id: str, grants: Collection[Grant]) -> None:
    if tenant_id not in {grant.tenant_id for grant in grants}:
        raise RefusedError(400, "invalid_tenant", 90002, f"Tenant '{tenant_id}' not found.")


def _asserted_subject(assertion: str, keys: Keys) -> str:
    needed = {"require": ["exp", "iat", "sub"]}
    try:
        claims = jwt.decode(
            assertion,
            keys.kubernetes,
            algorithms=["ES256"],
            audience=EXCHANGE_AUDIENCE,
            issuer=KUBERNETES_ISSUER,
            options=needed,  # type: ignore[arg-type]
        )
    except jwt.ExpiredSignatureError:
        words = "Client assertion is not within its valid time range."
        raise RefusedError(401, "invalid_client", 700024, words) from None
    except jwt.InvalidTokenError as error:
        raise RefusedError(401, "invalid_client", 700212, f"The client assertion is not accepted: {error}.") from None
    return str(claims["sub"])


def _resource(scope: str) -> str:
    resource = scope.removesuffix("/.default")
    if resource not in RESOURCES or resource == scope:
        raise RefusedError(400, "invalid_resource", 500011, f"The resource principal named {scope} was not found.")
    return resource


def _access(scope: str) -> dict[str, Any]:
    """Read `repository:digits:pull,push`; a name may hold colons of its own."""
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}
