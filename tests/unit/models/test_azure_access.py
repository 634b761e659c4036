"""Spec and Secret to an address and credentials."""

from datetime import UTC, datetime, timedelta

import pytest

from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.azure_access import BlobAccess, blob_access, sas_problem
from inputs.case import Refused
from inputs.sources import ENDPOINTS

KEY = "c2VjcmV0LWNhbmFyeQ=="
SAS = "sv=2026-10-06&sp=rl&se=2027-01-01T00:00:00Z&sig=secret-canary%3D"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def refused(credentials: dict[str, str] | None, endpoint: str = "") -> SourceError:
    with pytest.raises(SourceError) as caught:
        blob_access("contosomodels", endpoint, credentials)
    for secret in ("canary", KEY, *(value for value in (credentials or {}).values() if len(value) > 8)):
        assert secret not in str(caught.value)
    return caught.value


def test_without_endpoint_the_account_has_its_public_name() -> None:
    assert blob_access("contosomodels", "", None) == BlobAccess(
        "contosomodels", "https://contosomodels.blob.core.windows.net"
    )
    sovereign = blob_access("contosomodels", "https://contosomodels.blob.core.chinacloudapi.cn/", None)
    assert sovereign.url == "https://contosomodels.blob.core.chinacloudapi.cn"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://contoso.blob.core.windows.net", "file:///etc/passwd", "contoso.blob.core.windows.net", "https://",
        "https://user:canary-password@host", "https://host?sig=canary", "https://host#x", "https://h\\ost", "https://[::1",
        "https://h\u00f6st", "https://host:99999",
    ],
)  # fmt: skip
def test_an_endpoint_is_a_plain_https_address(endpoint: str) -> None:
    assert refused(None, endpoint).reason is Reason.SOURCE_INVALID
    assert refused({"connectionString": f"AccountKey={KEY};BlobEndpoint={endpoint}"}).reason is Reason.SECRET_INVALID


@pytest.mark.parametrize("case", ENDPOINTS, ids=lambda case: case.id)
def test_an_endpoint_that_the_api_refuses_is_no_better_in_a_secret(case: Refused) -> None:
    endpoint = str(case.patch[case.field])
    assert refused(None, endpoint).reason is Reason.SOURCE_INVALID
    assert refused({"connectionString": f"AccountKey={KEY};BlobEndpoint={endpoint}"}).reason is Reason.SECRET_INVALID


@pytest.mark.parametrize("suffix", ["svc.cluster.local", "core.windows.net:8443", "core.windows.net/x", "@127.0.0.1"])
def test_the_suffix_in_a_connection_string_leads_nowhere_else(suffix: str) -> None:
    assert refused({"connectionString": f"AccountKey={KEY};EndpointSuffix={suffix}"}).reason is Reason.SECRET_INVALID


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
    assert blob_access("contosomodels", "", {"connectionString": string}) == BlobAccess("contosomodels", url, KEY)


def test_the_endpoint_of_the_spec_wins_over_the_connection_string() -> None:
    string = f"AccountKey={KEY};BlobEndpoint=http://elsewhere"
    assert blob_access("contosomodels", "https://models.contoso.com", {"connectionString": string}).url == (
        "https://models.contoso.com"
    )


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({}, "has none (its keys: none)"),
        ({"password": "canary"}, "has none (its keys: 'password')"),
        ({"accountKey": KEY, "sasToken": SAS}, "accountKey and sasToken"),
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
    assert (error.reason, error.transient) == (Reason.SECRET_INVALID, False)
    assert words in error.message


def test_credentials_do_not_show_in_the_value() -> None:
    for credentials in ({"accountKey": KEY}, {"sasToken": SAS}):
        assert "canary" not in repr(blob_access("contosomodels", "", credentials))
        assert KEY not in repr(blob_access("contosomodels", "", credentials))


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
