"""What `make demo` says first: what this machine can do, and what will be created."""

import time
from pathlib import Path

import pytest

from cluster import backends
from demo import machine
from demo.machine import Machine, describe, inspect

NO_DOCKER = "no Docker server answers"
NO_ROOT = "a local node needs root"


def found(no_docker: str, no_local: str, wanted: str = "auto") -> Machine:
    choice, why_not = None, ""
    try:
        choice = backends.choose(wanted, backends.Machine(no_docker=no_docker, no_local=no_local))
    except backends.NoBackendError as error:
        why_not = str(error)
    return Machine(not no_local, no_docker, wanted, 2, 100, Path("/var/cache/aiapp"), choice, why_not)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        pytest.param(found(NO_DOCKER, ""), "a Kubernetes node in namespaces of its own, taken down", id="root"),
        pytest.param(found("", NO_ROOT), "a kind cluster, taken down at the end", id="Docker"),
        pytest.param(found(NO_DOCKER, NO_ROOT, "context:aks1"), "in aks1, removed at the end", id="a named cluster"),
        pytest.param(found(NO_DOCKER, NO_ROOT), "act one only: no cluster: no kind", id="nothing"),
    ],
)
def test_it_says_where_act_two_is_played_or_why_it_is_not(facts: Machine, said: str) -> None:
    assert said in "\n".join(describe(facts))


def test_it_says_what_is_created_and_how_much_room_there_is() -> None:
    lines = "\n".join(describe(found(NO_DOCKER, "")))
    assert "creates: /var/cache/aiapp" in lines
    assert "2 cores; 100 GB free" in lines


def test_docker_that_hangs_does_not_delay_the_first_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexec sleep 30\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(machine, "LOOK_SECONDS", 0.3)
    started = time.monotonic()
    seen = inspect({"CLUSTER": "kind"})
    assert time.monotonic() - started < 2
    assert seen.choice is None
    assert "does not answer" in seen.why_not


def test_an_unknown_cluster_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="minikube"):
        inspect({"CLUSTER": "minikube"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({}, "REGISTRY=HOST/PREFIX, .* and AZURE_STORAGE_CONNECTION_STRING=", id="neither"),
        pytest.param({"REGISTRY": "contoso.azurecr.io"}, "needs AZURE_STORAGE_CONNECTION_STRING=", id="no account"),
    ],
)
def test_a_cluster_of_ones_own_needs_a_registry_and_a_blob_account(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        inspect({"CLUSTER": "context:aks1", **given})
