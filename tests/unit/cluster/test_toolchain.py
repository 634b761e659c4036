"""What is missing or too old is found out, and how to get it is said."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster import toolchain
from cluster.toolchain import (
    NODE_NEEDED,
    SystemProgram,
    ToolchainError,
    ToolError,
    ensure_debian_packages,
    ensure_go,
    go_needed,
    parse_version,
    run_tool,
    wrong_programs,
)

Program = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a shell script of that name first on every PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    path = f"{folder}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setattr(toolchain, "PROGRAM_PATH", path)

    def write(name: str, script: str) -> Path:
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return write


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("v20.20.2", (20, 20, 2)),
        ("buildah version 1.28.2 (image-spec 1.1.0-rc2)", (1, 28, 2)),
        ("runc version 1.1.5+ds1", (1, 1, 5)),
        ("no version", ()),
    ],
)
def test_versions_are_read(line: str, version: tuple[int, ...]) -> None:
    assert parse_version(line) == version


def test_the_newest_go_that_any_module_needs() -> None:
    assert go_needed(["module a\n\ngo 1.26.0\n", "module b\ngo 1.26.10\n"]) == (1, 26, 10)


def test_a_go_that_is_new_enough_is_used(program: Program) -> None:
    newer = program("go", "echo go version go1.99.0 linux/amd64")
    assert ensure_go() == newer


def test_a_go_that_is_too_old_is_replaced(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program("go", "echo go version go1.19.8 linux/amd64")
    monkeypatch.setenv("AIAPP_CACHE", str(tmp_path))
    installed = tmp_path / toolchain.GO_PACKAGE.replace("==", "-")
    installed.mkdir()
    assert ensure_go() == installed / "go/bin/go"


def test_programs_that_are_missing_or_too_old(program: Program) -> None:
    program("old", "echo old version 1.9.3")
    program("new", "echo new version 1.10")
    old, new = SystemProgram("old", ("old",), (1, 10)), SystemProgram("new", ("new",), (1, 10))
    absent = SystemProgram("absent-program", ("package",))
    assert wrong_programs([old, new, absent]) == {old: "is too old (1.9.3, needed is 1.10)", absent: "is missing"}


def test_who_may_not_install_gets_the_line_to_type(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    program("apt-get", "exit 9")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        ToolchainError, match=r"Type: sudo sh -c 'apt-get update && apt-get install -y .* runc buildah'"
    ):
        ensure_debian_packages(["runc", "buildah"])


def test_apt_updates_its_lists_before_it_installs(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("apt-get", f'echo "$@ $DEBIAN_FRONTEND" >> {tmp_path}/calls')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    said: list[str] = []
    ensure_debian_packages(["runc"], said.append)
    assert said == ["installing system packages: runc"]
    assert (tmp_path / "calls").read_text().splitlines() == [
        "-q update noninteractive",
        "-q install -y --no-install-recommends runc noninteractive",
    ]


def test_a_failing_program_is_told_with_its_last_lines(program: Program) -> None:
    program("fails", "echo asked for the impossible; echo reason >&2; exit 3")
    with pytest.raises(ToolError, match=r"(?s)`fails now` failed \(exit 3\).*impossible.*reason"):
        run_tool(["fails", "now"], lambda _: None)


def test_what_was_printed_so_far_is_passed_on(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "REPORT_SECONDS", 0.01)
    program("slow", f"echo one; while [ ! -e {tmp_path}/go-on ]; do sleep 0.01; done; echo two")

    def go_on(lines: object) -> None:
        if lines == ["one"]:
            (tmp_path / "go-on").touch()

    assert run_tool(["slow"], go_on) == "one\ntwo\n"


def test_a_program_ends_with_the_call_that_was_interrupted(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "REPORT_SECONDS", 0.01)
    program("endless", f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 600")

    def interrupt(_lines: object) -> None:
        if (tmp_path / "pid").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tool(["endless"], interrupt)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_node_is_asked_for_by_its_major_version() -> None:
    assert parse_version("v20.0.0") >= NODE_NEEDED > parse_version("v18.19.1")
