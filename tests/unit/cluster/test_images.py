"""Images are built once per content, kept while they are used, and pushed without a password on a command line."""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cluster import images, toolchain
from cluster.builders import BuildRequest
from cluster.cache import Report, cache_dir
from cluster.images import ImageArchive, build_image, push
from cluster.protocol import RegistryCredentials
from cluster.toolchain import ToolError

SKOPEO = """\
echo "$@" > {folder}/arguments
while [ $# -gt 0 ]; do
  case $1 in
    --digestfile) printf 'sha256:abc\\n' > "$2";;
    --dest-authfile) cp "$2" {folder}/login.json;;
  esac
  shift
done
"""


class Recorder:
    """A builder that remembers what it was asked for; a Dockerfile with the word `broken` fails."""

    archive_transport = "oci-archive"

    def __init__(self) -> None:
        self.built: list[BuildRequest] = []
        self.pip_conf = ""
        self.stored: set[str] = set()

    def has(self, reference: str) -> bool:
        return reference in self.stored

    def load(self, archive: Path, report: Report) -> None:
        report(f"reading {archive.name}")
        self.stored.add(archive.read_text())

    def build(self, request: BuildRequest, report: Report) -> None:
        if "broken" in request.dockerfile.read_text():
            raise ToolError("does not build")
        report("building")
        self.pip_conf = request.secrets["pip_conf"].read_text()
        self.built.append(request)
        self.stored.add(request.reference)

    def export(self, reference: str, archive: Path, report: Report) -> None:
        report("writing")
        archive.write_text(reference)

    def remove(self, reference: str) -> None:
        self.stored.discard(reference)


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setenv("AIAPP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(images, "choose_builder", lambda _home: recorder)
    return recorder


@pytest.fixture
def dockerfile(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    file = folder / "Dockerfile"
    file.write_text("FROM scratch\n")
    return file


def silent(_line: str) -> None:
    """What is said does not matter to the test."""


def build(dockerfile: Path, **build_args: str) -> ImageArchive:
    return build_image("app", dockerfile, dockerfile.parent, build_args, silent)


def test_an_image_is_built_once_per_content(builder: Recorder, dockerfile: Path) -> None:
    first = build(dockerfile)
    assert build(dockerfile) == first
    assert len(builder.built) == 1
    assert first.path.read_text() == first.reference == f"localhost/aiapp/app:{first.key}"
    (dockerfile.parent / "score.py").write_text("")
    assert build(dockerfile).key != first.key
    assert len(builder.built) == 2


def test_a_failed_build_leaves_no_archive(builder: Recorder, dockerfile: Path) -> None:
    dockerfile.write_text("FROM scratch\nRUN broken\n")
    with pytest.raises(ToolError):
        build(dockerfile)
    assert builder.built == []
    assert list((cache_dir() / "images").iterdir()) == []


def test_what_a_killed_build_left_is_removed(builder: Recorder, dockerfile: Path) -> None:
    left = cache_dir() / "images" / ".app-x"
    left.mkdir(parents=True)
    build(dockerfile)
    assert len(builder.built) == 1
    assert not left.exists()


def test_a_base_that_the_builder_has_forgotten_is_read_from_its_archive(builder: Recorder, dockerfile: Path) -> None:
    base = build(dockerfile)
    builder.stored.clear()
    build(dockerfile, BASE_IMAGE=base.reference)
    assert base.reference in builder.stored


def test_pips_settings_reach_a_build_as_secrets_only(
    builder: Recorder, dockerfile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("certificate")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@packages.example/simple")
    monkeypatch.setenv("PIP_CERT", str(authority))
    build(dockerfile)
    (request,) = builder.built
    assert "index-url = https://user:secret@packages.example/simple" in builder.pip_conf
    assert "cert = /run/secrets/pip_ca" in builder.pip_conf
    assert request.secrets["pip_ca"] == authority
    assert request.build_args == {}
    assert not request.secrets["pip_conf"].exists()


def test_the_versions_that_were_used_last_are_kept(builder: Recorder, dockerfile: Path) -> None:
    versions = [build(dockerfile, VERSION=str(number)) for number in range(images.KEPT_PER_NAME)]
    for age, version in enumerate(reversed(versions)):
        os.utime(version.path, (0, 1_000_000 - age))
    assert build(dockerfile, VERSION="0") == versions[0]
    newest = build(dockerfile, VERSION="new")
    assert not versions[1].path.exists()
    assert all(version.path.exists() for version in [versions[0], *versions[2:], newest])
    assert versions[1].reference not in builder.stored


def pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, destination: str, cert_dir: Path | None = None
) -> Sequence[str]:
    skopeo = tmp_path / "skopeo"
    skopeo.write_text("#!/bin/sh\n" + SKOPEO.format(folder=tmp_path))
    skopeo.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(images, "PROGRAM_PATH", path)
    archive = ImageArchive(tmp_path / "app.tar", "app", "123")
    assert push(archive, destination, RegistryCredentials("me", "secret"), cert_dir) == "sha256:abc"
    return (tmp_path / "arguments").read_text().split()


def test_a_push_returns_the_digest_and_keeps_the_password_off_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = pushed(tmp_path, monkeypatch, "registry.example:5000/app:1", tmp_path)
    assert arguments[-2:] == [f"oci-archive:{tmp_path}/app.tar", "docker://registry.example:5000/app:1"]
    assert f"--dest-cert-dir={tmp_path}" in arguments
    assert not any("secret" in argument for argument in arguments)
    login = json.loads((tmp_path / "login.json").read_text())["auths"]["registry.example:5000"]["auth"]
    assert base64.b64decode(login) == b"me:secret"


@pytest.mark.parametrize(
    ("destination", "plain"),
    [("localhost:5001/app:1", True), ("127.0.0.1:5001/app:1", True), ("registry.example/app:1", False)],
)
def test_plain_http_is_for_the_loopback_address_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, destination: str, plain: bool
) -> None:
    assert ("--dest-tls-verify=false" in pushed(tmp_path, monkeypatch, destination)) is plain


def test_without_root_and_docker_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AIAPP_CACHE", str(tmp_path))
    with pytest.raises(toolchain.ToolchainError, match=r"buildah as root .* or by a running Docker daemon"):
        images.ensure_base_image(silent)
