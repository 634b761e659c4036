"""What a rollout and a node upgrade need from the manifests so that no request is lost."""

import pytest

from aiapp_operator.children.containers import PRE_STOP_SECONDS
from aiapp_operator.state import Manifest, ObjectId
from stand_ins.app_cluster import serving_cluster

KUBE_PROXY_SECONDS = 5
"""What endpoints need at least to leave every node's rules."""


@pytest.fixture
def deployment() -> Manifest:
    return serving_cluster(serving={"readinessPath": "/ready", "port": 9000}).deployment


@pytest.fixture
def pod(deployment: Manifest) -> Manifest:
    spec: Manifest = deployment["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: Manifest) -> Manifest:
    (app,) = pod["containers"]
    return dict(app)


def test_an_old_pod_goes_only_after_a_new_one_is_ready_in_its_place(deployment: Manifest) -> None:
    assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_pod_gets_requests_only_while_its_readiness_path_answers(container: Manifest) -> None:
    (port,) = container["ports"]
    assert port["containerPort"] == 9000
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": port["name"], "scheme": "HTTP"}


def test_a_pod_serves_on_while_load_balancers_forget_it(container: Manifest) -> None:
    # Native, so that an image without a shell has it too.
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": PRE_STOP_SECONDS}}
    assert PRE_STOP_SECONDS > KUBE_PROXY_SECONDS


def test_a_pod_has_time_to_end_its_requests_after_that(pod: Manifest) -> None:
    assert pod["terminationGracePeriodSeconds"] >= PRE_STOP_SECONDS + 30


def test_a_busy_app_is_not_killed_for_a_slow_answer(container: Manifest) -> None:
    assert "httpGet" not in container["livenessProbe"]


def test_a_node_upgrade_takes_one_pod_at_a_time() -> None:
    budget = serving_cluster().children[ObjectId("PodDisruptionBudget", "digits")]
    assert budget["spec"]["maxUnavailable"] == 1
