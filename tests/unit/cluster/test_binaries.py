"""Programs are built once, never half, and the compiler's caches go when all is well."""

import os
from pathlib import Path

import pytest

from cluster import toolchain
from cluster.binaries import ensure_binaries, main
from cluster.toolchain import ToolError

GO = """\
case $1 in
  version) echo go version go1.99.0 linux/amd64;;
  env) echo go1.99.0;;
  list) mkdir -p "$GOCACHE" "$GOMODCACHE"; echo a; echo b;;
  build) echo "$@" >> {log}
     [ -e {broken} ] && {{ echo half > "$6"/pause; echo no such package >&2; exit 1; }}
     echo program > "$6"/pause;;
esac
"""


def silent(_line: str) -> None:
    """What is said does not matter to the test."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a Go that writes what it builds into `builds` and fails while there is a file `broken`."""
    monkeypatch.setenv("AIAPP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\n" + GO.format(log=tmp_path / "builds", broken=tmp_path / "broken"))
    go.chmod(0o755)
    return tmp_path


def test_programs_are_built_once_and_the_compilers_caches_dropped(machine: Path) -> None:
    said: list[str] = []
    directory = ensure_binaries(said.append, {"pause"})
    assert (directory / "pause").read_text() == "program\n"
    assert said == [
        "pause: fetching its source code",
        "pause: built in 0 s",
        "removing the compiler's caches",
    ]
    assert not (machine / "cache" / "go").exists()
    assert ensure_binaries(pytest.fail, {"pause"}) == directory
    assert len((machine / "builds").read_text().splitlines()) == 1


def test_a_failed_build_leaves_no_program_and_keeps_the_caches_for_the_next(machine: Path) -> None:
    (machine / "broken").touch()
    with pytest.raises(ToolError, match="no such package"):
        ensure_binaries(silent, {"pause"})
    assert not list((machine / "cache").glob("bin-*/*"))
    assert not list((machine / "cache" / "programs").iterdir())
    assert (machine / "cache" / "go" / "build").exists()
    (machine / "broken").unlink()
    assert (ensure_binaries(silent, {"pause"}) / "pause").read_text() == "program\n"


def test_what_a_killed_build_left_is_removed(machine: Path) -> None:
    left = machine / "cache" / "programs" / ".pause-123-x"
    left.mkdir(parents=True)
    ensure_binaries(silent, {"pause"})
    assert not left.exists()


@pytest.mark.usefixtures("machine")
def test_the_command_prints_the_directory_or_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "--nice", "19"]) == 0
    assert Path(capsys.readouterr().out.splitlines()[-1]) == ensure_binaries(silent, {"pause"})
    assert main(["kubeadm"]) == 1
    assert "no module gives kubeadm" in capsys.readouterr().err


def test_builds_may_not_fetch_another_compiler(machine: Path) -> None:
    assert toolchain.ensure_go() == machine / "go"
