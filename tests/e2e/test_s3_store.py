"""Models in S3, read from a server that checks signatures, regions and ETags."""

import io
import secrets
from dataclasses import dataclass, replace

import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import ModelStore, open_store
from aiapp_models.stores.connection import Network
from cluster.objectstore import s3_client, upload_model
from cluster.protocol import Cluster, S3Server
from stand_ins.azurite import sums

pytestmark = pytest.mark.needs("s3")
FILES = {"model.npz": b"weights" * 100_000, "labels/na mes é+.json": b'["a"]', "empty": b""}


@dataclass(frozen=True)
class Models:
    """A bucket of a random name with version 1 of digits."""

    cluster: Cluster
    bucket: str

    def source(self, server: S3Server) -> dict[str, object]:
        endpoint, region = server.host_endpoint, server.region
        return {"s3": {"bucket": self.bucket, "path": "digits", "region": region, "endpoint": endpoint}}

    def open(self, credentials: Credentials | None = None, server: S3Server | None = None) -> ModelStore:
        server = server or self.cluster.s3
        keys = SecretValues({"accessKeyId": server.access_key_id, "secretAccessKey": server.secret_access_key})
        rules = NetworkRules.parse(server.host_endpoint, "")
        return open_store(self.source(server), credentials or keys, Network(self.cluster.ca_certificate, rules))

    def put(self, key: str, data: bytes) -> None:
        assert self.cluster.ca_certificate
        client = s3_client(self.cluster.s3, self.cluster.ca_certificate)
        client.put_object(self.bucket, key, io.BytesIO(data), len(data))

    def refused(self, credentials: Credentials | None = None, server: S3Server | None = None) -> SourceError:
        with self.open(credentials, server) as opened, pytest.raises(SourceError) as caught:
            opened.manifest("1")
        return caught.value


@pytest.fixture
def models(kind_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("model")
    (folder / "labels").mkdir()
    for path, data in {**FILES, "SHA256SUMS": sums(FILES)}.items():
        (folder / path).write_bytes(data)
    assert kind_cluster.ca_certificate
    bucket = f"models-{secrets.token_hex(4)}"
    upload_model(s3_client(kind_cluster.s3, kind_cluster.ca_certificate), bucket, "digits/1", folder)
    return Models(kind_cluster, bucket)


def test_a_version_is_listed_and_read(models: Models) -> None:
    models.put("digits/10/model.npz", b"half")
    with models.open() as opened:
        manifest, read = opened.manifest("1"), {}
        for file in manifest.files:
            content, got = bytearray(file.size), 0
            reader = opened.open_range("1", file, 0, file.size) if file.size else None
            while reader and (count := reader.readinto(memoryview(content)[got:])):
                got += count
            read[file.path] = bytes(content[:got])
        assert read == FILES
        assert sorted(opened.names()) == ["1", "10"]
        assert (opened.published("1"), opened.published("10")) == (manifest.published, None)


def test_more_folders_than_a_page_holds_are_all_listed(models: Models) -> None:
    assert models.cluster.ca_certificate
    client = s3_client(models.cluster.s3, models.cluster.ca_certificate)
    names = {f"v{number}" for number in range(1_010)}
    for name in names:
        client.put_object(models.bucket, f"digits/{name}/SHA256SUMS", io.BytesIO(b""), 0)
    with models.open() as opened:
        assert set(opened.names()) == names | {"1"}


def test_a_file_replaced_after_the_manifest_is_not_read(models: Models) -> None:
    with models.open() as opened:
        file = next(file for file in opened.manifest("1").files if file.path == "model.npz")
        models.put("digits/1/model.npz", b"WEIGHTS" * 100_000)
        with pytest.raises(SourceError) as caught:
            opened.open_range("1", file, 0, file.size)
    assert caught.value.reason is Reason.MODEL_CHANGED


def test_refusals_of_a_real_server_are_understood(models: Models) -> None:
    server = models.cluster.s3
    refusals = {
        "only anonymous access": models.refused(Anonymous()),
        "secret access key": models.refused(server=replace(server, secret_access_key="wrong")),
        "access key is unknown": models.refused(server=replace(server, access_key_id="wrong")),
        "another region": models.refused(server=replace(server, region="us-west-2")),
        "no such bucket": Models(models.cluster, "nowhere-to-be-found").refused(),
    }
    assert {words: words in error.message for words, error in refusals.items()} == dict.fromkeys(refusals, True)
    assert not any(error.transient for error in refusals.values())
