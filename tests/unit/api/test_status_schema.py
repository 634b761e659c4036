"""What the operator writes is what the schema keeps: a field that the API server prunes would be written for ever."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

import jsonschema
import pytest

from aiapp_operator.api.crd import crd_spec
from aiapp_operator.conditions import acknowledge
from stand_ins.app_cluster import AppCluster, an_app, serving_cluster, without
from stand_ins.gate_pods import gate_pod
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


def map_lists(schema: Schema, value: Any) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    """Every list of a value whose items are told apart by keys, with the keys."""
    for name, field in schema.get("properties", {}).items():
        if name in value and field.get("x-kubernetes-list-type") == "map":
            yield field["x-kubernetes-list-map-keys"], value[name]


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


def gating() -> AppCluster:
    cluster = serving_cluster()
    cluster.gates["42"] = ""
    cluster.edit(modelVersion="42")
    cluster.run()
    return cluster


def gate_failed() -> AppCluster:
    cluster = serving_cluster()
    cluster.gates["42"] = "Failed"
    cluster.edit(modelVersion="42")
    edited: Schema = {"f:spec": {"f:modelVersion": {}}}
    cluster.app["metadata"]["managedFields"] = [{"manager": "flux", "time": "2026-11-23T12:00:20Z", "fieldsV1": edited}]
    cluster.run()
    return cluster


def one_pair_held_with_two_configs() -> AppCluster:
    cluster = AppCluster(gates={"41": "Failed"})
    cluster.run()
    cluster.edit(serving={"env": [{"name": "LABELS", "value": "10"}]})
    cluster.run()
    return cluster


def more_held_than_is_shown() -> AppCluster:
    cluster = serving_cluster(release={"revisionHistoryLimit": 100})
    for version in range(42, 76):
        cluster.gates[f"v{version}" * 30] = "Failed"
        cluster.edit(modelVersion=f"v{version}" * 30)
        cluster.run()
    return cluster


def compared() -> AppCluster:
    cluster = gating()
    (job,) = (job for child, job in cluster.children.items() if child.kind == "Job")
    said = {"result": "Compared", "compared": 60, "flips": 1, "agreement": "98.3%", "latencyDeltaMs": -1.5}
    cluster.pods.append(gate_pod(job, "Passed", cluster.now, comparison=said))
    cluster.run()
    return cluster


def comparison_serves() -> AppCluster:
    cluster = compared()
    cluster.roll_out()
    return cluster


def going_back() -> AppCluster:
    cluster = serving_cluster()
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.roll_out()
    cluster.edit(modelVersion="41")
    cluster.run()
    return cluster


def waiting_for_its_window() -> AppCluster:
    cluster = serving_cluster(release={"schedule": [{"cron": "0 2 * * *"}], "bake": {"duration": "0s"}})
    cluster.edit(modelVersion="42")
    cluster.run()
    return cluster


def released_in_spite_of_its_window() -> AppCluster:
    cluster = waiting_for_its_window()
    cluster.app["metadata"]["annotations"] = {"aiapp.dev/release-now": f"now@{cluster.now:%Y-%m-%dT%H:%M:%SZ}"}
    cluster.run()
    return cluster


def seen() -> AppCluster:
    cluster = AppCluster()
    cluster.app["status"] = acknowledge(cluster.app, cluster.now)
    return cluster


SITUATIONS: Final = (
    *(starting, serving_cluster, without_model, image_missing, bump_fails, long_words, asked_for, seen),
    *(gating, gate_failed, one_pair_held_with_two_configs, more_held_than_is_shown),
    *(compared, comparison_serves, going_back),
    *(waiting_for_its_window, released_in_spite_of_its_window),
)


@cache
def status_of(situation: Callable[[], AppCluster]) -> dict[str, Any]:
    status: dict[str, Any] = situation().app["status"]
    return status


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_status_fits_the_schema_whole(situation: Callable[[], AppCluster]) -> None:
    status = status_of(situation)
    jsonschema.validate(status, STATUS, format_checker=jsonschema.FormatChecker())
    # An API server refuses a status whose list names one thing twice: nothing would be reported any more.
    for keys, items in map_lists(STATUS, status):
        named = [tuple(item[key] for key in keys) for item in items]
        assert len(set(named)) == len(named)


def test_what_is_held_is_shown_once_and_as_far_as_there_is_room() -> None:
    assert [hold["stream"] for hold in status_of(one_pair_held_with_two_configs)["holds"]] == ["Pair"]
    shown = status_of(more_held_than_is_shown)["holds"]
    assert len(shown) == STATUS["properties"]["holds"]["maxItems"]
    assert shown[0]["version"] == "v75" * 30


def written(schema: Schema, value: Any) -> set[str]:
    """The paths of a schema that a value has."""
    found = set()
    for name, field in schema.get("properties", {}).items():
        for item in [value[name]] if name in value else []:
            found |= {name} | {f"{name}.{path}" for path in written(field, item)}
    for item in value if "items" in schema else ():
        found |= written(schema["items"], item)
    return found


def paths(schema: Schema) -> set[str]:
    """All paths of a schema."""
    inside = schema.get("items", schema).get("properties", {})
    return set(inside) | {f"{name}.{path}" for name, field in inside.items() for path in paths(field)}


def test_the_schema_has_no_field_that_nothing_writes() -> None:
    all_written: set[str] = set()
    for situation in SITUATIONS:
        all_written |= written(STATUS, status_of(situation))
    assert paths(STATUS) - all_written == set()
