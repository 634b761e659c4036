"""The gate's Job: the pod that would serve, tried where nobody is sent to."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from aiapp_models import contract
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.fetch import fetch_allowance
from aiapp_operator.children.gate_job import gate_job, gate_job_name, time_limit
from aiapp_operator.children.metadata import selector
from aiapp_operator.release.ledger import Release
from aiapp_operator.release.notes import Notes
from aiapp_operator.state import Manifest
from aiapp_serving.gate import __main__ as gate_command
from aiapp_serving.gate.cases import Origin, parse_cases
from stand_ins.gates import IMAGE, MODEL, SETTINGS, a_release, an_app

GIB = 1024**3
CASES: list[Manifest] = [
    {"name": "a-seven", "request": {"body": "[7]"}, "expect": {"jsonPath": "$.result[0]", "equals": "7"}},
    {"name": "large", "request": {"bodyFrom": {"configMapKeyRef": {"name": "bodies", "key": "large.json"}}}},
]
SECRET = {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "api", "key": "key"}}}


def job_of(app: AIApp, against: Release | None = None) -> Manifest:
    return gate_job(app, a_release(app), against, SETTINGS)


def pod_of(**spec: Any) -> Manifest:
    pod: Manifest = job_of(an_app(**spec))["spec"]["template"]["spec"]
    return pod


def gate_of(**spec: Any) -> Manifest:
    (gate,) = pod_of(**spec)["containers"]
    return dict(gate)


def app_of(pod: Manifest) -> Manifest:
    return next(dict(each) for each in pod["initContainers"] if each["name"] == "app")


def argument(gate: Manifest, name: str) -> str | None:
    given: list[str] = gate["args"]
    return given[given.index(name) + 1] if name in given else None


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="the smallest app"),
        pytest.param(
            {"release": {"gate": {"cases": CASES, "comparison": {"maxLabelFlips": "2%"}}}}, id="all of a gate"
        ),
        pytest.param({"with_model": False}, id="an image that brings its model"),
        pytest.param(
            {
                "serving": {
                    "env": [SECRET, {"name": "A", "value": "x"}],
                    "nodeSelector": {"pool": "gpu"},
                    "tolerations": [{"key": "gpu", "operator": "Exists"}],
                    "resources": {"limits": {"memory": "1Gi", "nvidia.com/gpu": 1}},
                },
                "imagePullSecrets": [{"name": "acr-pull"}],
            },
            id="an app with everything that a pod may have",
        ),
    ],
)
def test_the_api_server_takes_it(spec: dict[str, Any]) -> None:
    app = an_app(**spec)
    kubernetes_validate.validate(job_of(app, a_release(app, 6)), kubernetes_validate.latest_version(), strict=True)


def test_its_name_is_the_same_for_whoever_asks_and_another_for_another_try() -> None:
    app = an_app()
    again = replace(a_release(app), notes=Notes(attempts=2))
    assert job_of(app)["metadata"]["name"] == gate_job_name("digits", 7, 0) == "digits-gate-7-0"
    assert gate_job(app, again, None, SETTINGS)["metadata"]["name"] == "digits-gate-7-2"


def test_its_name_fits_into_a_label_however_long_the_app_lives() -> None:
    names = {gate_job_name("a" * 49 + last, number, 123456) for last in "bc" for number in (1, 1000, 123456)}
    assert len(names) == 6
    assert all(len(name) <= 63 and name.endswith("-123456") for name in names)


def test_it_is_found_by_its_labels_and_goes_with_its_app() -> None:
    metadata = job_of(an_app())["metadata"]
    assert metadata["labels"] == {
        "app.kubernetes.io/instance": "digits",
        "app.kubernetes.io/managed-by": "aiapp-operator",
    }
    assert metadata["annotations"] == {"aiapp.dev/revision": "7", "aiapp.dev/release": "digits-7"}
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("AIApp", "digits", True)


def test_no_service_and_no_budget_ever_selects_its_pod() -> None:
    labels = job_of(an_app())["spec"]["template"]["metadata"]["labels"]
    assert labels[contract.LABEL_ROLE] == "gate"
    assert not selector("digits").items() <= labels.items()
    assert labels[contract.LABEL_MANAGED_BY] == contract.MANAGED_BY


def test_a_try_is_one_pod_and_only_one_that_was_evicted_gets_another() -> None:
    spec = job_of(an_app())["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["podReplacementPolicy"]) == (0, 1, "Failed")
    assert spec["podFailurePolicy"] == {
        "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
    }
    # Either would end or delete a Job whose verdict nobody has read yet.
    assert not {"ttlSecondsAfterFinished", "activeDeadlineSeconds"} & spec.keys()


def test_the_app_is_the_one_that_would_serve_but_for_what_only_traffic_needs() -> None:
    app = an_app(serving={"env": [SECRET], "resources": {"limits": {"memory": "1Gi"}}})
    release = a_release(app)
    (serving,) = release.template["spec"]["containers"]
    tried = app_of(gate_job(app, release, None, SETTINGS)["spec"]["template"]["spec"])
    assert {field for field in serving if tried.get(field) != serving[field]} == {
        "env",
        "lifecycle",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
    }
    assert tried["env"] == [*serving["env"], {"name": "AIAPP_PHASE", "value": "gate"}]
    assert tried["restartPolicy"] == "Always"


def test_fetch_comes_first_and_is_not_one_byte_different() -> None:
    app = an_app()
    release = a_release(app)
    first, second = gate_job(app, release, None, SETTINGS)["spec"]["template"]["spec"]["initContainers"]
    assert first == release.template["spec"]["initContainers"][0]
    assert second["name"] == "app"


def test_the_pod_that_serves_is_not_changed_by_making_its_gate() -> None:
    app = an_app(release={"gate": {"cases": CASES}})
    release = a_release(app)
    before = json.dumps(release.template)
    gate_job(app, release, None, SETTINGS)
    assert json.dumps(release.template) == before


def test_the_pod_runs_where_and_as_whom_the_app_runs_and_needs_no_room_between_its_pods() -> None:
    serving = {"nodeSelector": {"pool": "gpu"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}
    pod = pod_of(serving=serving, serviceAccountName="digits-reader")
    assert (pod["nodeSelector"], pod["tolerations"]) == (serving["nodeSelector"], serving["tolerations"])
    assert pod["serviceAccountName"] == "digits-reader"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["restartPolicy"] == "Never"
    assert "topologySpreadConstraints" not in pod


def test_the_gate_itself_may_do_nothing_but_ask() -> None:
    gate = gate_of()
    assert gate["image"] == SETTINGS.fetch_image
    assert gate["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert all(mount["readOnly"] for mount in gate["volumeMounts"])


@pytest.mark.parametrize(
    ("spec", "name", "value"),
    [
        ({}, "--url", "http://127.0.0.1:8080"),
        ({"serving": {"port": 9000}}, "--url", "http://127.0.0.1:9000"),
        ({}, "--ready-path", "/version"),
        ({"serving": {"readinessPath": "/healthz"}}, "--ready-path", "/healthz"),
        ({}, "--timeout", "10m"),
        ({"release": {"gate": {"timeout": "90s"}}}, "--timeout", "90s"),
        ({}, "--cases", None),
        ({"release": {"gate": {"cases": CASES}}}, "--cases", contract.GATE_CASES),
        ({}, "--model-folder", contract.MODEL_DIR),
        ({"with_model": False}, "--model-folder", None),
        ({}, "--expect-image", IMAGE.digest),
        ({}, "--expect-model", f"42@{MODEL.digest}"),
        ({"with_model": False}, "--expect-model", None),
        ({}, "--max-label-flips", None),
        ({"release": {"gate": {"comparison": {"maxLabelFlips": "2%"}}}}, "--max-label-flips", "2%"),
        ({}, "--compare-with", None),
        ({}, "--report", "/dev/termination-log"),
    ],
)
def test_the_gate_is_told(spec: dict[str, Any], name: str, value: str | None) -> None:
    assert argument(gate_of(**spec), name) == value


def test_the_gate_understands_all_that_it_is_told(tmp_path: Path) -> None:
    app = an_app(release={"gate": {"cases": CASES, "comparison": {"maxLabelFlips": "2%"}, "timeout": "1h30m"}})
    template = job_of(app, against=a_release(app, 6))["spec"]["template"]
    cases = tmp_path / "cases.json"
    cases.write_text(template["metadata"]["annotations"][contract.ANNOTATION_GATE_CASES])
    in_this_test = {contract.GATE_CASES: str(cases), contract.MODEL_DIR: str(tmp_path)}
    (gate,) = template["spec"]["containers"]
    told = gate_command.parse([in_this_test.get(each, each) for each in gate["args"]]).settings
    assert (told.timeout, told.expected.model_digest, told.expected.image) == (5400, MODEL.digest, IMAGE.digest)
    read = parse_cases(cases.read_bytes(), Origin.SPEC, "the spec")
    assert [(case.name, case.request.body) for case in read] == [("a-seven", b"[7]"), ("large", None)]


def test_the_release_that_serves_is_compared_with_through_its_service() -> None:
    app = an_app()
    (gate,) = job_of(app, against=a_release(app, 6))["spec"]["template"]["spec"]["containers"]
    assert argument(gate, "--compare-with") == "http://digits.vision"


def test_what_the_release_was_rendered_with_counts_when_the_spec_has_moved_on() -> None:
    release = a_release(an_app(serving={"port": 9000, "readinessPath": "/healthz"}))
    job = gate_job(an_app(serving={"port": 8081}), release, None, SETTINGS)
    (gate,) = job["spec"]["template"]["spec"]["containers"]
    assert (argument(gate, "--url"), argument(gate, "--ready-path")) == ("http://127.0.0.1:9000", "/healthz")


def test_the_model_of_a_volume_is_expected_by_its_version_alone() -> None:
    app = an_app()
    release = a_release(app, model=replace(MODEL, version="v1@2", digest="", size_bytes=0))
    (gate,) = gate_job(app, release, None, SETTINGS)["spec"]["template"]["spec"]["containers"]
    assert argument(gate, "--expect-model") == "v1@2@"


class TestGoldenCases:
    def test_travel_with_the_pod_as_the_spec_has_them(self) -> None:
        job = job_of(an_app(release={"gate": {"cases": CASES}}))
        annotations = job["spec"]["template"]["metadata"]["annotations"]
        assert json.loads(annotations[contract.ANNOTATION_GATE_CASES]) == CASES
        assert annotations[contract.ANNOTATION_MODEL_VERSION] == "42"

    def test_are_read_as_a_file(self) -> None:
        pod = pod_of(release={"gate": {"cases": CASES}})
        volume = next(each for each in pod["volumes"] if "downwardAPI" in each)
        (item,) = volume["downwardAPI"]["items"]
        (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == volume["name"]]
        assert f"{mount['mountPath']}/{item['path']}" == contract.GATE_CASES
        assert item["fieldRef"] == {"fieldPath": "metadata.annotations['aiapp.dev/gate-cases']"}

    def test_may_have_a_body_from_a_config_map_that_is_not_there_yet(self) -> None:
        pod = pod_of(release={"gate": {"cases": CASES}})
        volume = next(each for each in pod["volumes"] if "configMap" in each)
        assert volume["configMap"] == {
            "name": "bodies",
            "items": [{"key": "large.json", "path": "body"}],
            "optional": True,
        }
        (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == volume["name"]]
        assert mount["mountPath"] == "/etc/aiapp/bodies/1"

    def test_of_nobody_need_no_file(self) -> None:
        assert {mount["name"] for mount in gate_of()["volumeMounts"]} == {"model"}
        assert "volumeMounts" not in gate_of(with_model=False)


class TestSecrets:
    def test_are_known_to_the_gate_so_that_it_never_repeats_them(self) -> None:
        env = {each["name"]: each for each in gate_of(serving={"env": [{"name": "A", "value": "x"}, SECRET]})["env"]}
        (name,) = env[contract.ENV_GATE_MASKED]["value"].split(",")
        assert env[name]["valueFrom"] == {"secretKeyRef": {"name": "api", "key": "key", "optional": True}}

    def test_change_nothing_in_how_the_gate_runs(self) -> None:
        proxy = {**SECRET, "name": "HTTP_PROXY"}
        names = {each["name"] for each in gate_of(serving={"env": [proxy]})["env"]}
        assert all(name.startswith(contract.RESERVED_ENV_PREFIX) for name in names)

    def test_of_nobody_are_not_spoken_of(self) -> None:
        assert "env" not in gate_of()


class TestTime:
    @pytest.mark.parametrize(
        ("size", "seconds"),
        [(1, 601), (10 * 1024 * 1024, 601), (5 * GIB, 600 + 512), (100 * GIB, 600 + 10_240), (0, 3600)],
        ids=["a byte", "10 MiB", "5 GiB", "100 GiB", "nobody knows"],
    )
    def test_a_fetch_has_time_by_the_size_of_its_model(self, size: int, seconds: int) -> None:
        assert fetch_allowance(size) == timedelta(seconds=seconds)

    def test_the_pod_has_time_for_its_images_its_model_and_its_cases(self) -> None:
        app = an_app(release={"gate": {"timeout": "20m"}})
        release = a_release(app, model=replace(MODEL, size_bytes=5 * GIB))
        minutes = timedelta(minutes=10 + 20 + 1)
        assert time_limit(app, release) == fetch_allowance(5 * GIB) + minutes
        pod = gate_job(app, release, None, SETTINGS)["spec"]["template"]["spec"]
        assert pod["activeDeadlineSeconds"] == time_limit(app, release).total_seconds()

    def test_an_image_that_brings_its_model_fetches_nothing(self) -> None:
        app = an_app(with_model=False)
        assert time_limit(app, a_release(app)) == timedelta(minutes=21)
