"""The chart's files agree with each other and with the operator that they install; nothing is rendered."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from aiapp_models import contract
from aiapp_operator import actions, assembly, kube
from aiapp_operator.reasons import Reason
from aiapp_operator.settings import Settings
from aiapp_operator.state import Part

CHART = Path(__file__).resolve().parents[3] / "charts/aiapp-operator"
TEMPLATES = {path.name: path.read_text() for path in (CHART / "templates").iterdir()}
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))
WATCHED_AND_APPLIED = {"get", "list", "watch", "create", "patch", "delete"}
WATCHED = {"get", "list", "watch"}
RIGHTS = {
    "aiapps": WATCHED,
    "aiapps/status": {"update"},
    "aiapps/finalizers": {"update"},
    "deployments": WATCHED_AND_APPLIED,
    "controllerrevisions": WATCHED_AND_APPLIED - {"get", "watch"},
    "services": WATCHED_AND_APPLIED,
    "serviceaccounts": WATCHED_AND_APPLIED,
    "serviceaccounts/token": {"create"},
    "poddisruptionbudgets": WATCHED_AND_APPLIED,
    "jobs": WATCHED_AND_APPLIED - {"patch"},
    "pods": WATCHED,
    "events": {"create"},
}


def plain(template: str) -> list[dict[str, Any]]:
    """The objects of a template whose expressions stand in metadata only."""
    lines = [line for line in TEMPLATES[template].splitlines() if "{{" not in line]
    return [manifest for manifest in yaml.safe_load_all("\n".join(lines)) if manifest]


def paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{name}.")


def schema_paths(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in schema.get("properties", {}).items():
        yield prefix + name
        yield from schema_paths(value, f"{prefix}{name}.")


def test_the_schema_is_one_and_lets_the_defaults_in() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize("path", CI_VALUES, ids=lambda path: path.stem)
def test_the_schema_lets_the_tried_values_in(path: Path) -> None:
    jsonschema.validate(VALUES | yaml.safe_load(path.read_text()), SCHEMA)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"imag": {}}, "imag"),
        ({"image": {"repository": "contoso.azurecr.io/aiapp-operator:1"}}, "does not match"),
        ({"image": {"digest": "sha256:abc"}}, "does not match"),
        ({"serving": {"image": {"name": "x"}}}, "name"),
        ({"replicas": 2}, "replicas"),
        ({"secretNamespaces": ["*"]}, "does not match"),
        ({"secretNamespaces": "vision"}, "not of type 'array'"),
        ({"logging": {"format": "text"}}, "text"),
        ({"crds": {"keep": "yes"}}, "not of type 'boolean'"),
        ({"sources": {"listedEndpoints": "harbor.corp.example"}}, "not of type 'array'"),
        ({"sources": {"listedEndpoints": ["https://harbor.corp.example/team"]}}, "does not match"),
        ({"sources": {"listedEndpoints": ["a.corp.example,b.corp.example"]}}, "does not match"),
        ({"sources": {"clusterNetworks": ["10.0.0.0"]}}, "does not match"),
        ({"sources": {"verifyHours": 0}}, "less than or equal to the minimum"),
        ({"azure": {"authorityHost": "http://login.microsoftonline.com"}}, "does not match"),
        ({"azure": {"tenantID": "contoso"}}, "does not match"),
        ({"accessPolicy": {"enabled": "yes"}}, "not of type 'boolean'"),
        ({"metrics": {"prometheusRule": {"staleHours": 0}}}, "less than or equal to the minimum"),
    ],
    ids=str,
)
def test_the_schema_names_what_is_wrong(value: dict[str, Any], words: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=words):
        jsonschema.validate(VALUES | value, SCHEMA)


def test_every_value_has_a_default_and_a_place_in_the_schema() -> None:
    free = ("nodeSelector.", "resources.requests.", "resources.limits.")
    declared = {path for path in schema_paths(SCHEMA) if path != "global"}
    assert {path for path in paths(VALUES) if not path.startswith(free)} == declared


def test_templates_use_every_value_and_no_other() -> None:
    used = {match for text in TEMPLATES.values() for match in re.findall(r"\.Values\.([A-Za-z.]+)", text)}
    known = set(paths(VALUES))
    assert used - known == set()
    assert {name for name in VALUES if not any(path.split(".")[0] == name for path in used)} == set()


def test_every_value_is_explained_above_it() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    # What Kubernetes names the same needs no words.
    known = {"podAnnotations", "podLabels", "priorityClassName", "nodeSelector", "tolerations"}
    sections = {
        "serving",
        "crds",
        "sources",
        "models",
        "azure",
        "trustBundle",
        "serviceAccount",
        "rbac",
        "accessPolicy",
        "metrics",
        "logging",
    }
    names = [(line.split(":")[0], before) for before, line in pairwise(lines) if re.match(r"\w+:", line)]
    assert [name for name, before in names if not before.startswith("#") and name not in known | sections] == []


def test_the_operator_has_the_rights_that_its_api_needs_and_no_more() -> None:
    (role,) = [manifest for manifest in plain("clusterrole.yaml") if manifest["kind"] == "ClusterRole"]
    rights = {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}
    assert rights == RIGHTS
    assert {resource.plural for resource in kube.RESOURCES.values()} - set(rights) == {"secrets"}
    watched = {kube.RESOURCES[kind].plural for kind in assembly.WATCHED_KINDS}
    assert {resource for resource, verbs in rights.items() if "watch" in verbs} == watched


def test_the_groups_are_those_of_the_kinds() -> None:
    (role,) = [manifest for manifest in plain("clusterrole.yaml") if manifest["kind"] == "ClusterRole"]
    groups = {resource: rule["apiGroups"] for rule in role["rules"] for resource in rule["resources"]}
    for resource in kube.RESOURCES.values():
        if resource.plural != "secrets":
            group, slash, _ = resource.api_version.partition("/")
            assert groups[resource.plural] == [group if slash else ""]


def test_secrets_are_read_by_name_and_only_where_a_binding_says_so() -> None:
    reader = plain("secret-reader.yaml")[0]
    assert reader["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    bound = [manifest["kind"] for name in ("clusterrole.yaml", "secret-reader.yaml") for manifest in plain(name)]
    assert bound == ["ClusterRole", "ClusterRoleBinding", "ClusterRole", "RoleBinding"]
    assert "aiapp-secret-reader" not in TEMPLATES["clusterrole.yaml"]


def test_tokens_are_for_the_audience_of_the_contract_alone() -> None:
    policy = TEMPLATES["token-policy.yaml"]
    assert f'expression: object.spec.?audiences.orValue([]) == ["{contract.IDENTITY_AUDIENCE}"]' in policy
    (seconds,) = re.findall(r"expirationSeconds\.orValue\((\d+)\) <= \1\b", policy)
    assert int(seconds) >= kube.TOKEN_SECONDS
    subject = 'system:serviceaccount:{{ .Release.Namespace }}:{{ include "aiapp-operator.name" . }}'
    assert f'request.userInfo.username == "{subject}"' in policy


def test_alerts_ask_for_metrics_that_the_operator_has() -> None:
    lines = re.findall(r"expr: (.+)", TEMPLATES["alerts.yaml"])
    expressions = {name for line in lines for name in re.findall(r"\baiapp_\w+", line)}
    assert expressions == {
        *("aiapp_source_drifted", "aiapp_stream_staleness_seconds", "aiapp_holds", "aiapp_releases_total")
    }
    source = "".join(path.read_text() for path in (CHART.parents[1] / "operator/aiapp_operator").glob("*.py"))
    assert [name for name in expressions if f'"{name}"' not in source] == []


def test_nobody_is_woken_for_a_drift_that_changes_no_bytes() -> None:
    left_out = re.findall(r'aiapp_source_drifted{reason!="(\w+)"}', TEMPLATES["alerts.yaml"])
    assert left_out == [Reason.METADATA_CHANGED]


def test_alerts_ask_for_outcomes_and_streams_that_the_operator_counts() -> None:
    alerts = TEMPLATES["alerts.yaml"]
    assert set(re.findall(r'outcome="(\w+)"', alerts)) == {Reason.ROLLED_BACK}
    assert set(re.findall(r'stream!="(\w+)"', alerts)) == {Part.ALL.value.lower()}
    assert f"reason={Reason.ROLLED_BACK}\n" in alerts


def test_viewers_read_and_editors_never_write_status() -> None:
    view, edit = plain("user-roles.yaml")
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == WATCHED
    assert "aiapps/status" not in {resource for rule in edit["rules"] for resource in rule["resources"]}


def test_the_access_policy_asks_for_verbs_that_a_role_of_the_chart_has() -> None:
    policy = TEMPLATES["access-policy.yaml"]
    asked = set(re.findall(r'variables\.requester\.check\("(\w+)"\)', policy))
    (pairs,) = re.findall(r"\$role, \$verb := dict (.+) }}", policy)
    roles = dict(zip(*[iter(re.findall(r'"([\w-]+)"', pairs))] * 2, strict=True))
    edit = next(rule for rule in plain("user-roles.yaml")[1]["rules"] if rule["resources"] == ["aiapps"])
    assert asked == {"configure", "setmodel", "setimage", "release"}
    assert roles == {"aiapp-set-model": "setmodel", "aiapp-set-image": "setimage", "aiapp-release": "release"}
    assert {"configure", "release"} <= set(edit["verbs"])
    # A message names the role that has the verb of its rule.
    assert set(re.findall(r"verb (\w+) on aiapps, which the role ([\w-]+) has", policy)) == {
        ("configure", "aiapp-edit"),
        *((verb, role) for role, verb in roles.items()),
    }


def test_the_access_policy_guards_every_action_but_the_harmless_one() -> None:
    (guarded,) = re.findall(r"note in \[([^\]]+)\]\)\n    # All", TEMPLATES["access-policy.yaml"])
    wanted = [actions.PREFIX + name for name in actions.ACTIONS if name != actions.RECONCILE]
    assert re.findall(r'"([^"]+)"', guarded) == wanted


def test_the_pod_sets_every_setting_and_no_unknown_one() -> None:
    source = (CHART.parents[1] / "operator/aiapp_operator/settings.py").read_text()
    assert set(re.findall(r"name: (AIAPP_\w+)", TEMPLATES["deployment.yaml"])) == set(
        re.findall(r'"(AIAPP_\w+)"', source)
    )


def test_ports_and_paths_are_those_of_the_operator() -> None:
    deployment = TEMPLATES["deployment.yaml"]
    defaults = Settings(fetch_image="x")
    named = dict(re.findall(r"- name: (probe|metrics)\n\s+containerPort: (\d+)", deployment))
    assert named == {"probe": str(defaults.probe_port), "metrics": str(defaults.metrics_port)}
    assert f"value: {contract.TRUST_BUNDLE}\n" in deployment
    assert f"mountPath: {contract.TRUST_DIR}\n" in deployment
    assert f"- key: {contract.TRUST_KEY}\n" in deployment


def test_the_chart_and_the_package_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    (version,) = re.findall(r'^version = "(.+)"$', (CHART.parents[1] / "pyproject.toml").read_text(), re.MULTILINE)
    assert (chart["version"], chart["appVersion"]) == (version, version)
