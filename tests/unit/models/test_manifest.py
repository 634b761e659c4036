"""SHA256SUMS, read as people and tools write it."""

import contextlib
import hashlib
import subprocess
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiapp_models import manifest
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import SUMS_COMMAND, SumLine, check_path, content_digest, parse_sums, render_sums

A, B = "a" * 64, "b" * 64


def reason_of(content: bytes | str) -> Reason:
    with pytest.raises(SourceError) as caught:
        parse_sums(content.encode() if isinstance(content, str) else content, "models/3")
    assert "models/3" in caught.value.message
    return caught.value.reason


@pytest.mark.parametrize(
    "content",
    [
        f"{A}  model.npz\n{B}  labels/names.json\n",
        f"{B} *labels/names.json\n{A} *model.npz\n",
        f"{A}  ./model.npz\n\n{B}  ./labels/names.json",
        f"{A.upper()}  model.npz\r\n{B}  labels/names.json\r\n",
        f"\ufeff{A}  model.npz\n{B}  labels/names.json\n",
        f"{A}  model.npz\n{B}  labels/names.json\n{B}  SHA256SUMS\n",
    ],
    ids=["text", "binary marker, other order", "dot slash", "CRLF and upper case", "byte order mark", "itself"],
)
def test_one_content_has_one_digest_however_it_is_written(content: str) -> None:
    lines = parse_sums(content.encode(), "models/3")
    assert lines == (SumLine(A, "model.npz"), SumLine(B, "labels/names.json"))
    expected = hashlib.sha256(f"{A}  model.npz\n{B}  labels/names.json\n".encode()).hexdigest()
    assert content_digest(lines) == f"sha256:{expected}"
    assert parse_sums(render_sums(lines), "models/3") == lines


def test_the_command_we_tell_people_makes_what_we_read(tmp_path: Path) -> None:
    (tmp_path / "sub folder").mkdir()
    (tmp_path / "sub folder" / "a b.bin").write_bytes(b"one")
    (tmp_path / "model.npz").write_bytes(b"two")
    for _ in range(2):  # the second time there is a SHA256SUMS already
        subprocess.run(SUMS_COMMAND, shell=True, cwd=tmp_path, check=True)  # noqa: S602 - it is a shell line
    lines = parse_sums((tmp_path / "SHA256SUMS").read_bytes(), "models/3")
    assert {line.path: line.sha256 for line in lines} == {
        "model.npz": hashlib.sha256(b"two").hexdigest(),
        "sub folder/a b.bin": hashlib.sha256(b"one").hexdigest(),
    }


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", "model.npz\n", f"{A[:-1]}  model.npz\n", f"{A} model.npz\n", f"{A}  \n", f"{A}  SHA256SUMS\n"],
)
def test_what_is_no_list_is_corrupt(content: str) -> None:
    assert reason_of(content) is Reason.MODEL_CORRUPT


def test_utf_16_from_powershell_is_explained() -> None:
    with pytest.raises(SourceError, match="PowerShell"):
        parse_sums(f"{A}  model.npz\n".encode("utf-16"), "models/3")


@pytest.mark.parametrize(
    "path",
    [
        "../x", "a/../../b", "/abs", "a//b", "./../x", "..", "a/.", "..\\x", "a\\b", "C:x", "c:/x", "nul\0byte", "a\tb",
        "dot.", "space ", "folder./x", "folder /x", "x" * 256, "/".join(["d" * 200] * 6), "a/\x7f",
    ],
)  # fmt: skip
def test_a_path_that_could_leave_the_folder_is_refused(path: str) -> None:
    assert reason_of(f"{A}  {path}\n") is Reason.UNSAFE_PATH


def test_an_escaped_name_is_refused() -> None:
    assert reason_of(f"\\{A}  a\\nb\n") is Reason.UNSAFE_PATH


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a"),
        ("Model", "model"),
        ("straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("a", "a/b"),
        ("x/A", "X/a/b"),
    ],
)
def test_names_that_collide_on_some_file_system_are_refused(one: str, other: str) -> None:
    assert reason_of(f"{A}  {one}\n{B}  {other}\n") is Reason.UNSAFE_PATH
    assert reason_of(f"{A}  {other}\n{B}  {one}\n") is Reason.UNSAFE_PATH


def test_there_are_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_FILES", 2)
    monkeypatch.setattr(manifest, "MAX_SUMS_BYTES", 1000)
    assert len(parse_sums("".join(f"{A}  {i}\n" for i in range(2)).encode(), "models/3")) == 2
    assert reason_of("".join(f"{A}  {i}\n" for i in range(3))) is Reason.MODEL_TOO_LARGE
    assert reason_of(f"{A}  model\n" * 20) is Reason.MODEL_TOO_LARGE


def test_a_long_hostile_name_is_cut_and_escaped_in_the_message() -> None:
    with pytest.raises(SourceError) as caught:
        parse_sums(f"{A}  ../\x1b[31m{'x' * 5000}\n".encode(), "models/3")
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 400


@given(
    st.text(st.characters(codec="utf-8"), max_size=60)
    | st.lists(st.sampled_from(["..", ".", "a", "", "b"])).map("/".join)
)
@example("a/..")
def test_an_accepted_path_stays_below_its_folder_on_every_system(path: str) -> None:
    try:
        check_path(path, "models/3")
    except SourceError:
        return
    for flavour in (PurePosixPath, PureWindowsPath):
        pure = flavour(path)
        assert not pure.is_absolute()
        assert not pure.anchor
        assert not {"..", "."} & set(pure.parts)
        assert "/".join(pure.parts) == path


@given(st.binary(max_size=400) | st.text(f"{A[0]}b01 *./\\\r\n\t\0x", max_size=400).map(str.encode))
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    with contextlib.suppress(SourceError):  # any other exception fails
        lines = parse_sums(content, "models/3")
        assert parse_sums(render_sums(lines), "models/3") == lines
