"""The Go modules of the test cluster agree with themselves and with what is said of them."""

import re
import shutil
from pathlib import Path

import pytest

from cluster import modules
from cluster.modules import (
    ALL_PROGRAMS,
    GO_MODULES,
    KUBERNETES,
    MODULES,
    Module,
    is_package_line,
    linker_flags,
    module_key,
    modules_for,
    progress,
    required_version,
)

BY_NAME = {module.name: module for module in MODULES}


def go_mod(name: str) -> str:
    return (GO_MODULES / name / "go.mod").read_text()


def test_every_folder_is_a_module_that_gives_programs() -> None:
    assert {path.name for path in GO_MODULES.iterdir()} == set(BY_NAME)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_version_that_is_stamped_is_required_by_the_module(module: Module) -> None:
    assert linker_flags(module, go_mod(module.name)).startswith("-s -w")


def test_kubernetes_tells_the_version_that_is_required() -> None:
    version = required_version(go_mod("kubernetes"), "k8s.io/kubernetes")
    flags = linker_flags(BY_NAME["kubernetes"], go_mod("kubernetes"))
    assert f"-X k8s.io/component-base/version.gitVersion=v{version}" in flags
    assert f"-X k8s.io/client-go/pkg/version.gitMinor={version.split('.')[1]}" in flags


def test_kubernetes_and_its_staging_modules_are_of_one_release() -> None:
    text = go_mod("kubernetes")
    _, minor, patch = required_version(text, "k8s.io/kubernetes").split(".")
    staging = dict(re.findall(r"^\s(k8s\.io/\S+) => \S+ (\S+)$", text, flags=re.MULTILINE))
    assert len(staging) > 30
    assert set(staging.values()) == {f"v0.{minor}.{patch}"}


def test_a_version_that_is_not_required_is_an_error_that_names_the_module() -> None:
    with pytest.raises(ValueError, match=r"example\.org/absent"):
        required_version(go_mod("kubernetes"), "example.org/absent")


def test_kind_is_built_only_when_it_is_asked_for() -> None:
    assert "kind" not in ALL_PROGRAMS
    assert "kind" not in {module.name for module in modules_for(None)}
    assert [module.name for module in modules_for({"kind"})] == ["kind"]


def test_one_program_needs_one_module() -> None:
    assert [module.name for module in modules_for({"kubectl"})] == ["kubernetes"]
    assert set(KUBERNETES) <= ALL_PROGRAMS


def test_an_unknown_program_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no module gives kubeadm; there are: .*kubectl"):
        modules_for({"kubeadm", "kubectl"})


def test_a_key_changes_with_the_compiler_and_with_any_file_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(GO_MODULES, tmp_path / "go")
    monkeypatch.setattr(modules, "GO_MODULES", tmp_path / "go")
    pause = BY_NAME["pause"]
    before = module_key(pause, "go1.26.0")
    assert module_key(pause, "go1.26.0") == before
    assert module_key(pause, "go1.26.1") != before
    (tmp_path / "go" / "kind" / "go.mod").write_text("module other\n")
    assert module_key(pause, "go1.26.0") == before
    (tmp_path / "go" / "pause" / "main.go").write_text("package main\n")
    assert module_key(pause, "go1.26.0") != before


@pytest.mark.parametrize(
    ("line", "is_package"),
    [
        ("k8s.io/api/core/v1", True),
        ("syscall", True),
        ("go: downloading k8s.io/api v0.36.3", False),
        ("# k8s.io/kubernetes/pkg/kubelet", False),
        ("\tmain.go:3: error", False),
        ("", False),
    ],
)
def test_only_compiled_packages_are_counted(line: str, is_package: bool) -> None:
    assert is_package_line(line) is is_package


def test_progress_reads_as_people_count() -> None:
    assert progress("kubernetes", 812, 2140, "2 min 10 s") == "kubernetes: 812 of 2,140 packages, 2 min 10 s"
    assert progress("kubernetes", 2141, 2140, "9 s") == "kubernetes: 2,140 of 2,140 packages, 9 s"
