"""A cluster that somebody named: only that context is used, and the cluster is never deleted."""

from pathlib import Path

import pytest

from cluster.backends import Options
from cluster.named_context import ContextCluster
from stand_ins.recorded_programs import Recorder

REGISTRY = {"REGISTRY": "contoso.azurecr.io/tests/"}


@pytest.fixture
def programs(recorder: Recorder) -> Recorder:
    recorder.program("kubectl")
    recorder.program("helm")
    recorder.answer("kubectl config view", "apiVersion: v1\nkind: Config\n")
    return recorder


def test_only_the_named_context_is_copied_and_used(programs: Recorder, tmp_path: Path) -> None:
    cluster = ContextCluster("staging", print, Options(kubeconfig=tmp_path / "users"), REGISTRY)
    cluster.create()
    view, use, ready = (arguments for arguments, _ in programs.calls("kubectl"))
    assert {"--context=staging", "--minify", f"--kubeconfig={tmp_path / 'users'}"} <= set(view)
    assert use == ["config", "use-context", "staging"]
    assert ready[:3] == ["get", "--raw", "/readyz"]
    ours = {kept["KUBECONFIG"] for _, kept in programs.calls("kubectl")[1:]}
    assert ours == {str(cluster.kubeconfig_path)} != {str(tmp_path / "users")}
    assert cluster.kubeconfig_path.stat().st_mode & 0o777 == 0o600


def test_delete_removes_the_copied_credentials_and_calls_nothing(programs: Recorder) -> None:
    cluster = ContextCluster("staging", print, Options(), REGISTRY)
    cluster.create()
    before = len(programs.calls("kubectl"))
    cluster.delete()
    assert len(programs.calls("kubectl")) == before
    assert not cluster.kubeconfig_path.exists()


def test_without_a_registry_it_says_what_to_set(programs: Recorder) -> None:
    with pytest.raises(ValueError, match="CLUSTER=context:staging needs REGISTRY=HOST/PREFIX"):
        ContextCluster("staging", print, Options(), {})
    assert not programs.calls("kubectl")


def test_an_unknown_context_is_named(programs: Recorder) -> None:
    programs.answer("kubectl config view", "", code=1)
    cluster = ContextCluster("nowhere", print, Options(), REGISTRY)
    with pytest.raises(ValueError, match="no kubeconfig context 'nowhere'"):
        cluster.create()


def test_the_registry_is_the_named_one_with_its_credentials(programs: Recorder) -> None:
    named = {**REGISTRY, "REGISTRY_USERNAME": "robot", "REGISTRY_PASSWORD": "pass"}
    cluster = ContextCluster("staging", print, Options(), named)
    assert cluster.registry == "contoso.azurecr.io/tests"
    assert cluster.registry_credentials
    assert cluster.registry_credentials.username == "robot"
    assert "pass" not in repr(cluster.registry_credentials)
    assert not programs.calls("kubectl")
