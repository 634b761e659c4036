"""The manifests that the operator builds, before a real API server: accepted as they are, and stored as they are.

A value that the server writes back in another form would be applied again in every run.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from aiapp_operator.drift import stands
from aiapp_operator.state import Manifest
from cluster.protocol import Cluster
from stand_ins.app_cluster import MODEL_SOURCE, SETTINGS, AppCluster, an_app

EVERY_FIELD: Manifest = {
    "imagePullSecrets": [{"name": "acr-pull"}],
    "serving": {
        "replicas": 3,
        "resources": {
            "requests": {"cpu": "0.5", "memory": "1024Mi", "ephemeral-storage": "1e3"},
            "limits": {"memory": "1.5Gi"},
        },
        "env": [
            {"name": "EMPTY", "value": ""},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "api"}}},
        ],
        "nodeSelector": {"pool": ""},
        "tolerations": [{"key": "gpu", "value": "", "effect": "NoExecute", "tolerationSeconds": 0}],
    },
    "expose": {"service": {"type": "LoadBalancer", "annotations": {"service.beta.kubernetes.io/azure-pip-name": "a"}}},
}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="the smallest app"),
        pytest.param({"modelSource": None, "modelVersion": None}, id="a model in the image"),
        pytest.param({"modelSource": {**MODEL_SOURCE, "credentials": {"anonymous": {}}}}, id="an open store"),
        pytest.param(EVERY_FIELD, id="every field"),
    ],
)
def test_what_is_built_is_what_the_server_stores(kind_cluster: Cluster, spec: dict[str, Any]) -> None:
    app = an_app(**spec)
    with kind_cluster.namespace(prefix="children") as namespace:
        app["metadata"]["namespace"] = namespace
        planned = AppCluster(app=app, settings=replace(SETTINGS, trust_config_map="aiapp-trust")).run()
        for manifest in planned.apply:
            # A dry run: the owner does not exist, and the garbage collector would take what is stored.
            stored = kind_cluster.kubectl(
                *("apply", "--server-side", "--dry-run=server", "--output=json", "--filename=-"),
                input=json.dumps(manifest),
            )
            assert stands(manifest, json.loads(stored)), f"{manifest['kind']} is stored as {stored}"
