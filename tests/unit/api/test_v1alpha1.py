"""Objects as the API server gives them become the operator's values."""

from datetime import timedelta
from typing import Any

import pydantic
import pytest

from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.gate import BODIES_FIT, BODY_OF_ITS_METHOD, TOLERATED_NUMBER
from aiapp_operator.api.model_source import ONE_CREDENTIAL, S3_ADDRESS, SOURCE_RULES, ReadsAs
from aiapp_operator.api.policies import NO_PATTERN_FOR_TAG, RANGE_WITH_SEM_VER
from aiapp_operator.api.release import AFTER_ITS_START
from aiapp_operator.api.v1alpha1 import SPEC_RULES, AIApp, Exposure, ServiceType
from inputs.aiapp import ACCEPTED, REFUSED
from inputs.case import AZURE, CLAIM, S3, SECRET, UUID, Accepted, Refused, patched

RULES = (
    *(*SPEC_RULES, *SOURCE_RULES, ONE_CREDENTIAL, S3_ADDRESS, RANGE_WITH_SEM_VER, NO_PATTERN_FOR_TAG),
    *(BODY_OF_ITS_METHOD, TOLERATED_NUMBER, BODIES_FIT, AFTER_ITS_START),
)


def manifest(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "aiapp.dev/v1alpha1",
        "kind": "AIApp",
        "metadata": {"name": "digits", "namespace": "vision", "uid": "u", "generation": 3, "managedFields": []},
        "spec": {"image": "contoso.azurecr.io/digits:1.4.2"} | spec,
    }


def test_the_smallest_app_has_sound_defaults() -> None:
    app = AIApp.parse(manifest())
    assert (app.metadata.name, app.metadata.namespace, app.metadata.generation) == ("digits", "vision", 3)
    assert (app.spec.suspend, app.spec.model_source, app.spec.model_version) == (False, None, None)
    assert (app.spec.serving.port, app.spec.serving.replicas, app.spec.serving.readiness_path) == (8080, 2, "/version")
    assert parse_duration(app.spec.release.progress_deadline) == timedelta(minutes=10)
    assert (app.spec.release.schedule, app.spec.release.freezes, app.spec.release.gate.cases) == ((), (), ())
    assert parse_duration(app.spec.release.bake.duration) == timedelta(minutes=5)
    assert app.spec.release.gate.comparison is None
    assert app.spec.expose.service.type is ServiceType.CLUSTER_IP
    assert app.spec.expose.service.exposure is Exposure.INTERNAL


def test_fields_of_a_newer_schema_are_ignored() -> None:
    newer = manifest(rehearsal={"type": "Shadow"}, serving={"port": 9000, "drainSeconds": 30})
    assert AIApp.parse(newer).spec.serving.port == 9000


def test_everything_that_was_written_comes_back_in_json() -> None:
    spec = {
        "image": "contoso.azurecr.io/digits:1.4.2",
        "imagePullSecrets": [{"name": "acr-pull"}],
        "modelVersion": "42",
        "modelSource": {
            "azureBlob": {"account": "contosomodels", "container": "models", "path": "digits"},
            "credentials": {"secretRef": {"name": "blob"}},
        },
        "serving": {
            "resources": {"requests": {"cpu": "500m"}, "limits": {"nvidia.com/gpu": 1}},
            "env": [
                {"name": "A", "value": ""},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            ],
            "nodeSelector": {"kubernetes.azure.com/agentpool": "gpu"},
            "tolerations": [{"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}],
        },
        "release": {
            "schedule": [{"cron": "0 2 * * *", "timeZone": "Europe/Berlin"}],
            "freezes": [{"from": "2026-12-20T00:00:00Z", "to": "2027-01-04T00:00:00+01:00", "reason": "holidays"}],
            "gate": {
                "cases": [
                    {
                        "name": "a-seven",
                        "request": {"bodyFrom": {"configMapKeyRef": {"name": "golden", "key": "seven"}}},
                        "expect": {"jsonPath": "$.result", "equals": "7", "oneOf": ["7"], "maxLatency": "200ms"},
                    }
                ],
                "comparison": {"maxLabelFlips": "2%"},
            },
            "bake": {"duration": "0s"},
        },
        "expose": {"service": {"type": "LoadBalancer", "annotations": {"a": "b"}}},
    }
    read = AIApp.parse(manifest(**spec)).spec
    assert read.model_dump(mode="json", by_alias=True, exclude_defaults=True) == spec


def test_anonymous_access_is_told_from_none_named() -> None:
    source = {"azureBlob": {"account": "abc", "container": "models", "path": "d"}, "credentials": {"anonymous": {}}}
    read = AIApp.parse(manifest(modelVersion="1", modelSource=source)).spec.model_source
    assert read is not None
    assert read.reads_as is ReadsAs.ANONYMOUS
    assert read.identity is None


@pytest.mark.parametrize(
    ("source", "kind", "client_id"),
    [
        ({"azureBlob": AZURE}, ReadsAs.WORKLOAD_IDENTITY, ""),
        ({"azureBlob": AZURE, "credentials": None}, ReadsAs.WORKLOAD_IDENTITY, ""),
        ({"azureBlob": AZURE, "credentials": {"workloadIdentity": {}}}, ReadsAs.WORKLOAD_IDENTITY, ""),
        ({"azureBlob": AZURE, "credentials": {"workloadIdentity": {"clientID": UUID}}}, "WorkloadIdentity", UUID),
        ({"azureBlob": AZURE, "credentials": SECRET}, ReadsAs.SECRET, None),
        ({"s3": S3, "credentials": SECRET}, ReadsAs.SECRET, None),
        ({"s3": S3, "credentials": {"anonymous": {}}}, ReadsAs.ANONYMOUS, None),
        ({"persistentVolumeClaim": CLAIM}, ReadsAs.MOUNT, None),
    ],
)
def test_an_azure_store_is_read_by_identity_unless_told(
    source: dict[str, Any], kind: str, client_id: str | None
) -> None:
    read = AIApp.parse(manifest(modelVersion="1", modelSource=source)).spec.model_source
    assert read is not None
    assert read.reads_as == kind
    assert (read.identity.client_id if read.identity else None) == client_id


@pytest.mark.parametrize(
    ("spec", "follows"),
    [
        ({}, False),
        ({"modelSource": {"azureBlob": AZURE}}, True),
        ({"modelSource": {"azureBlob": AZURE}, "modelVersion": "latest"}, True),
        ({"modelSource": {"azureBlob": AZURE}, "modelVersion": "42"}, False),
    ],
)
def test_a_model_is_followed_unless_its_version_is_named(spec: dict[str, Any], follows: bool) -> None:
    assert AIApp.parse(manifest(**spec)).spec.follows_model is follows


def parsed(body: dict[str, Any]) -> AIApp:
    return AIApp.parse(body | {"metadata": {"namespace": "vision", "name": "digits"}})


def refusals(case: Refused) -> list[str]:
    """The words in which a manifest is refused that the API server did not check."""
    with pytest.raises(pydantic.ValidationError) as refusal:
        parsed(patched(case.patch))
    return [error["msg"] for error in refusal.value.errors()]


ACROSS_FIELDS = [case for case in REFUSED if any(case.words in rule.message for rule in RULES)]


@pytest.mark.parametrize("case", ACROSS_FIELDS, ids=lambda case: case.id)
def test_what_an_older_schema_let_through_is_refused_in_the_same_words(case: Refused) -> None:
    assert [words for words in refusals(case) if case.words in words]


def test_every_rule_across_fields_is_broken_by_an_input() -> None:
    words = {words for case in ACROSS_FIELDS for words in refusals(case)}
    assert [rule.message for rule in RULES if rule.message not in words] == []


# Null for a section with defaults is filled in by the API server before anything reads it.
@pytest.mark.parametrize("case", [case for case in ACCEPTED if case.id != "null-section"], ids=lambda case: case.id)
def test_what_the_api_server_accepts_can_be_read(case: Accepted) -> None:
    parsed(patched(case.patch))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"image": None}, "spec.image"),
        ({"serving": {"port": 80}}, "spec.serving.port"),
        ({"serving": {"replicas": 0}}, "spec.serving.replicas"),
        ({"expose": {"service": {"type": "NodePort"}}}, "spec.expose.service.type"),
        (
            {"release": {"freezes": [{"from": "2026-12-20", "to": "2027-01-04T00:00:00Z"}]}},
            "spec.release.freezes.0.from",
        ),
    ],
)
def test_what_no_schema_would_let_in_is_refused_by_name(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(pydantic.ValidationError) as refusal:
        AIApp.parse(manifest(**spec))
    assert [".".join(map(str, error["loc"])) for error in refusal.value.errors()] == [field]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h1m1s", 3661), ("0s", 0)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1m1h", "1.5h", "10 m", "10m\n", "1d", "\u0661m"])
def test_other_words_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="90s"):
        parse_duration(text)
