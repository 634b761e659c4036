"""Tokens of Microsoft Entra ID, and a blob store that is read with them."""

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import AzureIdentity, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import open_store
from aiapp_models.stores.azure_access import ClientSecret
from aiapp_models.stores.azure_credentials import STORAGE_SCOPE
from aiapp_models.stores.azure_identity import ClientSecretIdentity, WorkloadIdentity
from aiapp_models.stores.connection import Network
from aiapp_models.stores.entra_refusals import claims
from stand_ins.azurite import Account, upload
from stand_ins.entra import CLIENT, HOST, SECRET, SUBJECT, TENANT, Entra, entra

Make = Callable[[Entra], AzureIdentity]


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Entra]:
    with entra(tmp_path) as running:
        yield running


def by_workload(issuer: Entra, client: str = CLIENT, tenant: str = TENANT, **token: object) -> WorkloadIdentity:
    subject, minutes = str(token.get("subject", SUBJECT)), float(str(token.get("minutes", 60)))
    return WorkloadIdentity(client, tenant, lambda: issuer.assertion(subject, minutes), issuer.network)


def by_secret(issuer: Entra, secret: str = SECRET, client: str = CLIENT, tenant: str = TENANT) -> ClientSecretIdentity:
    return ClientSecretIdentity(ClientSecret(tenant, client, secret), issuer.network)


def refused(identity: AzureIdentity) -> SourceError:
    with pytest.raises(SourceError) as caught:
        identity.token(STORAGE_SCOPE)
    return caught.value


def posts(issuer: Entra) -> list[str]:
    return [path for path, form in issuer.requests if form]


def test_a_token_is_asked_for_once_while_it_is_good(issuer: Entra) -> None:
    identity = by_workload(issuer)
    with ThreadPoolExecutor(8) as threads:
        tokens = {threads.submit(identity.token, STORAGE_SCOPE) for _ in range(16)}
    assert len({future.result().token for future in tokens}) == 1
    assert [path for path, _ in issuer.requests] == [f"/{TENANT}/oauth2/v2.0/token"]
    assert claims(next(iter(tokens)).result().token)["aud"] == "https://storage.azure.com"


def test_a_client_secret_gets_a_token_without_asking_another_cloud(issuer: Entra) -> None:
    identity = by_secret(issuer)
    assert identity.token(STORAGE_SCOPE).token == identity.token(STORAGE_SCOPE).token
    assert len(posts(issuer)) == 1
    assert not [path for path, _ in issuer.requests if "discovery/instance" in path]


@pytest.mark.parametrize(
    ("identity", "number", "words"),
    [
        (lambda issuer: by_workload(issuer, client="other-client"), 700016, "check clientID and tenantID"),
        (lambda issuer: by_workload(issuer, tenant="other-tenant"), 90002, "check tenantID"),
        (lambda issuer: by_workload(issuer, subject="system:serviceaccount:vision:other"), 700213, "federated"),
        (lambda issuer: by_workload(issuer, minutes=-1), 700024, "check this node's clock"),
        (lambda issuer: by_secret(issuer, secret="wrong-canary"), 7000215, "the secret's value, not its id"),
        (lambda issuer: by_secret(issuer, client="other-client"), 700016, "check clientID and tenantID"),
    ],
    ids=["client", "tenant", "federation", "times", "secret", "client of a secret"],
)
def test_a_refusal_names_the_identity_and_the_fix(issuer: Entra, identity: Make, number: int, words: str) -> None:
    error = refused(identity(issuer))
    assert (error.reason, error.transient) == (Reason.IDENTITY_REFUSED, False)
    assert error.message.endswith(f"(AADSTS{number})")
    assert words in error.message
    assert re.match(r"identity (bbbbbbbb|other-client)\S* of tenant ", error.message)


def test_a_missing_federated_credential_is_written_out(issuer: Entra) -> None:
    error = refused(by_workload(issuer, subject="system:serviceaccount:vision:other"))
    for field in (
        "issuer 'https://kubernetes.default.svc.cluster.local'",
        "subject 'system:serviceaccount:vision:other'",
        "audience 'api://AzureADTokenExchange'",
    ):
        assert field in error.message


def test_a_wrong_clock_is_told_by_the_answers_date(issuer: Entra) -> None:
    issuer.minutes = 20
    assert "check this node's clock: it is 20 minutes behind" in refused(by_workload(issuer, minutes=-1)).message


@pytest.mark.parametrize("make", [by_workload, by_secret], ids=["workload", "secret"])
@pytest.mark.parametrize(
    ("status", "content"),
    [(503, {}), (500, {"error": "temporarily_unavailable"}), (400, {"error": "x", "error_description": "AADSTS90033"})],
)
def test_trouble_of_its_own_is_passing(issuer: Entra, make: Make, status: int, content: dict[str, str]) -> None:
    issuer.answer = (status, content)
    error = refused(make(issuer))
    assert (error.reason, error.transient) == (Reason.STORE_UNREACHABLE, True)
    assert len(posts(issuer)) == 1


@pytest.mark.parametrize("make", [by_workload, by_secret], ids=["workload", "secret"])
def test_no_redirect_takes_an_assertion_elsewhere(issuer: Entra, make: Make) -> None:
    issuer.answer, issuer.location = (307, {}), f"https://{HOST}/elsewhere"
    assert refused(make(issuer)).reason in {Reason.IDENTITY_REFUSED, Reason.STORE_UNREACHABLE}
    assert not [path for path, _ in issuer.requests if "elsewhere" in path]


def test_no_configuration_takes_a_client_secret_elsewhere(issuer: Entra) -> None:
    issuer.token_endpoint = "https://login.evil.example/token"
    error = refused(by_secret(issuer))
    assert error.reason is Reason.ENDPOINT_REFUSED
    assert "another host" in error.message
    assert posts(issuer) == []


def test_an_authority_at_a_forbidden_address_is_not_asked(issuer: Entra) -> None:
    unlisted = Network(issuer.ca_certificate)
    for identity in (
        WorkloadIdentity(CLIENT, TENANT, issuer.assertion, unlisted),
        ClientSecretIdentity(ClientSecret(TENANT, CLIENT, SECRET), unlisted),
    ):
        error = refused(identity)
        assert error.reason is Reason.ENDPOINT_REFUSED
        assert "the machine itself" in error.message
    assert issuer.requests == []


@pytest.mark.parametrize("authority", ["http://login.microsoftonline.com", "https://kubernetes.default.svc"])
def test_the_authority_is_judged_too(authority: str) -> None:
    with pytest.raises(SourceError, match="authority"):
        WorkloadIdentity(
            CLIENT, TENANT, str, Network(rules=NetworkRules.parse(f"http://{HOST}", ""), authority=authority)
        )


@pytest.mark.parametrize(("client", "tenant"), [("", TENANT), (CLIENT, ""), (CLIENT, "../common"), ("a b", TENANT)])
def test_an_id_that_is_none_is_named(client: str, tenant: str) -> None:
    with pytest.raises(SourceError, match=r"clientID|tenantID") as caught:
        WorkloadIdentity(client, tenant, str, Network())
    assert caught.value.reason is Reason.IDENTITY_MISSING


def test_no_secret_is_in_any_text(issuer: Entra, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assertion = issuer.assertion(subject="system:serviceaccount:vision:other")
    workload = WorkloadIdentity(CLIENT, TENANT, lambda: assertion, issuer.network)
    application = by_secret(issuer, secret="wrong-canary")
    texts = [repr(workload), repr(application), repr(ClientSecret(TENANT, CLIENT, "wrong-canary"))]
    texts += ["".join(traceback.format_exception(refused(identity))) for identity in (workload, application)]
    good = by_workload(issuer).token(STORAGE_SCOPE)
    everything = "\n".join([*texts, repr(good), caplog.text])
    assert CLIENT in everything
    for secret in ("wrong-canary", assertion, assertion.rpartition(".")[2], good.token):
        assert secret not in everything


@pytest.mark.parametrize("assertion", ["", "a.b", "a.e30.c", "a.W10.c", "a.eyJpc3MiOjF9.c", "\u00fc.\u00fc"])
def test_what_is_no_token_has_no_claims(assertion: str) -> None:
    assert claims(assertion) == {}


def test_a_store_is_read_by_identity(blob_account: Account, issuer: Entra, tmp_path: Path) -> None:
    """Azurite reads the token's issuer, audience and times; it checks no signature and no role."""
    container = blob_account.container()
    upload(container, "digits/1", {"model.npz": b"weights"})
    both = tmp_path / "both.crt"
    both.write_bytes(blob_account.ca_certificate.read_bytes() + issuer.ca_certificate.read_bytes())
    network = Network(both, NetworkRules.parse(f"{blob_account.name}.blob.core.windows.net,{HOST}", ""))
    place = {"account": blob_account.name, "container": container.container_name, "path": "digits"}
    readers: list[Credentials] = [
        WorkloadIdentity(CLIENT, TENANT, issuer.assertion, network),
        SecretValues({"tenantID": TENANT, "clientID": CLIENT, "clientSecret": SECRET}),
    ]
    for reader in readers:
        with open_store({"azureBlob": place}, reader, network) as store:
            assert list(store.names()) == ["1"]
            assert store.published("1") is not None
            file = store.manifest("1").files[0]
            opened = store.open_range("1", file, 0, file.size)
            buffer = memoryview(bytearray(100))
            assert bytes(buffer[: opened.readinto(buffer)]) == b"weights"
            opened.close()
    assert len(posts(issuer)) == len(readers)
