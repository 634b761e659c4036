"""What users may write wrong, and in which words it is answered; asked of the real API server.

Nothing is stored: every request is a dry run. An answer counts when it names the field and says what helps.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from cluster.protocol import Cluster
from inputs.aiapp import ACCEPTED, REFUSED
from inputs.case import Accepted, Refused, patched

CRD_FILE: Final = Path(__file__).resolve().parents[2] / "crds/aiapps.aiapp.dev.yaml"


def at(body: dict[str, Any], path: str) -> Any:
    value: Any = body
    for part in path.split("."):
        value = value[part]
    return value


@pytest.fixture(scope="module")
def api(kind_cluster: Cluster) -> Iterator[client.CustomObjectsApi]:
    """The API of a server that knows the definition; one that was not there before is taken away again."""
    there = kind_cluster.kubectl("get", "crd", "aiapps.aiapp.dev", "--ignore-not-found", "-o", "name").strip()
    kind_cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD_FILE))
    kind_cluster.kubectl("wait", "--for=condition=Established", "crd/aiapps.aiapp.dev", "--timeout=60s")
    connection = config.new_client_from_config(  # type: ignore[no-untyped-call]
        config_file=str(kind_cluster.kubeconfig_path)
    )
    with connection:
        yield client.CustomObjectsApi(connection)
    if not there:
        kind_cluster.kubectl("delete", "crd", "aiapps.aiapp.dev")


def answer_of(refusal: ApiException) -> dict[str, Any]:
    assert refusal.body is not None
    answer: dict[str, Any] = json.loads(refusal.body)
    return answer


def send(api: client.CustomObjectsApi, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.create_namespaced_custom_object(
        "aiapp.dev", "v1alpha1", "default", "aiapps", body, dry_run="All", field_validation="Strict"
    )
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_wrong_input_is_refused_by_the_api_server_naming_field_and_fix(
    api: client.CustomObjectsApi, case: Refused
) -> None:
    with pytest.raises(ApiException) as refusal:
        send(api, patched(case.patch))
    assert refusal.value.status == 422
    causes = answer_of(refusal.value)["details"]["causes"]
    assert [cause for cause in causes if cause["field"] == case.field and case.words in cause["message"]], causes


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_a_right_input_is_accepted_with_its_defaults(api: client.CustomObjectsApi, case: Accepted) -> None:
    answer = send(api, patched(case.patch))
    assert {path: at(answer, path) for path in case.becomes} == case.becomes


def test_a_misspelt_field_is_named(api: client.CustomObjectsApi) -> None:
    with pytest.raises(ApiException) as refusal:
        send(api, patched({"spec.modelversion": "43"}))
    assert refusal.value.status == 400
    assert 'unknown field "spec.modelversion"' in answer_of(refusal.value)["message"]


def test_explain_is_the_manual(kind_cluster: Cluster, api: client.CustomObjectsApi) -> None:  # noqa: ARG001
    text = kind_cluster.kubectl("explain", "aiapp.spec.expose.service.exposure")
    assert "Internal: an address in the virtual network" in " ".join(text.split())
