"""The S3 server of the test cluster: a client for this process, and uploads."""

from pathlib import Path

import urllib3
from minio import Minio

from cluster.blobstore import marker_last
from cluster.protocol import S3Server


def s3_client(server: S3Server, ca_certificate: Path) -> Minio:
    """Make a client for this process, which reaches the server by its address. It does not retry."""
    timeout = urllib3.Timeout(connect=5, read=10)
    pool = urllib3.PoolManager(ca_certs=str(ca_certificate), retries=False, timeout=timeout)
    return Minio(
        server.host_endpoint.removeprefix("https://"),
        access_key=server.access_key_id,
        secret_key=server.secret_access_key,
        region=server.region,
        http_client=pool,
    )


def upload_model(client: Minio, bucket: str, prefix: str, folder: Path) -> None:
    """Upload `folder` as PREFIX/..., SHA256SUMS last, as `aws s3 cp` users are told to; makes the bucket."""
    if not client.bucket_exists(bucket):
        client.make_bucket(bucket)
    for path in sorted((path for path in folder.rglob("*") if path.is_file()), key=marker_last):
        name = "/".join(filter(None, (prefix.strip("/"), path.relative_to(folder).as_posix())))
        client.fput_object(bucket, name, str(path))
