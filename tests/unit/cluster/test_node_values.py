"""The pure parts of a local node: its networks, control groups, names and services."""

import json
from pathlib import Path

import pytest
import yaml

from cluster import configuration, names
from cluster.cgroups import hierarchies, is_pure_v2, node_directories
from cluster.commands import command_lines
from cluster.network import SLOTS, Addresses, free_slot
from cluster.state import NodeState

SERVICES = ("registry.aiapp.test", "s3.aiapp.test", "tokens.aiapp.test", "login.microsoftonline.com")
V1 = """\
40 31 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
41 40 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
42 40 0:30 /box /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
43 40 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
44 40 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
"""
V1_OWN = "5:memory:/box/run\n4:cpu,cpuacct:/\n3:pids:/\n1:name=systemd:/user\n0::/user\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_groups_of_version_1_go_below_our_own() -> None:
    found = hierarchies(V1_OWN, V1)
    assert sorted(map(str, node_directories(found, "aiapp-x"))) == [
        "/sys/fs/cgroup/cpu,cpuacct/aiapp-x",
        "/sys/fs/cgroup/memory/run/aiapp-x",
        "/sys/fs/cgroup/systemd/user/aiapp-x",
        "/sys/fs/cgroup/unified/user/aiapp-x",
    ]
    assert not is_pure_v2(found)


def test_the_group_of_version_2_goes_to_the_root() -> None:
    found = hierarchies("0::/user.slice/session-1.scope\n", V2)
    assert is_pure_v2(found)
    assert node_directories(found, "aiapp-x") == [Path("/sys/fs/cgroup/aiapp-x")]


def test_a_slot_meets_no_route_and_no_other_cluster() -> None:
    routes = ["default", "10.90.0.0/24", "10.91.1.128/25", "192.168.1.0/24"]
    assert free_slot(routes, taken=[2]).slot == 3


def test_without_a_free_network_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="no free network"):
        free_slot(["10.0.0.0/8"], taken=[])


def test_slots_share_no_network() -> None:
    networks = [
        network for slot in SLOTS for network in (Addresses(slot).nodes, Addresses(slot).services, Addresses(slot).pods)
    ]
    assert len(networks) == len(set(networks)) == 3 * len(SLOTS)


def test_every_zone_of_the_dns_is_a_block_of_its_own() -> None:
    blocks = [line.split()[0] for line in names.corefile(Addresses(0), "/state").splitlines() if line[:1].strip("} ")]
    assert blocks == ["cluster.local", *SERVICES, "blob.core.windows.net", "."]


def test_a_kubeconfig_holds_its_credentials_and_names_them_after_the_cluster() -> None:
    text = configuration.kubeconfig("https://10.90.0.2:6443", b"ca", b"certificate", b"key", "aiapp-x")
    config = yaml.safe_load(text)
    assert config["current-context"] == "aiapp-x"
    assert config["users"][0]["user"]["client-key-data"] == "a2V5"


def test_storage_keys_are_in_no_command_line() -> None:
    keys = {"account_keys": {"contosomodels": "secret"}, "s3_access_key": "AIAPP", "s3_secret_key": "secret"}
    state = NodeState("x", 0, owner=None, registry_username="aiapp", registry_password="secret", **keys)  # type: ignore[arg-type]
    lines = command_lines(state, "/state", "/azurite", "/usr/bin/python3")
    assert "secret" in lines["azurite"][1]["AZURITE_ACCOUNTS"]
    assert lines["s3"][1]["ROOT_SECRET_ACCESS_KEY"] == "secret"
    assert "secret" not in json.dumps([argv for argv, _ in lines.values()])


def test_every_service_has_its_name_in_the_hosts_file_too() -> None:
    lines = names.hosts(Addresses(3)).splitlines()
    assert [line.split()[1] for line in lines[2:]] == list(SERVICES)
    assert f"{Addresses(3).identity} tokens.aiapp.test" in lines


def test_a_usable_node_answers_on_every_service() -> None:
    listeners = names.listeners(Addresses(0))
    assert len(set(listeners.values())) == len(listeners)
    assert {"S3", "token issuer", "token registry"} <= listeners.keys()


def test_both_registries_serve_one_storage() -> None:
    basic = yaml.safe_load(configuration.registry(Addresses(0), "/state", "secret"))
    by_token = yaml.safe_load(configuration.token_registry(Addresses(0), "/state", "secret"))
    assert basic["storage"] == by_token["storage"]
    assert by_token["auth"]["token"]["realm"] == "https://tokens.aiapp.test/token"
