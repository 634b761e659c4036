"""Where a bucket is and how it is entered, from the spec and the Secret."""

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import AccessToken, Anonymous, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.s3_access import S3Access, s3_access

SOURCE = {"bucket": "models", "path": "/digits/", "region": "eu-west-1"}
KEYS = {"accessKeyId": "AKIAIOSFODNN7", "secretAccessKey": "top/secret+key"}
HOLDER = SecretValues(KEYS)
LISTED = NetworkRules.parse("http://minio.corp.example:9000,minio.models.svc", "")


class Identity:
    def token(self, scope: str) -> AccessToken:
        raise AssertionError(scope)


def access(credentials: Credentials = HOLDER, **changed: str) -> S3Access:
    return s3_access({**SOURCE, **changed}, credentials, LISTED)


def refused(credentials: Credentials = HOLDER, **changed: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        access(credentials, **changed)
    return caught.value


def test_aws_is_found_by_the_region() -> None:
    assert access().url == "https://s3.eu-west-1.amazonaws.com"
    assert access(region="cn-north-1").url == "https://s3.cn-north-1.amazonaws.com.cn"
    assert access().path == "digits"


@pytest.mark.parametrize(
    "endpoint", ["https://minio.corp.example", "http://minio.corp.example:9000", "https://minio.models.svc/"]
)
def test_another_service_is_found_by_its_endpoint_and_needs_no_region(endpoint: str) -> None:
    found = access(endpoint=endpoint, region="")
    assert (found.url, found.region) == (endpoint.removesuffix("/"), "us-east-1")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://other.corp.example",
        "https://minio.other.svc",
        "https://169.254.169.254",
        "https://localhost",
        "https://minio.corp.example/bucket",
        "https://user:hunter2@minio.corp.example",
        "ftp://minio.corp.example",
    ],
)
def test_an_endpoint_that_the_rules_do_not_allow_is_refused(endpoint: str) -> None:
    error = refused(endpoint=endpoint)
    assert (error.reason, "hunter2" in error.message) == (Reason.ENDPOINT_REFUSED, False)


@pytest.mark.parametrize(
    "bucket", ["", "ab", "Models", "mo..dels", "-models", "models/", "10.0.0.1", "a" * 64, "mod_els"]
)
def test_a_bucket_has_a_buckets_name(bucket: str) -> None:
    assert refused(bucket=bucket).reason is Reason.SOURCE_INVALID


@pytest.mark.parametrize("region", ["", "eu west", "eu-west-1.evil.example", "EU", "-eu"])
def test_a_region_has_a_regions_name(region: str) -> None:
    assert refused(region=region).reason is Reason.SOURCE_INVALID


def test_a_path_stays_in_the_bucket() -> None:
    assert refused(path="../other").reason is Reason.UNSAFE_PATH


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "accessKeyId and secretAccessKey are missing"),
        ({"accessKeyId": "AKIA"}, "secretAccessKey is missing or empty (its keys: 'accessKeyId')"),
        ({**KEYS, "secretAccessKey": " \n"}, "secretAccessKey is missing or empty"),
        ({**KEYS, "secretAccessKey": "two words"}, "secretAccessKey is no single word"),
        ({**KEYS, "sessionToken": "with\nbreak"}, "sessionToken is no single word"),
    ],
)
def test_a_secret_that_is_not_whole_is_refused_by_its_keys(values: dict[str, str], words: str) -> None:
    error = refused(SecretValues(values))
    assert error.reason is Reason.SECRET_INVALID
    assert words in error.message
    assert not any(value in error.message for value in ("two words", "AKIA", KEYS["secretAccessKey"]))


def test_line_breaks_around_a_value_do_not_count() -> None:
    found = access(SecretValues({key: f"{value}\n" for key, value in KEYS.items()}))
    assert found.secret_access_key == KEYS["secretAccessKey"]
    assert "top/secret" not in repr(found)


def test_without_keys_access_is_anonymous_and_an_azure_identity_is_none() -> None:
    assert access(Anonymous()).access_key_id == ""
    assert refused(Identity()).reason is Reason.SOURCE_INVALID
