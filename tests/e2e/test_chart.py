"""What the chart renders: valid manifests that a namespace with the restricted pod security level takes."""

import json
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from cluster.protocol import Cluster

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts/aiapp-operator"
CI_VALUES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
MINIMAL: Final = CHART / "ci/minimal-values.yaml"
KUBERNETES: Final = "1.36.0"
"""The oldest version that the chart asks for."""
MONITORING: Final = {"PodMonitor", "PrometheusRule"}
NOT_BUILT_IN: Final = {"CustomResourceDefinition", *MONITORING}
"""Kinds that the schemas of Kubernetes' own API do not hold in full."""

Manifest = dict[str, Any]


def render(cluster: Cluster, values: Path, *more: str, namespace: str = "aiapp-system") -> list[Manifest]:
    text = cluster.helm(
        *("template", "aiapp", str(CHART), "--namespace", namespace, "--kube-version", KUBERNETES),
        *("--values", str(values), *more),
    )
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def only(manifests: list[Manifest], kind: str) -> Manifest:
    (manifest,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return manifest


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)
def test_lint_finds_nothing(kind_cluster: Cluster, values: Path) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in kind_cluster.helm(
        "lint", "--strict", str(CHART), "--values", str(values)
    )


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)
def test_manifests_follow_the_schemas_of_the_oldest_version(kind_cluster: Cluster, values: Path) -> None:
    manifests = render(kind_cluster, values)
    assert {"Deployment", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Service"} <= {
        manifest["kind"] for manifest in manifests
    }
    for manifest in manifests:
        if manifest["kind"] not in NOT_BUILT_IN:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)
def test_the_api_server_takes_all_of_it_and_the_pod_under_the_restricted_level(
    kind_cluster: Cluster, values: Path
) -> None:
    with kind_cluster.namespace(pod_security="restricted") as namespace:
        manifests = render(kind_cluster, values, "--set", f"secretNamespaces={{{namespace}}}", namespace=namespace)
        pod = only(manifests, "Deployment")["spec"]["template"]
        # The ServiceAccount of a dry run does not exist; a pod must name one that does.
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": pod["metadata"] | {"name": "operator", "namespace": namespace},
            "spec": pod["spec"] | {"serviceAccountName": "default", "priorityClassName": ""},
        }
        sent = [manifest for manifest in manifests if manifest["kind"] not in MONITORING]
        answer = kind_cluster.kubectl(
            *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"),
            input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [*sent, pod]}),
        )
        assert answer.count("(server dry run)") == len(sent) + 1


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.stem)
def test_the_definition_is_the_generated_one(kind_cluster: Cluster, values: Path) -> None:
    generated = yaml.safe_load((ROOT / "crds/aiapps.aiapp.dev.yaml").read_text())
    rendered = only(render(kind_cluster, values), "CustomResourceDefinition")
    assert rendered["spec"] == generated["spec"]
    assert rendered["metadata"]["name"] == generated["metadata"]["name"]


def test_the_definition_stays_at_uninstall_unless_told_otherwise(kind_cluster: Cluster) -> None:
    def annotations(*more: str) -> Any:
        return only(render(kind_cluster, MINIMAL, *more), "CustomResourceDefinition")["metadata"].get("annotations")

    assert annotations() == {"helm.sh/resource-policy": "keep"}
    assert annotations("--set", "crds.keep=false") is None
    kinds = {manifest["kind"] for manifest in render(kind_cluster, MINIMAL, "--set", "crds.install=false")}
    assert "CustomResourceDefinition" not in kinds


def test_a_digest_wins_over_the_tag_and_the_version_is_the_default_tag(kind_cluster: Cluster) -> None:
    def image(*more: str) -> str:
        containers = only(render(kind_cluster, MINIMAL, *more), "Deployment")["spec"]["template"]["spec"]["containers"]
        reference: str = containers[0]["image"]
        return reference

    digest = "sha256:" + "a" * 64
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert image() == f"contoso.azurecr.io/aiapp-operator:{version}"
    assert image("--set", "image.tag=9.1rc") == "contoso.azurecr.io/aiapp-operator:9.1rc"
    assert image("--set", f"image.tag=9.1rc,image.digest={digest}") == f"contoso.azurecr.io/aiapp-operator@{digest}"


def test_secrets_are_readable_in_the_named_namespaces_alone(kind_cluster: Cluster) -> None:
    def bindings(*more: str) -> list[str]:
        rendered = render(kind_cluster, MINIMAL, *more)
        return [manifest["metadata"]["namespace"] for manifest in rendered if manifest["kind"] == "RoleBinding"]

    assert bindings() == []
    assert bindings("--set", "secretNamespaces={vision,speech}") == ["vision", "speech"]


def test_alerts_are_rendered_with_the_names_that_prometheus_fills_in(kind_cluster: Cluster) -> None:
    rule = only(render(kind_cluster, CHART / "ci/everything-values.yaml"), "PrometheusRule")
    alerts = {alert["alert"]: alert for alert in rule["spec"]["groups"][0]["rules"]}
    assert set(alerts) == {"AIAppSourceDrifted", "AIAppStale", "AIAppHeld", "AIAppRolledBack"}
    for name in set(alerts) - {"AIAppRolledBack"}:
        assert "{{ $labels.namespace }}/{{ $labels.name }}" in alerts[name]["annotations"]["summary"]
    assert alerts["AIAppStale"]["expr"] == "aiapp_stream_staleness_seconds > 5400"
    assert "PrometheusRule" not in {manifest["kind"] for manifest in render(kind_cluster, MINIMAL)}
