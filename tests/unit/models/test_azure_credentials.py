"""What ranges are read with, and what the SDK gets."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from aiapp_models.credentials import AccessToken
from aiapp_models.stores.azure_access import BlobAccess
from aiapp_models.stores.azure_credentials import SAS_LIFE, STORAGE_SCOPE, ReadingSas, sdk_credential

URL = "https://contosomodels.blob.core.windows.net"
KEY = "c2VjcmV0LWNhbmFyeQ=="
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Identity:
    def __init__(self) -> None:
        self.scopes: list[str] = []

    def token(self, scope: str) -> AccessToken:
        self.scopes.append(scope)
        return AccessToken("bearer-canary", 1.5e9)


def test_an_account_key_signs_short_lived_leave_to_read() -> None:
    made = ReadingSas(BlobAccess("contosomodels", URL, account_key=KEY), "models").token(NOW)
    fields = parse_qs(made)
    assert (fields["sp"], fields["sr"]) == (["r"], ["c"])
    assert fields["se"] == ["2026-11-23T13:00:00Z"]
    assert KEY not in made


def test_it_is_renewed_long_before_its_end() -> None:
    reading = ReadingSas(BlobAccess("contosomodels", URL, account_key=KEY), "models")
    first = reading.token(NOW)
    assert reading.token(NOW + SAS_LIFE / 2 - timedelta(seconds=1)) == first
    second = reading.token(NOW + SAS_LIFE / 2)
    assert second != first
    assert parse_qs(second)["se"] == ["2026-11-23T13:30:00Z"]


def test_a_given_sas_is_used_as_it_is_and_anonymous_access_has_none() -> None:
    assert ReadingSas(BlobAccess("contosomodels", URL, sas_token="sig=canary"), "models").token(NOW) == "sig=canary"
    assert ReadingSas(BlobAccess("contosomodels", URL), "models").token(NOW) == ""
    assert sdk_credential(BlobAccess("contosomodels", URL), None) is None


def test_the_sdk_gets_tokens_for_storage_whatever_an_answer_asks_for() -> None:
    identity = Identity()
    credential = sdk_credential(BlobAccess("contosomodels", URL, identity=identity), identity)
    assert credential is not None
    get_token = getattr(credential, "get_token", None)
    assert get_token is not None
    assert get_token("https://management.azure.com/.default", tenant_id="evil").token == "bearer-canary"
    assert identity.scopes == [STORAGE_SCOPE]
