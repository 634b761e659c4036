"""How the kind backend calls kind and Docker. It is seen with recorded programs only, not with a Docker server."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import kind
from cluster.backends import Options
from cluster.kind import KindBackend
from stand_ins.recorded_programs import Recorder


@pytest.fixture
def backend(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> KindBackend:
    for name in ("kind", "kubectl", "helm", "docker"):
        recorder.program(name)
    recorder.answer("kind get clusters", "other\n")
    recorder.answer("docker port", "127.0.0.1:49153\n")
    monkeypatch.setattr(kind, "answers", lambda address, port: (address, port) == ("127.0.0.1", 49153))
    said: list[str] = []
    backend = KindBackend("mine", said.append, Options(kind_image="kindest/node:v1.36.3"))
    backend.kubeconfig_path.write_text(yaml.safe_dump(KUBECONFIG))
    return backend


KUBECONFIG: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "mine", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "mine", "user": {}}],
    "contexts": [{"name": "mine", "context": {"cluster": "mine", "user": "mine"}}],
    "current-context": "mine",
}


def test_create_makes_the_cluster_and_its_neighbours_with_names(backend: KindBackend, recorder: Recorder) -> None:
    backend.create()
    create = next(arguments for arguments, _ in recorder.calls("kind") if arguments[:2] == ["create", "cluster"])
    assert {"--name=mine", f"--kubeconfig={backend.kubeconfig_path}", "--image=kindest/node:v1.36.3"} <= set(create)
    runs = {arguments[3]: arguments for arguments, _ in recorder.calls("docker") if arguments[0] == "run"}
    assert runs.keys() == {"--name=mine-registry", "--name=mine-azurite"}
    assert "--network-alias=registry.aiapp.test" in runs["--name=mine-registry"]
    assert "--network-alias=contosomodels.blob.core.windows.net" in runs["--name=mine-azurite"]
    assert all("--network=kind" in arguments for arguments in runs.values())


def test_no_secret_is_in_a_command_line(backend: KindBackend, recorder: Recorder) -> None:
    backend.create()
    secrets = [backend.registry_credentials.password, backend.blob_account().key]
    calls = recorder.calls("docker") + recorder.calls("kind")
    assert not [arguments for arguments, _ in calls if any(secret in " ".join(arguments) for secret in secrets)]
    accounts = [kept["AZURITE_ACCOUNTS"] for _, kept in calls if "AZURITE_ACCOUNTS" in kept]
    assert any(backend.blob_account().key in text for text in accounts)


def test_the_node_trusts_the_registry_by_the_ca_it_is_given(backend: KindBackend) -> None:
    backend.create()
    directory = backend.ca_certificate.parent.parent
    configuration = yaml.safe_load((directory / "kind.yaml").read_text())
    mounts = {mount["containerPath"]: mount["hostPath"] for mount in configuration["nodes"][0]["extraMounts"]}
    hosts = Path(mounts["/etc/containerd/certs.d"], "registry.aiapp.test:5000", "hosts.toml").read_text()
    assert '/etc/containerd/aiapp-certificates/ca.crt"' in hosts
    assert Path(mounts["/etc/containerd/aiapp-certificates"], "ca.crt").exists()


def test_containers_that_run_are_used(backend: KindBackend, recorder: Recorder) -> None:
    recorder.answer("docker inspect", "true\n")
    backend.create()
    assert not [arguments for arguments, _ in recorder.calls("docker") if arguments[0] == "run"]


def test_delete_takes_all_of_it_away(backend: KindBackend, recorder: Recorder) -> None:
    backend.create()
    backend.delete()
    removed = [arguments[-1] for arguments, _ in recorder.calls("docker") if arguments[:2] == ["rm", "--force"]]
    assert removed == ["mine-registry", "mine-azurite"]
    assert recorder.calls("kind")[-1][0][:3] == ["delete", "cluster", "--name=mine"]
    assert not backend.ca_certificate.parent.parent.exists()


@pytest.mark.parametrize("call", [lambda b: b.service_stopped("etcd"), lambda b: b.node_command("true")])
def test_what_kind_lacks_is_refused_by_the_name_of_the_capability(
    backend: KindBackend, call: Callable[[KindBackend], object]
) -> None:
    with pytest.raises(NotImplementedError, match="needs"):
        call(backend)


def test_accounts_are_reached_through_the_published_port(backend: KindBackend) -> None:
    backend.create()
    account = backend.blob_account()
    assert account.host_endpoint == "https://127.0.0.1:49153/contosomodels"
    assert (
        json.loads((backend.ca_certificate.parent.parent / "secrets.json").read_text())["contosomodels"] == account.key
    )
