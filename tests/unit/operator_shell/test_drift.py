"""Whether an apply would change anything, on what API servers make of what is applied."""

from copy import deepcopy
from typing import Any

import pytest

from aiapp_operator.drift import applied_hash, stands, with_hash
from aiapp_operator.state import Manifest

DESIRED: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "digits", "labels": {"a": "b"}, "ownerReferences": [{"uid": "u1", "controller": True}]},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "app",
                        "args": ["--serve"],
                        "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}],
                        "ports": [{"containerPort": 8080, "name": "http"}],
                        "resources": {"limits": {"memory": "1Gi"}},
                    }
                ],
                "nodeSelector": {"disk": "ssd"},
                "automountServiceAccountToken": False,
            }
        },
    },
}


def _live() -> Manifest:
    """Return what an API server made of DESIRED: defaults and what others added."""
    live = deepcopy(with_hash(DESIRED))
    live["metadata"] |= {"uid": "d1", "resourceVersion": "7"}
    live["metadata"]["labels"]["foreign"] = "yes"
    live["spec"]["strategy"] = {"type": "RollingUpdate"}
    container = live["spec"]["template"]["spec"]["containers"][0]
    container["env"].insert(0, {"name": "FOREIGN", "value": "kept"})
    container["ports"][0]["protocol"] = "TCP"
    live["spec"]["template"]["spec"]["containers"].append({"name": "sidecar"})
    live["status"] = {"replicas": 2}
    return live


def test_defaults_and_foreign_additions_are_no_drift() -> None:
    assert stands(with_hash(DESIRED), _live())


CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("metadata", "labels", "a"), "edited", id="label"),
        pytest.param(("metadata", "labels"), {}, id="label removed"),
        pytest.param(("metadata", "ownerReferences"), [], id="owner reference removed"),
        pytest.param(("spec", "replicas"), 3, id="number"),
        pytest.param(("spec", "selector", "matchLabels", "extra"), "1", id="selector narrowed"),
        pytest.param(("spec", "template", "spec", "nodeSelector", "extra"), "1", id="node selector narrowed"),
        pytest.param(("spec", "template", "spec", "automountServiceAccountToken"), True, id="boolean"),
        pytest.param(("spec", "template", "spec", "automountServiceAccountToken"), 0, id="number in place of boolean"),
        pytest.param((*CONTAINER, "env", 1, "value"), "edited", id="variable"),
        pytest.param((*CONTAINER, "env"), [], id="variables removed"),
        pytest.param((*CONTAINER, "args"), ["--serve", "--debug"], id="argument added"),
        pytest.param((*CONTAINER, "ports", 0, "containerPort"), 8081, id="port"),
        pytest.param((*CONTAINER, "resources", "limits", "memory"), "2Gi", id="limit"),
        pytest.param((*CONTAINER, "name"), "renamed", id="container renamed"),
    ],
)
def test_an_edit_of_what_we_own_is_drift(path: tuple[Any, ...], value: Any) -> None:
    live = _live()
    place: Any = live
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not stands(with_hash(DESIRED), live)


def test_a_field_that_is_no_longer_desired_is_drift_by_the_hash() -> None:
    fewer = deepcopy(DESIRED)
    del fewer["spec"]["template"]["spec"]["nodeSelector"]
    assert not stands(with_hash(fewer), _live())


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert applied_hash({"a": 1, "b": 2}) == applied_hash({"b": 2, "a": 1})


def test_the_hash_leaves_the_manifest_and_its_annotations_alone() -> None:
    manifest: Manifest = {"metadata": {"name": "x", "annotations": {"kept": "1"}}}
    assert with_hash(manifest)["metadata"]["annotations"].keys() == {"kept", "aiapp.dev/applied-hash"}
    assert manifest == {"metadata": {"name": "x", "annotations": {"kept": "1"}}}
