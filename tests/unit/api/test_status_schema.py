"""What the operator writes is what the schema keeps: a field that the API server prunes would be written for ever."""

from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from aiapp_operator.api.crd import crd_spec
from aiapp_operator.conditions import acknowledge
from stand_ins.app_cluster import AppCluster, an_app, serving_cluster, without
from stand_ins.pod_status import ended

Schema = dict[str, Any]


def closed(schema: Schema) -> Schema:
    """The schema without room for unknown fields, as pruning leaves none."""
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {name: closed(field) for name, field in schema["properties"].items()}
        result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = closed(schema["items"])
    return result


STATUS = closed(crd_spec()["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"])


def starting() -> AppCluster:
    cluster = AppCluster()
    cluster.run()
    return cluster


def without_model() -> AppCluster:
    cluster = AppCluster(app=an_app(modelSource=None, modelVersion=None))
    cluster.run()
    cluster.roll_out()
    return cluster


def image_missing() -> AppCluster:
    cluster = AppCluster(missing=without("image", "ImageNotFound"))
    cluster.run()
    return cluster


def bump_fails() -> AppCluster:
    cluster = serving_cluster()
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.start_one_pod(**ended(1, "ModelCorrupt: digits/42/model.npz differs", container="fetch"))
    return cluster


def long_words() -> AppCluster:
    cluster = AppCluster(missing=without("model", "ModelIncomplete", "word " * 10_000))
    cluster.run()
    return cluster


def asked_for() -> AppCluster:
    cluster = serving_cluster()
    now = f"{cluster.now:%Y-%m-%dT%H:%M:%SZ}"
    cluster.app["metadata"]["annotations"] = {"aiapp.dev/reconcile": f"{'now' * 1000}@{now}"}
    cluster.run()
    return cluster


def seen() -> AppCluster:
    cluster = AppCluster()
    cluster.app["status"] = acknowledge(cluster.app, cluster.now)
    return cluster


@pytest.mark.parametrize(
    "situation", [starting, serving_cluster, without_model, image_missing, bump_fails, long_words, asked_for, seen]
)
def test_every_status_fits_the_schema_whole(situation: Callable[[], AppCluster]) -> None:
    jsonschema.validate(situation().app["status"], STATUS, format_checker=jsonschema.FormatChecker())


def test_the_schema_has_no_field_that_nothing_writes() -> None:
    serving, failing = serving_cluster().app["status"], bump_fails().app["status"]
    written = set(serving) | set(failing) | set(asked_for().app["status"])
    assert set(STATUS["properties"]) - written == set()
    assert set(STATUS["properties"]["active"]["properties"]) - set(serving["active"]) == set()
    assert (
        set(STATUS["properties"]["latest"]["properties"]["model"]["properties"]) - set(serving["latest"]["model"])
        == set()
    )
