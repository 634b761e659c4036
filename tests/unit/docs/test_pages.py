"""What the documents and examples tell people to write and to type is what the product takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from jsonschema import Draft202012Validator

from aiapp_operator import conditions
from aiapp_operator.api.v1alpha1 import AIApp
from tasks.__main__ import TASKS
from unit.docs.documents import PAGES, ROOT, Text, anchors, apps, blocks, commands, links

HELP = "help"
CONDITIONS = {
    *(conditions.READY, conditions.UP_TO_DATE, conditions.SOURCES_RESOLVED),
    *(conditions.RECONCILING, conditions.STALLED),
}
CRD = yaml.safe_load((ROOT / "crds" / "aiapps.aiapp.dev.yaml").read_text())
SCHEMA: dict[str, Any] = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
VALUES = yaml.safe_load((ROOT / "charts" / "aiapp-operator" / "values.yaml").read_text())
MAKE = re.compile(r"(?:^|(?<=&& )|(?<=[A-Z0-9] ))make ([a-z][a-z-]*)", re.MULTILINE)
WAIT = re.compile(r"wait .*--for[= ]condition=(\w+)\S* \S*(?:aia|aiapps?)/")
PATCH = re.compile(r"patch aia.*?--patch '([^']*)'")
CHART_VALUE = re.compile(r"--set \"?'?([A-Za-z.]+)=")


def by_file(path: Path) -> str:
    return str(path.relative_to(ROOT))


def yaml_texts() -> Iterator[Text]:
    for page in PAGES:
        yield from (block for block in blocks(page) if block.language in {"yaml", "yml"})
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        yield Text(path, 1, "yaml", path.read_text())


APPS = [(text, app) for text in yaml_texts() for app in apps(text.text)]


def closed(schema: dict[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """Return the schema with unknown fields refused, as `kubectl apply` does; not whole: for a part of an object."""
    node = {key: value for key, value in schema.items() if whole or key != "required"}
    if "properties" in node:
        fields = {name: closed(field, whole=whole) for name, field in node["properties"].items()}
        node |= {"properties": fields, "additionalProperties": node["type"] == "object" and not fields}
    if "items" in node:
        node["items"] = closed(node["items"], whole=whole)
    return node


def problems(instance: Any, *, whole: bool = True) -> list[str]:
    schema = closed(SCHEMA, whole=whole)
    schema["properties"]["metadata"] = {"type": "object"}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(instance)]


def test_the_documents_show_aiapps_and_so_do_the_examples() -> None:
    assert {text.file.suffix for text, _ in APPS} == {".md", ".yaml"}


@pytest.mark.parametrize(("text", "app"), APPS, ids=[str(text) for text, _ in APPS])
def test_an_aiapp_in_the_documents_is_one_that_the_api_server_takes(text: Text, app: dict[str, Any]) -> None:
    assert problems(app) == []
    parsed = AIApp.parse({**app, "metadata": {"namespace": "default", **app["metadata"]}})
    assert parsed.metadata.name == app["metadata"]["name"], text


@pytest.mark.parametrize("page", PAGES, ids=by_file)
def test_a_patch_in_the_documents_names_fields_that_there_are(page: Path) -> None:
    patches = [json.loads(patch) for patch in PATCH.findall(commands(page))]
    assert [problem for patch in patches for problem in problems(patch, whole=False)] == []


def test_the_schema_check_sees_a_misspelt_field() -> None:
    assert problems({"spec": {"modelversion": "2"}}, whole=False) != []
    assert problems({"spec": {"serving": {"resources": {"requests": {"cpu": 1}}}}}, whole=False) == []


@pytest.mark.parametrize("page", PAGES, ids=by_file)
def test_every_link_to_a_file_of_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=by_file)
def test_every_make_command_in_the_documents_exists(page: Path) -> None:
    assert set(MAKE.findall(commands(page))) - {*TASKS, HELP} == set()


@pytest.mark.parametrize("page", PAGES, ids=by_file)
def test_every_chart_value_in_the_documents_exists(page: Path) -> None:
    unknown = []
    for name in CHART_VALUE.findall(commands(page)):
        value: Any = VALUES
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            unknown.append(name)
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=by_file)
def test_every_condition_that_the_documents_wait_for_exists(page: Path) -> None:
    assert set(WAIT.findall(commands(page))) - CONDITIONS == set()


def test_the_commands_are_found_in_the_documents() -> None:
    everything = "\n".join(commands(page) for page in PAGES)
    assert "UpToDate" in WAIT.findall(everything)
    assert "mutants" in MAKE.findall(everything)
    assert "image.repository" in CHART_VALUE.findall(everything)
    assert PATCH.findall(everything) != []
