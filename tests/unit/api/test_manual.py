"""docs/aiapp.md shows every field of `spec.release` and of `status`, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from aiapp_operator.api.crd import crd_spec
from aiapp_operator.api.v1alpha1 import AIApp

MANUAL = (Path(__file__).resolve().parents[3] / "docs/aiapp.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = crd_spec()["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
STATUS: dict[str, Any] = SCHEMA["status"]["properties"]
OBVIOUS = {"observedGeneration", "url", "image", "replicas", "selector"}
"""Fields that columns show, or that machines read."""


def example() -> dict[str, Any]:
    (block,) = re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL)
    manifest: dict[str, Any] = yaml.safe_load(block)
    return manifest


def names(schema: dict[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from names(field)
    yield from names(schema.get("items", {})) if "items" in schema else ()


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(item)


def test_the_example_is_an_app_that_says_what_it_shows() -> None:
    app = AIApp.parse(example())
    assert app.spec.release.schedule[0].time_zone == "Europe/Berlin"
    assert app.spec.release.gate.cases[1].expect.tolerance == "0.01"


def test_the_example_has_every_field_of_a_release() -> None:
    # A case has its body in one of two places, so no one case shows all.
    assert set(names(SCHEMA["spec"]["properties"]["release"])) == set(keys(example()["spec"]["release"]))


def test_the_table_of_status_names_every_field_and_no_other() -> None:
    table = MANUAL.split("## status")[1].split("## Actions")[0]
    told = {name for line in re.findall(r"^\|.*$", table, re.MULTILINE) for name in re.findall(r"`([\w.]+)`", line)}
    inside = {
        name for field in ("active", "candidate", "nextRelease", "holds", "history") for name in names(STATUS[field])
    }
    assert told - {"candidate.comparison", "model"} == (set(STATUS) - OBVIOUS) | inside
