"""Spec and Secret to an address and a way in."""

from datetime import UTC, datetime, timedelta

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import AccessToken, Anonymous, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.azure_access import BlobAccess, ClientSecret, blob_access, sas_problem
from inputs.urls import ENDPOINT_CASES, UrlCase

KEY = "c2VjcmV0LWNhbmFyeQ=="
SAS = "sv=2026-10-06&sp=rl&se=2027-01-01T00:00:00Z&sig=secret-canary%3D"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
PUBLIC = "https://login.microsoftonline.com"
APPLICATION = {"tenantID": "contoso.onmicrosoft.com", "clientID": "11111111-2222", "clientSecret": "secret-canary"}
RULES = NetworkRules.parse("http://minio.storage.svc:9000", "10.244.0.0/16")


class Identity:
    def token(self, scope: str) -> AccessToken:
        raise AssertionError(scope)


def access(credentials: dict[str, str] | Credentials | None, endpoint: str = "", authority: str = PUBLIC) -> BlobAccess:
    reader = SecretValues(credentials) if isinstance(credentials, dict) else credentials or Anonymous()
    return blob_access("contosomodels", endpoint, reader, RULES, authority)


def refused(credentials: dict[str, str] | Credentials | None, endpoint: str = "") -> SourceError:
    with pytest.raises(SourceError) as caught:
        access(credentials, endpoint)
    values = credentials.values() if isinstance(credentials, dict) else ()
    for secret in ("canary", KEY, *(value for value in values if len(value) > 8)):
        assert secret not in str(caught.value)
    assert not caught.value.transient
    return caught.value


def test_without_endpoint_the_account_has_its_public_name() -> None:
    assert access(None) == BlobAccess("contosomodels", "https://contosomodels.blob.core.windows.net")
    sovereign = access(None, "https://contosomodels.blob.core.chinacloudapi.cn/")
    assert sovereign.url == "https://contosomodels.blob.core.chinacloudapi.cn"


@pytest.mark.parametrize(
    ("authority", "suffix"),
    [
        (PUBLIC, "core.windows.net"),
        ("https://login.microsoftonline.us/", "core.usgovcloudapi.net"),
        ("https://login.chinacloudapi.cn", "core.chinacloudapi.cn"),
        ("https://login.contoso.example", "core.windows.net"),
    ],
)
def test_an_identity_goes_to_its_clouds_own_storage(authority: str, suffix: str) -> None:
    url = f"https://contosomodels.blob.{suffix}"
    assert access(Identity(), authority=authority).url == url
    assert access(APPLICATION, authority=authority).url == url
    assert access({"accountKey": KEY}, authority=authority).url == url


@pytest.mark.parametrize("endpoint", ["https://contosomodels.blob.core.windows.net", "https://models.contoso.com"])
def test_no_bearer_token_goes_to_an_endpoint_of_somebodys_choice(endpoint: str) -> None:
    assert refused(Identity(), endpoint).reason is Reason.SOURCE_INVALID
    assert refused(APPLICATION, endpoint).reason is Reason.SOURCE_INVALID


@pytest.mark.parametrize("case", ENDPOINT_CASES, ids=lambda case: case.url)
def test_an_endpoint_is_judged_by_the_rules_wherever_it_is_from(case: UrlCase) -> None:
    from_secret = {"connectionString": f"AccountKey={KEY};BlobEndpoint={case.url}"}
    if case.refusal:
        assert refused(None, case.url).reason is Reason.ENDPOINT_REFUSED
        unprintable = (
            Reason.ENDPOINT_REFUSED if case.url.isascii() and case.url.isprintable() else Reason.SECRET_INVALID
        )
        assert refused(from_secret).reason is unprintable
    else:
        assert access(None, case.url).url == access(from_secret).url == case.url.removesuffix("/")


def test_an_endpoint_has_no_path() -> None:
    assert "after host and port" in refused(None, "https://models.contoso.com/devstoreaccount1").message


@pytest.mark.parametrize("suffix", ["svc.cluster.local", "core.windows.net:8443", "core.windows.net/x", "@127.0.0.1"])
def test_the_suffix_in_a_connection_string_leads_nowhere_else(suffix: str) -> None:
    assert refused({"connectionString": f"AccountKey={KEY};EndpointSuffix={suffix}"}).reason is Reason.ENDPOINT_REFUSED


@pytest.mark.parametrize("account", ["evil.example/", "a", "contoso@evil", "CONTOSO", "contoso.evil", "a" * 25])
def test_an_accounts_name_cannot_lead_elsewhere(account: str) -> None:
    with pytest.raises(SourceError) as caught:
        blob_access(account, "", Anonymous(), RULES, PUBLIC)
    assert caught.value.reason is Reason.SOURCE_INVALID


@pytest.mark.parametrize(
    ("string", "url"),
    [
        (f"AccountName=contosomodels;AccountKey={KEY}", "https://contosomodels.blob.core.windows.net"),
        (
            f"accountkey={KEY};endpointsuffix=core.usgovcloudapi.net;",
            "https://contosomodels.blob.core.usgovcloudapi.net",
        ),
        (f"AccountKey={KEY};BlobEndpoint=https://models.contoso.com/", "https://models.contoso.com"),
        (f"DefaultEndpointsProtocol=http;AccountKey={KEY}", "https://contosomodels.blob.core.windows.net"),
    ],
)
def test_a_connection_string_names_the_endpoint(string: str, url: str) -> None:
    assert access({"connectionString": string}) == BlobAccess("contosomodels", url, KEY)


def test_the_endpoint_of_the_spec_wins_over_the_connection_string() -> None:
    string = f"AccountKey={KEY};BlobEndpoint=http://elsewhere"
    assert access({"connectionString": string}, "https://models.contoso.com").url == "https://models.contoso.com"


def test_a_client_secret_needs_its_application() -> None:
    expected = ClientSecret("contoso.onmicrosoft.com", "11111111-2222", "secret-canary")
    assert access(APPLICATION).client_secret == expected
    assert "canary" not in repr(access(APPLICATION))
    for key in ("tenantID", "clientID"):
        assert f"{key} is missing" in refused({**APPLICATION, key: " "}).message
        assert "the ids that the Azure portal shows" in refused({**APPLICATION, key: "../x"}).message


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({}, "has none (its keys: none)"),
        ({"password": "canary"}, "has none (its keys: 'password')"),
        ({"accountKey": KEY, "sasToken": SAS}, "accountKey and sasToken"),
        ({"accountKey": KEY, **APPLICATION}, "accountKey and clientSecret"),
        ({"accountKey": " \n"}, "accountKey is empty"),
        ({"accountKey": "canary, not base64"}, "accountKey is not base64"),
        ({"accountKey": "canary\nKEY"}, "no line of ASCII text"),
        ({"sasToken": f"https://contosomodels.blob.core.windows.net/models?{SAS}"}, "whole URL"),
        ({"sasToken": "sv=canary-and-no-more"}, "no signature"),
        ({"connectionString": f"AccountName=other;AccountKey={KEY}"}, "of account 'other'"),
        ({"connectionString": "UseDevelopmentStorage=true"}, "neither AccountKey nor"),
        ({"connectionString": "canary"}, "neither AccountKey nor"),
    ],
)
def test_a_secret_that_cannot_work_is_refused_by_the_names_of_its_keys(credentials: dict[str, str], words: str) -> None:
    error = refused(credentials)
    assert error.reason is Reason.SECRET_INVALID
    assert words in error.message


def test_credentials_do_not_show_in_the_value() -> None:
    for credentials in ({"accountKey": KEY}, {"sasToken": SAS}):
        assert "canary" not in repr(access(credentials))
        assert KEY not in repr(access(credentials))
        assert KEY not in repr(SecretValues(credentials))


@pytest.mark.parametrize(
    ("sas", "words"),
    [
        (SAS, ""),
        (SAS.replace("se=2027-01-01T00:00:00Z", "se=2026-11-22"), "expired at 2026-11-22T00:00:00Z"),
        (SAS.replace("sv=", "st=2026-12-01T00:00Z&sv="), "valid from 2026-12-01T00:00:00Z"),
        (SAS.replace("sp=rl", "sp=r"), "permission to list"),
        (SAS.replace("sp=rl", "sp=w"), "permission to read and list"),
        ("si=stored-policy&sig=x", ""),
        ("se=whenever&sig=x", ""),
    ],
)
def test_a_sas_tells_what_is_wrong_with_it(sas: str, words: str) -> None:
    problem = sas_problem(sas, NOW)
    assert (words in problem) if words else not problem


def test_a_sas_ends_with_its_expiry_to_the_second() -> None:
    assert not sas_problem(SAS, datetime(2027, 1, 1, tzinfo=UTC) - timedelta(seconds=1))
    assert sas_problem(SAS, datetime(2027, 1, 1, tzinfo=UTC))
