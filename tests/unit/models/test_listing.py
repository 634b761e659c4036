"""What a listing says of a version, whichever store it is from."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import MAX_SUMS_BYTES, ModelFile
from aiapp_models.stores.listing import StoredFile, check_version, complete, is_version, marker

WRITTEN = datetime(2026, 11, 23, 8, tzinfo=UTC)
SHA = hashlib.sha256(b"weights").hexdigest()
SUMS = f"{SHA}  model.npz\n".encode()
LISTED = {
    "model.npz": StoredFile(7, "0x1", datetime(2026, 11, 23, 7, tzinfo=UTC)),
    "SHA256SUMS": StoredFile(len(SUMS), "0x2", WRITTEN),
    "notes.txt": StoredFile(1, "0x3", WRITTEN),
}
WHERE = "contosomodels/models/digits/3"


def refused(**changes: StoredFile) -> SourceError:
    with pytest.raises(SourceError) as caught:
        complete("3", WHERE, LISTED | changes, SUMS)
    assert caught.value.message.startswith(WHERE)
    return caught.value


def test_a_version_is_what_its_marker_lists_from_when_that_was_written() -> None:
    assert marker(LISTED, WHERE).etag == "0x2"
    manifest = complete("3", WHERE, LISTED, SUMS)
    assert manifest.files == (ModelFile("model.npz", 7, "0x1", SHA),)
    assert (manifest.published, manifest.size_bytes, manifest.unlisted) == (WRITTEN, 7, ("notes.txt",))


def test_equal_bytes_written_again_change_the_manifest_and_not_the_content() -> None:
    before, after = (complete("3", WHERE, listed, SUMS) for listed in (LISTED, _written_again()))
    assert before.digest == after.digest
    assert before.manifest_digest != after.manifest_digest
    assert before.manifest_digest.startswith("sha256:")


def _written_again() -> dict[str, StoredFile]:
    return LISTED | {"model.npz": replace(LISTED["model.npz"], etag="0x9")}


@pytest.mark.parametrize(
    ("stored", "reason", "words"),
    [
        ({}, Reason.MODEL_MISSING, "upload the version"),
        ({"model.npz": LISTED["model.npz"]}, Reason.MODEL_INCOMPLETE, "sha256sum"),
        ({"SHA256SUMS": StoredFile(MAX_SUMS_BYTES + 1, "0x2", WRITTEN)}, Reason.MODEL_TOO_LARGE, "larger than"),
    ],
)
def test_a_folder_without_a_usable_marker_is_no_version(
    stored: dict[str, StoredFile], reason: Reason, words: str
) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        marker(stored, WHERE)
    assert caught.value.reason is reason


def test_an_archived_file_says_how_it_becomes_readable() -> None:
    error = refused(**{"model.npz": replace(LISTED["model.npz"], archived="set its tier to Hot")})
    assert (error.reason, "set its tier to Hot" in error.message) == (Reason.MODEL_ARCHIVED, True)


@pytest.mark.parametrize("etag", ["", "0x1\r\nX-Other: 1", "\u00fc"])
def test_an_etag_that_is_no_header_is_refused(etag: str) -> None:
    assert refused(**{"model.npz": replace(LISTED["model.npz"], etag=etag)}).reason is Reason.STORE_REFUSED


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "C:", "dot.", "a\nb"])
def test_a_folder_with_such_a_name_is_no_version(name: str) -> None:
    assert not is_version(name)
    with pytest.raises(SourceError) as caught:
        check_version(name)
    assert caught.value.reason is Reason.UNSAFE_PATH


def test_people_name_versions_as_they_like() -> None:
    assert all(map(is_version, ["42", "v1.2.3-rc.1+build", "2026-11-23T10.00", "m\u00fcnchen", "a b"]))


@pytest.mark.parametrize("odd", [{"etag": ""}, {"etag": "a\r\nb"}, {"size": -1}, {"size": 2**63}])
@pytest.mark.parametrize("name", ["model.npz", "SHA256SUMS"])
def test_what_no_store_lists_is_refused(name: str, odd: dict[str, Any]) -> None:
    listed = LISTED | {name: replace(LISTED[name], **odd)}
    look = partial(marker, listed, WHERE) if name == "SHA256SUMS" else partial(complete, "3", WHERE, listed, SUMS)
    with pytest.raises(SourceError, match=f"{WHERE}/{name}: its (ETag|size)") as caught:
        look()
    assert caught.value.reason is Reason.STORE_REFUSED
