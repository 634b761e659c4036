"""A version is complete only when it is whole: against a real Azurite and S3, broken off at every step."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import urllib3

from aiapp_models.contract import SHA256SUMS
from aiapp_models.credentials import SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelManifest
from aiapp_models.stores import ModelStore, open_store
from aiapp_models.stores.uploads import Uploader
from aiapp_packing.__main__ import main
from aiapp_packing.destinations import Destination, destination
from aiapp_packing.errors import PackingError
from aiapp_packing.pushing import push
from stand_ins.azurite import Account, sums
from stand_ins.s3_server import ACCESS_KEY, BUCKET, Bucket, s3_server

FILES = {"model.onnx": b"weights" * 50_000, "golden/packed.json": b"{}", "metadata.json": b"", "name é+.txt": b"x"}
SECRET = secrets.token_hex(20)


class Killed(BaseException):
    """The end of the process."""


@dataclass
class Place:
    """A store, as its writers and readers enter it."""

    destination: Destination
    read: Callable[[], ModelStore]
    damage: Callable[[str, bytes], None]
    url: str
    env: Mapping[str, str]

    def manifest(self, version: str = "1") -> ModelManifest | None:
        """Return what readers see, or None while the version is not complete; a broken one fails the test."""
        with self.read() as store:
            try:
                return store.manifest(version)
            except SourceError as error:
                if error.reason is Reason.MODEL_MISSING or "has no SHA256SUMS yet" in error.message:
                    return None
                raise

    def push(self, folder: Path, version: str = "1", **chosen: Any) -> str:
        with self.destination.open() as store:
            return push(folder, store, version, lambda _: None, **chosen)


class Dying:
    """An uploader whose process ends at a step: before it, or after the store did it and before anybody knew."""

    def __init__(self, store: Uploader, step: int, *, after: bool) -> None:
        self.store, self.left, self.after = store, step, after

    def locate(self, version: str, path: str = "") -> str:
        return self.store.locate(version, path)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.left -= 1
            if self.left < 0 and not self.after:
                raise Killed
            answer = getattr(self.store, name)(*args)
            if self.left < 0:
                if name == "open_range":
                    answer.close()
                raise Killed
            return answer

        return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return version_folder(tmp_path / "1", FILES)


def version_folder(folder: Path, files: Mapping[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / SHA256SUMS).write_bytes(sums(files))
    return folder


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(urllib3.Retry, "sleep", lambda *_: None)
    with s3_server() as bucket:
        yield s3_place(bucket)


def s3_place(bucket: Bucket) -> Place:
    url = f"s3://{BUCKET}/digits"
    env = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": bucket.endpoint}
    to = destination(url, env)
    keys = SecretValues({"accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET})
    damage = lambda path, content: bucket.files.update({f"digits/{path}": content})  # noqa: E731 - one line of a table
    return Place(to, lambda: open_store(to.source, keys, to.network), damage, url, env)


@pytest.fixture
def azure(blob_account: Account, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("SSL_CERT_FILE", str(blob_account.ca_certificate))
    container = blob_account.container()
    url = f"https://{blob_account.name}.blob.core.windows.net/{container.container_name}/digits"
    env = {"AZURE_STORAGE_KEY": blob_account.key}
    to = destination(url, env)

    def damage(path: str, content: bytes) -> None:
        container.upload_blob(f"digits/{path}", content, overwrite=True)

    keys = SecretValues({"accountKey": blob_account.key})
    return Place(to, lambda: open_store(to.source, keys, to.network), damage, url, env)


@pytest.fixture(params=["azure", "s3"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def test_a_pushed_version_is_what_the_operator_lists(place: Place, folder: Path) -> None:
    digest = place.push(folder)
    manifest = place.manifest()
    assert manifest is not None
    assert (manifest.digest, manifest.unlisted) == (digest, ())
    assert {file.path: file.size for file in manifest.files} == {path: len(data) for path, data in FILES.items()}
    with place.read() as store:
        assert list(store.names()) == ["1"]
    assert place.push(folder) == digest


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_push_broken_off_at_any_step_is_whole_or_not_complete_and_goes_on(
    place: Place, folder: Path, after: bool
) -> None:
    step, ended = 0, False
    while not ended:
        version = f"v{step}"
        with place.destination.open() as store:
            dying: Any = Dying(store, step, after=after)
            try:
                push(folder, dying, version, lambda _: None)
                ended = True
            except Killed:
                pass
        if manifest := place.manifest(version):
            assert {file.path: file.size for file in manifest.files} == {
                path: len(data) for path, data in FILES.items()
            }
        digest = place.push(folder, version)
        manifest = place.manifest(version)
        assert manifest is not None
        assert manifest.digest == digest
        step += 1
    assert step > len(FILES) + 3  # listing, every file, listing, reading back, marker


def test_a_complete_version_is_never_overwritten(place: Place, folder: Path, tmp_path: Path) -> None:
    place.push(folder)
    before = place.manifest()
    other = version_folder(tmp_path / "other", {"model.onnx": b"other"})
    with pytest.raises(PackingError, match="digits/1 is a version already: sha256:") as caught:
        place.push(other)
    assert "a name is used once" in caught.value.fix
    assert place.manifest() == before


def test_a_version_that_somebody_completed_meanwhile_is_not_overwritten(
    place: Place, folder: Path, tmp_path: Path
) -> None:
    other = version_folder(tmp_path / "other", {"other.onnx": b"other"})
    with place.destination.open() as store:
        overtaken: Any = Overtaken(store, lambda: place.push(other))
        with pytest.raises(PackingError, match="is a version already"):
            push(folder, overtaken, "1", lambda _: None)
    manifest = place.manifest()
    assert manifest is not None
    assert [file.path for file in manifest.files] == ["other.onnx"]


class Overtaken:
    """An uploader that somebody else overtakes right before its marker."""

    def __init__(self, store: Uploader, other: Callable[[], object]) -> None:
        self.store, self.other = store, other

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def put_marker(self, version: str, content: bytes) -> None:
        self.other()
        self.store.put_marker(version, content)


def test_what_lies_there_with_other_bytes_is_written_again_and_what_is_equal_is_kept(
    place: Place, folder: Path
) -> None:
    place.damage("1/model.onnx", FILES["model.onnx"][:-1] + b"x")  # as long as ours
    place.damage("1/golden/packed.json", FILES["golden/packed.json"])
    place.damage("1/left.txt", b"of another push")
    said: list[str] = []
    with place.destination.open() as store:
        push(folder, store, "1", said.append)
    assert [line.split()[1] for line in said[:-1] if "packed.json" not in line] == [
        line.split()[1] for line in said[:-1]
    ]
    assert "left.txt" in said[-1]
    manifest = place.manifest()
    assert manifest is not None
    assert manifest.unlisted == ("left.txt",)


class Garbling:
    """An uploader whose store keeps other bytes than it is sent."""

    def __init__(self, store: Uploader) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def put(self, version: str, path: str, content: BinaryIO, size: int) -> None:
        self.store.put(version, path, BytesIO(bytes(len(content.read()))), size)


def test_bytes_that_did_not_arrive_leave_the_version_incomplete(place: Place, folder: Path) -> None:
    with place.destination.open() as store:
        garbling: Any = Garbling(store)
        with pytest.raises(PackingError, match=r"does not hold the bytes that were sent: .*model\.onnx"):
            push(folder, garbling, "1", lambda _: None)
    assert place.manifest() is None


def test_a_dry_run_writes_nothing(place: Place, folder: Path) -> None:
    place.push(folder, dry_run=True)
    with place.destination.open() as store:
        assert dict(store.files("1")) == {}


def test_a_folder_that_is_not_what_its_sums_say_is_not_pushed(s3: Place, folder: Path) -> None:
    (folder / "extra").write_text("x")
    with pytest.raises(PackingError, match="extra is not in SHA256SUMS"):
        s3.push(folder)
    (folder / "extra").unlink()
    (folder / "metadata.json").write_text("changed")
    with pytest.raises(PackingError, match=r"metadata\.json changed after"):
        s3.push(folder)


def test_the_command_says_what_it_does_and_never_a_secret(
    place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in place.env.items():
        monkeypatch.setenv(name, value)
    assert main(["push", str(folder), place.url, "1"]) == 0
    assert main(["push", str(version_folder(folder.parent / "o", {"a": b"b"})), place.url, "1"]) == 1
    said = capsys.readouterr()
    assert "digits/1 is complete: sha256:" in said.out
    assert "next: a name is used once" in said.err
    monkeypatch.setenv("AZURE_STORAGE_KEY", "d3Jvbmc=")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "WRONG")
    assert main(["push", str(folder), place.url, "2"]) == 1
    refused = capsys.readouterr()
    assert "to push they need" in refused.err
    for text in (said.out, said.err, refused.out, refused.err, repr(place.destination)):
        assert not any(secret in text for name, secret in place.env.items() if "KEY" in name and "ID" not in name)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://a.blob.core.windows.net/c/p?sig=geheim", "must have no query or login"),
        ("https://user:geheim@a.blob.core.windows.net/c/p", "must have no query or login"),
        ("https://contoso.example/c", "is no destination"),
        ("https://a.blob.core.windows.net/", "is no destination"),
        ("s3://bucket/p", "S3 needs the bucket's region"),
    ],
)
def test_what_is_no_destination_is_told_without_its_secrets(url: str, problem: str) -> None:
    with pytest.raises(PackingError, match=problem) as caught:
        destination(url, {})
    assert "geheim" not in str(caught.value)
