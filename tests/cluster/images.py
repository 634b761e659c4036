"""Container images for the tests and the demo, built once per content and kept as archives under the cache.

A Dockerfile gets its base as the build argument BASE_IMAGE (`ImageArchive.reference` of another image of this module),
and pip's settings as secrets: `pip_conf` is a pip.conf that takes the CA from /run/secrets/pip_ca, the secret `pip_ca`.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import debian
from cluster.binaries import ensure_binaries
from cluster.build_context import content_key, ignore_file
from cluster.builders import Builder, BuildRequest, choose_builder
from cluster.cache import Report, cache_dir, duration, locked
from cluster.pip_configuration import local_folders, pip_conf, pip_settings
from cluster.protocol import RegistryCredentials
from cluster.toolchain import PROGRAM_PATH, run_tool

KEPT_PER_NAME = 6
CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
CA_IN_BUILD = "/run/secrets/pip_ca"
PREFIX = "localhost/aiapp/"
PULLED_BASE = "FROM python:3.11-slim-bookworm\n"
PULLED_KEY = hashlib.sha256(PULLED_BASE.encode()).hexdigest()[:12]
PAUSE = 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n'


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """An image as a file. `key` hashes what it was made from; `transport` is skopeo's word for the format."""

    path: Path
    name: str
    key: str
    transport: str = "oci-archive"

    @property
    def reference(self) -> str:
        """The name that the image has in the builder's storage and in the archive."""
        return f"{PREFIX}{self.name}:{self.key}"


def build_image(
    name: str, dockerfile: Path, context: Path, build_args: Mapping[str, str], report: Report
) -> ImageArchive:
    """Return the image of a Dockerfile, from the cache if nothing that it is made from has changed.

    Raises:
        ToolchainError: it does not build, or there is nothing to build with.
    """
    builder = choose_builder(_home())
    archive = _archive(name, content_key(dockerfile, context, build_args), builder)
    if _is_cached(archive):
        return archive
    with _alone(f"image {name}", report):
        if not archive.path.exists():
            _build(builder, archive, dockerfile, context, build_args, report)
    return archive


def ensure_base_image(report: Report) -> ImageArchive:
    """Return a small Debian with Python 3.11: made by debootstrap where root can, else pulled by Docker.

    Raises:
        ToolchainError: its packages cannot be had, or there is nothing to build with.
    """
    builder = choose_builder(_home())
    pulled = builder.archive_transport == "docker-archive"
    archive = _archive("base", PULLED_KEY if pulled else debian.recipe_key(), builder)
    if _is_cached(archive):
        return archive
    with (
        _alone("base image", report),
        tempfile.TemporaryDirectory(dir=_home(), prefix=".base-") as folder,
    ):
        if not archive.path.exists():
            context = Path(folder, "context")
            context.mkdir()
            if pulled:
                (context / "Dockerfile").write_text(PULLED_BASE)
            else:
                debian.make_context(context, report)
            _build(builder, archive, context / "Dockerfile", context, {}, report)
    return archive


def ensure_pause_image(report: Report) -> ImageArchive:
    """Return the image of the container that holds a pod's namespaces: one static program.

    Raises:
        ToolchainError: it does not build.
    """
    program = ensure_binaries(report, {"pause"}) / "pause"
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(PAUSE)
        shutil.copy2(program, context)
        return build_image("pause", context / "Dockerfile", context, {}, report)


def push(
    archive: ImageArchive, destination: str, credentials: RegistryCredentials | None, cert_dir: Path | None
) -> str:
    """Copy an image to `destination` (`registry/repository:tag`) and return its digest, `sha256:...`.

    `cert_dir` holds the registry's CA as *.crt. Without it, a registry on the loopback address may speak plain HTTP.

    Raises:
        ToolchainError: skopeo is missing, or the registry cannot be reached or refuses.
    """
    registry = destination.partition("/")[0]
    with tempfile.TemporaryDirectory() as folder:
        login, digest = Path(folder, "login.json"), Path(folder, "digest")
        login.touch(mode=0o600)
        login.write_text(json.dumps({"auths": _login(registry, credentials)}))
        options = ["--insecure-policy", "--retry-times=3", "--digestfile", str(digest), "--dest-authfile", str(login)]
        if cert_dir:
            options.append(f"--dest-cert-dir={cert_dir}")
        elif registry.startswith(("localhost:", "127.0.0.1:")):
            options.append("--dest-tls-verify=false")
        source = f"{archive.transport}:{archive.path}"
        command = ["skopeo", "copy", "--quiet", *options, source, f"docker://{destination}"]
        run_tool(command, _silent, env={**os.environ, "PATH": PROGRAM_PATH})
        return digest.read_text().strip()


def _login(registry: str, credentials: RegistryCredentials | None) -> dict[str, dict[str, str]]:
    if credentials is None:
        return {}
    pair = f"{credentials.username}:{credentials.password}".encode()
    return {registry: {"auth": base64.b64encode(pair).decode()}}


def _home() -> Path:
    return cache_dir() / "images"


@contextmanager
def _alone(what: str, report: Report) -> Iterator[None]:
    """Build one image at a time, and first remove what a build that was killed has left."""
    with locked("images", what, report):
        _home().mkdir(parents=True, exist_ok=True)
        for left in _home().glob(".*"):
            shutil.rmtree(left)
        yield


def _archive(name: str, key: str, builder: Builder) -> ImageArchive:
    return ImageArchive(_home() / f"{name}-{key}.tar", name, key, builder.archive_transport)


def _is_cached(archive: ImageArchive) -> bool:
    if not archive.path.exists():
        return False
    # The time tells which archives are still in use.
    archive.path.touch()
    return True


def _build(
    builder: Builder,
    archive: ImageArchive,
    dockerfile: Path,
    context: Path,
    build_args: Mapping[str, str],
    report: Report,
) -> None:
    started = time.monotonic()
    report(f"image {archive.name}: building")
    with tempfile.TemporaryDirectory(dir=_home(), prefix=f".{archive.name}-") as folder:
        work = Path(folder)
        _load_bases(builder, build_args, report)
        secrets, folders = _pip_mounts(work)
        ignored = ignore_file(dockerfile, context)
        names = (archive.name, archive.reference)
        builder.build(BuildRequest(*names, dockerfile, context, ignored, build_args, secrets, folders), report)
        builder.export(archive.reference, work / "image.tar", report)
        (work / "image.tar").rename(archive.path)
    report(f"image {archive.name}: built in {duration(time.monotonic() - started)}")
    _forget_old(builder, archive)


def _load_bases(builder: Builder, build_args: Mapping[str, str], report: Report) -> None:
    """Put images of ours that the build stands on back into the builder's storage, should that have been emptied."""
    for value in build_args.values():
        if value.startswith(PREFIX) and not builder.has(value):
            builder.load(_home() / f"{value.removeprefix(PREFIX).replace(':', '-')}.tar", report)


def _pip_mounts(work: Path) -> tuple[Mapping[str, Path], Sequence[Path]]:
    """Return the secrets and the folders by which pip in a build finds packages as pip on this machine does."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    settings = pip_settings(subprocess.run(pip, capture_output=True, text=True, check=True).stdout)
    authority = _certificates()
    file = work / "pip.conf"
    file.touch(mode=0o600)
    file.write_text(pip_conf(settings, CA_IN_BUILD if authority else None))
    secrets = {"pip_conf": file} | ({"pip_ca": authority} if authority else {})
    return secrets, [folder for folder in local_folders(settings) if folder.is_dir()]


def _certificates() -> Path | None:
    """Return the file of the authorities that this machine trusts, a company's own among them."""
    named = (os.environ.get(name, "") for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
    return next((Path(name) for name in (*named, *CA_FILES) if name and Path(name).is_file()), None)


def _forget_old(builder: Builder, archive: ImageArchive) -> None:
    """Keep the few versions of an image that were used last: every change makes another hundred megabytes."""
    versions = sorted(
        _home().glob(f"{archive.name}-{'?' * len(archive.key)}.tar"), key=lambda path: path.stat().st_mtime
    )
    for path in versions[:-KEPT_PER_NAME]:
        builder.remove(f"{PREFIX}{archive.name}:{path.stem.rpartition('-')[2]}")
        path.unlink()


def _silent(_lines: Sequence[str]) -> None:
    """Say nothing: a copy within one machine takes seconds."""
