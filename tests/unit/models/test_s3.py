"""Versions in a bucket, read from a server in memory; the end-to-end tests read from a real one."""

import secrets
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
import urllib3

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, SumLine, content_digest
from aiapp_models.stores import ModelStore, open_store
from aiapp_models.stores.connection import Network
from stand_ins.s3_server import ACCESS_KEY, BUCKET, HTTP_DATE, WRITTEN, Bucket, Refusal, s3_server

FILES = {"model.npz": b"weights" * 100_000, "labels/na mes é+.json": b'["a"]', "empty": b""}
SECRET = secrets.token_hex(20)
KEYS = SecretValues({"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET})


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(urllib3.Retry, "sleep", lambda *_: None)
    with s3_server() as bucket:
        bucket.put("digits/1", FILES)
        bucket.put("digits/10", {"other.npz": b"ten"})
        yield bucket


def store(served: Bucket, credentials: Credentials = KEYS, **changed: str) -> ModelStore:
    source = {"bucket": BUCKET, "path": "digits", "region": "eu-west-1", "endpoint": served.endpoint, **changed}
    return open_store({"s3": source}, credentials, Network(rules=NetworkRules.parse(served.endpoint, "")))


def read(opened: ModelStore, version: str, file: ModelFile, offset: int = 0, length: int | None = None) -> bytes:
    content, got = bytearray(file.size if length is None else length), 0
    if not content:
        return b""
    reader = opened.open_range(version, file, offset, len(content))
    while count := reader.readinto(memoryview(content)[got:]):
        got += count
    reader.close()
    return bytes(content[:got])


def refused(served: Bucket, version: str = "1", credentials: Credentials = KEYS, **changed: str) -> SourceError:
    with store(served, credentials, **changed) as opened, pytest.raises(SourceError) as caught:
        opened.manifest(version)
    return caught.value


def test_a_version_is_read_by_ranges(bucket: Bucket) -> None:
    with store(bucket) as opened:
        manifest = opened.manifest("1")
        content = {file.path: read(opened, "1", file) for file in manifest.files}
        weights = next(file for file in manifest.files if file.path == "model.npz")
        assert read(opened, "1", weights, 7, 14) == b"weights" * 2
    assert content == FILES
    sums = bucket.files["digits/1/SHA256SUMS"].decode().splitlines()
    assert manifest.digest == content_digest(SumLine(*line.split("  ")) for line in sums)
    assert (manifest.published, manifest.size_bytes) == (WRITTEN, sum(map(len, FILES.values())))


def test_a_path_is_a_folder_and_not_a_prefix(bucket: Bucket) -> None:
    with store(bucket) as opened:
        assert [file.path for file in opened.manifest("10").files] == ["other.npz"]
        manifest = opened.manifest("1")
    assert [*(file.path for file in manifest.files), *manifest.unlisted] == sorted(FILES)


def test_names_are_those_of_folders_page_by_page_and_nothing_is_looked_into(bucket: Bucket) -> None:
    bucket.put("digits-old/9", {"a": b"a"})
    bucket.files["digits/README.md"] = b"no folder"
    bucket.files["digits/"] = b""
    bucket.put("digits/ends in a dot.", {"a": b"a"})
    for number in range(20):
        bucket.put(f"digits/v{number}", {"a": b"a", "b": b"b"})
    bucket.page, bucket.requests = 10, []
    with store(bucket) as opened:
        assert list(opened.names()) == sorted(["1", "10", *(f"v{number}" for number in range(20))])
    assert [method for method, _, _ in bucket.requests] == ["GET"] * 3


def test_a_version_is_published_when_its_marker_was_written_which_one_head_tells(bucket: Bucket) -> None:
    bucket.put("digits/2", {"a": b"half"}, marker=False)
    with store(bucket) as opened:
        assert (opened.published("1"), opened.published("2"), opened.published("3")) == (WRITTEN, None, None)
    assert [method for method, _, _ in bucket.requests] == ["HEAD"] * 3


def test_a_file_replaced_after_the_manifest_is_not_read(bucket: Bucket) -> None:
    with store(bucket) as opened:
        file = next(file for file in opened.manifest("1").files if file.path == "model.npz")
        bucket.files["digits/1/model.npz"] = b"WEIGHTS" * 100_000
        with pytest.raises(SourceError) as caught:
            opened.open_range("1", file, 0, file.size)
    assert (caught.value.reason, caught.value.transient) == (Reason.MODEL_CHANGED, True)


def test_files_that_sha256sums_does_not_list_are_no_part_of_the_version(bucket: Bucket) -> None:
    bucket.files["digits/1/README.md"] = b"read"
    bucket.files["digits/1/folder/"] = b""
    with store(bucket) as opened:
        manifest = opened.manifest("1")
    assert [file.path for file in manifest.files] == sorted(FILES)
    assert manifest.unlisted == ("README.md",)


def test_missing_things_are_named(bucket: Bucket) -> None:
    assert (error := refused(bucket, "3")).reason is Reason.MODEL_MISSING
    assert f"{BUCKET}/digits/3" in error.message
    assert "no such bucket" in refused(bucket, bucket="nowhere").message
    bucket.put("digits/4", {"model.npz": b"half"}, marker=False)
    assert (error := refused(bucket, "4")).reason is Reason.MODEL_INCOMPLETE
    assert "sha256sum" in error.message
    del bucket.files["digits/1/model.npz"]
    assert (error := refused(bucket)).reason is Reason.MODEL_INCOMPLETE
    assert "'model.npz'" in error.message


def test_an_archived_file_is_named(bucket: Bucket) -> None:
    bucket.classes["digits/1/model.npz"] = "DEEP_ARCHIVE"
    error = refused(bucket)
    assert (error.reason, "model.npz" in error.message) == (Reason.MODEL_ARCHIVED, True)


@pytest.mark.parametrize("version", ["..", "1/../10", "1/2", "", "a\\b"])
def test_a_version_is_the_name_of_one_folder(bucket: Bucket, version: str) -> None:
    assert refused(bucket, version).reason is Reason.UNSAFE_PATH
    assert bucket.requests == []


@pytest.mark.parametrize(
    ("refusal", "reason", "words"),
    [
        (Refusal(403, "AccessDenied"), Reason.STORE_FORBIDDEN, "s3:ListBucket and s3:GetObject"),
        (Refusal(403, "SignatureDoesNotMatch"), Reason.STORE_FORBIDDEN, "secret access key"),
        (Refusal(400, "ExpiredToken"), Reason.STORE_FORBIDDEN, "session token has expired"),
        (Refusal(403, "RequestTimeTooSkewed"), Reason.STORE_FORBIDDEN, "time of the request"),
        (Refusal(400, "AuthorizationHeaderMalformed"), Reason.STORE_REFUSED, "another region"),
        (Refusal(301, "PermanentRedirect", {"Location": "https://example.com/"}), Reason.STORE_REFUSED, "region"),
        (Refusal(503, "SlowDown", {"Retry-After": "7"}), Reason.STORE_UNREACHABLE, "overloaded"),
        (Refusal(429), Reason.STORE_UNREACHABLE, "overloaded"),
        (Refusal(500, "InternalError"), Reason.STORE_UNREACHABLE, "trouble of its own"),
        (Refusal(400, "Unheard"), Reason.STORE_REFUSED, "HTTP 400 Unheard"),
        (Refusal(404), Reason.MODEL_MISSING, "endpoint"),
        (Refusal(200, body=b"<html><body>Sign in</body></html>"), Reason.STORE_REFUSED, "does not answer as S3"),
        (Refusal(200, body=b"Welcome & sign in"), Reason.STORE_REFUSED, "does not answer as S3"),
    ],
)
def test_refusals_are_put_into_words(bucket: Bucket, refusal: Refusal, reason: Reason, words: str) -> None:
    bucket.refusal = refusal
    error = refused(bucket)
    assert (error.reason, words in error.message) == (reason, True), error.message
    assert error.transient == (reason is Reason.STORE_UNREACHABLE)
    assert error.retry_after == (7 if refusal.headers.get("Retry-After") else None)


def test_a_wrong_clock_comes_before_everything_else(bucket: Bucket) -> None:
    behind = datetime.now(UTC) + timedelta(minutes=20)
    bucket.refusal = Refusal(403, "AccessDenied", {"Date": behind.strftime(HTTP_DATE)})
    assert "20 minutes behind the store's" in refused(bucket).message


def test_a_store_with_trouble_is_asked_again_and_then_given_up(bucket: Bucket) -> None:
    bucket.refusal = Refusal(503, "SlowDown")
    refused(bucket)
    assert len(bucket.requests) == 3


def test_a_range_that_is_refused_is_put_into_words_too(bucket: Bucket) -> None:
    with store(bucket) as opened:
        file = opened.manifest("10").files[0]
        bucket.refusal = Refusal(403, "AccessDenied")
        with pytest.raises(SourceError) as caught:
            opened.open_range("10", file, 0, 3)
    assert (caught.value.reason, "digits/10/other.npz" in caught.value.message) == (Reason.STORE_FORBIDDEN, True)


def test_a_session_token_goes_along_in_both_ways_of_asking(bucket: Bucket) -> None:
    keys = SecretValues({**KEYS.values, "sessionToken": "temporary/token=="})
    with store(bucket, keys) as opened:
        read(opened, "10", opened.manifest("10").files[0])
    (_, _, listing), (_, path, _) = bucket.requests[0], bucket.requests[-1]
    assert listing["x-amz-security-token"] == "temporary/token=="
    assert "X-Amz-Security-Token=temporary" in path


def test_anonymous_readers_sign_nothing(bucket: Bucket) -> None:
    error = refused(bucket, credentials=Anonymous())
    assert (error.reason, "only anonymous access was tried" in error.message) == (Reason.STORE_FORBIDDEN, True)
    assert "authorization" not in bucket.requests[0][2]


def test_an_endpoint_that_nobody_listed_is_not_asked(bucket: Bucket) -> None:
    source = {"bucket": BUCKET, "path": "digits", "endpoint": bucket.endpoint}
    with pytest.raises(SourceError) as caught:
        open_store({"s3": source}, KEYS, Network())
    assert caught.value.reason is Reason.ENDPOINT_REFUSED
    assert bucket.requests == []


def test_no_secret_is_in_any_text(bucket: Bucket) -> None:
    texts = []
    for refusal in (Refusal(403, "SignatureDoesNotMatch"), Refusal(200, body=b"<html/>"), Refusal(503, "SlowDown")):
        bucket.refusal = refusal
        error = refused(bucket, credentials=SecretValues({**KEYS.values, "sessionToken": "temporary"}))
        texts.append("".join(traceback.format_exception(error)))
    with store(bucket) as opened:
        texts.append(f"{KEYS}{vars(opened)}")
    assert SECRET not in "".join(texts)
    assert "temporary" not in "".join(texts)


def headers_of(requests: list[tuple[str, str, dict[str, str]]], name: str) -> Mapping[str, str]:
    return {path: headers[name] for _, path, headers in requests if name in headers}


def test_every_file_is_asked_for_by_its_etag(bucket: Bucket) -> None:
    with store(bucket) as opened:
        read(opened, "10", opened.manifest("10").files[0])
    asked = [path for _, path, _ in bucket.requests if "list-type" not in path]
    assert list(headers_of(bucket.requests, "if-match")) == asked
    assert len(asked) == 2
