"""The generated definition is structural, bounded, described, and what the committed files hold."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiapp_operator.api import crd
from aiapp_operator.api.fields import ApiModel
from aiapp_operator.api.structural import structural_schema
from aiapp_operator.api.v1alpha1 import AIAppSpec

ROOT = Path(__file__).resolve().parents[3]
VERSION = crd.crd_spec()["versions"][0]
SCHEMA: dict[str, Any] = VERSION["schema"]["openAPIV3Schema"]
KNOWN_KEYWORDS = {
    *("type", "description", "default", "enum", "format", "pattern", "minimum", "maximum", "anyOf"),
    *("minLength", "maxLength", "maxItems", "maxProperties", "required", "properties", "items", "additionalProperties"),
    *("x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
    "x-kubernetes-int-or-string",
}
Node = tuple[str, dict[str, Any]]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[Node]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    for keyword, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if keyword in schema:
            yield from nodes(schema[keyword], path + mark)


OURS = [(path, node) for path, node in nodes(SCHEMA) if path.startswith((".spec", ".status"))]


def fields(**wanted: Any) -> list[Node]:
    return [(path, node) for path, node in OURS if all(node.get(key) == value for key, value in wanted.items())]


@pytest.mark.parametrize("path", list(crd.rendered_files()), ids=str)
def test_the_committed_file_is_what_the_models_say(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == crd.rendered_files()[path]


def test_the_yaml_says_the_same_as_the_manifest() -> None:
    assert yaml.safe_load(crd.rendered_files()[crd.CRD_FILE]) == crd.crd_manifest()


@pytest.mark.parametrize(
    "value", ["n", "yes", "1", "1.0", "", "a: b", "# c", 'with "quotes"', "back\\slash", "é\n", "{{x}}"]
)
def test_strings_that_yaml_reads_in_several_ways_come_back_as_they_were(value: str) -> None:
    document = {"n": value, "list": [value, {"no": [value]}, []], "empty": {}}
    assert yaml.safe_load(crd.to_yaml(document)) == document


def test_check_tells_a_stale_file_and_writes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crd.main([str(tmp_path)]) == 0
    assert crd.main([str(tmp_path), "--check"]) == 0
    stale = tmp_path / crd.CRD_FILE
    stale.write_text("old")
    assert crd.main([str(tmp_path), "--check"]) == 1
    assert stale.read_text() == "old"
    assert str(crd.CRD_FILE) in capsys.readouterr().err


def test_every_keyword_is_one_that_a_structural_schema_knows() -> None:
    assert {path: set(node) - KNOWN_KEYWORDS for path, node in OURS if set(node) - KNOWN_KEYWORDS} == {}


def test_every_field_has_one_type_or_is_int_or_string() -> None:
    assert [path for path, node in OURS if ("type" in node) == bool(node.get("x-kubernetes-int-or-string"))] == []


def test_every_field_is_explained() -> None:
    assert [
        path for path, node in OURS if not path.endswith("{}") and not node.get("description", "").endswith(".")
    ] == []


def test_everything_that_can_grow_is_bounded() -> None:
    strings = [path for path, node in fields(type="string") if not {"maxLength", "enum", "format"} & set(node)]
    lists = [path for path, node in fields(type="array") if "maxItems" not in node]
    maps = [path for path, node in OURS if "additionalProperties" in node and "maxProperties" not in node]
    numbers = [path for path, node in fields(type="integer") if "minimum" not in node]
    assert strings + lists + maps + numbers == []


def test_every_list_says_how_it_is_merged_and_its_keys_are_required() -> None:
    keys = {path: node.get("x-kubernetes-list-map-keys") for path, node in fields(type="array")}
    assert keys == {
        ".spec.imagePullSecrets": ["name"],
        ".spec.release.schedule": None,
        ".spec.release.freezes": None,
        ".spec.release.gate.cases": ["name"],
        ".spec.release.gate.cases[].expect.oneOf": None,
        ".spec.serving.env": ["name"],
        ".spec.serving.tolerations": None,
        ".status.conditions": ["type"],
        ".status.holds": ["stream", "digest"],
        ".status.history": ["revision"],
    }
    for _, node in fields(type="array"):
        assert node["x-kubernetes-list-type"] == ("map" if "x-kubernetes-list-map-keys" in node else "atomic")
        assert set(node.get("x-kubernetes-list-map-keys", [])) <= set(node["items"].get("required", []))


def test_every_default_is_reached_because_each_parent_has_one() -> None:
    by_path = dict(OURS)
    # Whether an app has these at all is its author's choice; where they are, their defaults are reached.
    top = {".spec", ".status", ".spec.imagePolicy", ".spec.modelPolicy", ".spec.release.gate.cases[].request"}
    unreachable = [
        path
        for path, node in OURS
        if "default" in node
        and not (parent := path.rpartition(".")[0]).endswith("[]")
        and parent not in top
        and by_path[parent].get("default") != {}
    ]
    assert unreachable == []


def test_the_defaults_are_those_of_the_models() -> None:
    # An app that says nothing and one that says every default must mean the same to the operator.
    def filled(schema: dict[str, Any]) -> dict[str, Any]:
        return {
            name: filled(field) if field["default"] == {} else field["default"]
            for name, field in schema["properties"].items()
            if "default" in field
        }

    image = "contoso.azurecr.io/digits:1"
    spec = filled(SCHEMA["properties"]["spec"])
    assert AIAppSpec.model_validate({"image": image} | spec) == AIAppSpec.model_validate({"image": image})
    assert spec == {
        "suspend": False,
        "release": {
            "gate": {"timeout": "10m"},
            "bake": {"duration": "5m"},
            "progressDeadline": "10m",
            "revisionHistoryLimit": 10,
        },
        "serving": {"port": 8080, "readinessPath": "/version", "replicas": 2},
        "expose": {"service": {"type": "ClusterIP", "exposure": "Internal"}},
    }


def test_rules_say_their_fix_in_one_line_and_point_at_fields_that_exist() -> None:
    for path, node in [("", SCHEMA), *OURS]:
        for rule in node.get("x-kubernetes-validations", []):
            assert 20 < len(rule["message"]) < 300, path
            assert "\n" not in rule["message"] + rule["rule"], path
            assert rule.get("fieldPath", ".").split(".")[1] in {"", *node.get("properties", {})}, path


def test_columns_and_scale_read_paths_that_the_schema_has() -> None:
    names = [(column["name"], column["priority"]) for column in VERSION["additionalPrinterColumns"]]
    assert names == [
        *(
            ("Ready", 0),
            ("UpToDate", 0),
            ("Reason", 0),
            ("Model", 0),
            ("Image", 0),
            ("Replicas", 0),
            ("URL", 0),
            ("Age", 0),
        ),
        ("Next", 1),
        ("Held", 1),
        ("Message", 1),
    ]
    known = {path for path, _ in OURS}
    plain = [c["jsonPath"] for c in VERSION["additionalPrinterColumns"] if c["jsonPath"].startswith(".status")]
    paths = [path for path in plain if "[" not in path] + list(VERSION["subresources"]["scale"].values())
    assert [path for path in paths if path not in known] == []


class Colour(StrEnum):
    RED = "Red"


class Inner(ApiModel):
    """An inner object."""

    size: int = 3


class Sample(ApiModel):
    """A sample."""

    inner: Inner = Inner()
    """Beside a reference."""
    maybe: Inner | None = None
    colour: Colour | None = None
    many: tuple[Inner, ...] = ()
    either: str = ""


class Union(ApiModel):
    either: Inner | str = ""


def test_references_and_options_are_put_in_place() -> None:
    inner = {
        "type": "object",
        "description": "An inner object.",
        "properties": {"size": {"type": "integer", "default": 3}},
    }
    assert structural_schema(Sample) == {
        "type": "object",
        "description": "A sample.",
        "properties": {
            "inner": inner | {"description": "Beside a reference.", "default": {}},
            "maybe": inner,
            "colour": {"type": "string", "enum": ["Red"]},
            "many": {"type": "array", "x-kubernetes-list-type": "atomic", "items": inner},
            "either": {"type": "string"},
        },
    }


def test_a_union_is_refused_when_the_definition_is_made_not_by_the_api_server() -> None:
    with pytest.raises(ValueError, match="one type"):
        structural_schema(Union)
