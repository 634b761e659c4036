"""The API client leaves no key in a place of its own choice."""

import base64
from pathlib import Path

from cluster.pykube_client import with_files


def test_embedded_keys_go_to_private_files_of_ours(tmp_path: Path) -> None:
    encoded = base64.b64encode(b"secret").decode()
    config = {
        "clusters": [{"name": "x", "cluster": {"server": "https://x", "certificate-authority-data": encoded}}],
        "users": [{"name": "x", "user": {"client-key-data": encoded}}],
        "current-context": "x",
    }
    moved = with_files(config, tmp_path)
    key = Path(moved["users"][0]["user"]["client-key"])
    assert key.read_bytes() == b"secret"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent == tmp_path
    assert moved["clusters"][0]["cluster"].keys() == {"server", "certificate-authority"}
    assert encoded not in str(moved)
