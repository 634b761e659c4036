"""Who gets which token from the cluster's token issuer."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cluster.identity import add_grant, read_grants, subject
from cluster.kubectl import pull_secret_data
from cluster.protocol import RegistryCredentials
from cluster.tokens import (
    ASSERTION_TYPE,
    EXCHANGE_AUDIENCE,
    KUBERNETES_ISSUER,
    Grant,
    Keys,
    entra_token,
    key_set,
    openid_configuration,
    registry_token,
)

NOW = datetime.now(UTC)
API_SERVER = ec.generate_private_key(ec.SECP256R1())
KEYS = Keys(ec.generate_private_key(ec.SECP256R1()), API_SERVER.public_key())
DIGITS = subject("vision", "digits")
GRANTS = [Grant("tenant", "client", subject=DIGITS), Grant("tenant", "robot", secret="pass")]
STORAGE = "https://storage.azure.com/.default"


def account_token(key: ec.EllipticCurvePrivateKey = API_SERVER, **changed: object) -> str:
    claims = {
        "iss": KUBERNETES_ISSUER,
        "aud": [EXCHANGE_AUDIENCE],
        "sub": DIGITS,
        "iat": NOW - timedelta(minutes=1),
        "exp": NOW + timedelta(hours=1),
    }
    return jwt.encode({**claims, **changed}, key, algorithm="ES256")


def asserted(token: str, **changed: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "client_id": "client", "scope": STORAGE}
    return {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": token, **changed}


def answer(form: dict[str, str], tenant: str = "tenant") -> tuple[int, dict[str, Any]]:
    return entra_token(tenant, form, GRANTS, KEYS, NOW)


def test_a_federated_account_gets_a_token_as_azurite_wants_it() -> None:
    status, body = answer(asserted(account_token()))
    claims = jwt.decode(
        body["access_token"], KEYS.signing.public_key(), ["ES256"], audience="https://storage.azure.com"
    )
    assert (status, claims["appid"], claims["iss"]) == (200, "client", "https://sts.windows.net/tenant/")
    assert claims["nbf"] <= claims["iat"] < claims["exp"]


@pytest.mark.parametrize(
    ("form", "number"),
    [
        (asserted(account_token(sub=subject("vision", "other"))), 700213),
        (asserted(account_token(aud=["https://kubernetes.default.svc.cluster.local"])), 700212),
        (asserted(account_token(iss="https://elsewhere")), 700212),
        (asserted(account_token(ec.generate_private_key(ec.SECP256R1()))), 700212),
        (asserted(account_token(exp=NOW - timedelta(hours=1))), 700024),
        (asserted("no token"), 700212),
        (asserted(account_token(), client_id="nobody"), 700016),
        (asserted(account_token(), scope="https://graph.microsoft.com/.default"), 500011),
        (asserted(account_token(), grant_type="password"), 70003),
        ({"grant_type": "client_credentials", "client_id": "robot", "client_secret": "no"}, 7000215),
        ({"grant_type": "client_credentials", "client_id": "client", "client_secret": ""}, 7000215),
    ],
)
def test_everybody_else_is_told_why_not(form: dict[str, str], number: int) -> None:
    status, body = answer(form)
    assert (status >= 400, body["error_codes"]) == (True, [number])


def test_an_unknown_tenant_is_refused_at_discovery() -> None:
    assert answer(asserted(account_token()), "elsewhere")[1]["error_codes"] == [90002]
    assert openid_configuration("elsewhere", GRANTS)[0] == 400
    assert openid_configuration("tenant", GRANTS)[0] == 200


def test_a_client_secret_is_enough() -> None:
    form = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": "pass", "scope": STORAGE}
    assert answer(form)[0] == 200


def test_a_registry_token_grants_what_was_asked_for_and_no_more() -> None:
    scopes = ["repository:team/digits:pull", "registry:catalog:*"]
    status, body = registry_token("aiapp", "tokens.aiapp.test", scopes, KEYS, NOW)
    claims = jwt.decode(body["token"], KEYS.signing.public_key(), ["ES256"], audience="tokens.aiapp.test")
    assert (status, claims["access"]) == (
        200,
        [
            {"type": "repository", "name": "team/digits", "actions": ["pull"]},
            {"type": "registry", "name": "catalog", "actions": ["*"]},
        ],
    )
    assert registry_token("aiapp", "registry.aiapp.test:5000", scopes, KEYS, NOW)[0] == 400


def test_the_registry_finds_the_key_by_its_name() -> None:
    pem = KEYS.signing.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = registry_token("aiapp", "tokens.aiapp.test", [], KEYS, NOW)[1]["token"]
    found = jwt.PyJWKSet.from_json(key_set(pem))[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, found, audience="tokens.aiapp.test")["sub"] == "aiapp"


def test_grants_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "identity").mkdir()
    assert read_grants(tmp_path) == []
    for grant in GRANTS:
        add_grant(tmp_path, grant)
    assert read_grants(tmp_path) == GRANTS
    assert "pass" not in repr(GRANTS)


def test_a_pull_secret_is_for_every_registry() -> None:
    login = RegistryCredentials("aiapp", "pass")
    hosts = ("registry.aiapp.test:5000", "tokens.aiapp.test:5001")
    written = json.loads(base64.b64decode(pull_secret_data(dict.fromkeys(hosts, login))))
    assert written["auths"] == {host: {"auth": base64.b64encode(b"aiapp:pass").decode()} for host in hosts}
