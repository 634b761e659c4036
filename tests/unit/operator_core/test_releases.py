"""What makes a release, and what holds one off."""

from dataclasses import replace
from typing import Any

import pytest

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.release.ledger import Inputs, Ledger, read
from aiapp_operator.release.releases import Questions, config
from aiapp_operator.state import Identity
from stand_ins.app_cluster import MODEL_SOURCE, AppCluster, an_app, serving_cluster, without

NEITHER = Questions(ask_image=False, ask_model=False)
AZURE = {"azureBlob": MODEL_SOURCE["azureBlob"]}
CLIENT = "01234567-89ab-cdef-0123-456789abcdef"
IMAGE_2 = "contoso.azurecr.io/digits:1.4.2"


def ledger(cluster: AppCluster) -> Ledger:
    return read(cluster.app, cluster.children, cluster.ordered_revisions)


def numbers(cluster: AppCluster) -> list[int]:
    return [release.number for release in ledger(cluster).releases]


class TestWhatMakesARelease:
    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param({"image": IMAGE_2}, id="another image"),
            pytest.param({"modelVersion": "42"}, id="another model"),
            pytest.param({"image": IMAGE_2, "modelVersion": "42"}, id="both at once are one"),
            pytest.param({"image": "mirror.contoso.com/digits:1.4.1"}, id="the same image elsewhere"),
            pytest.param({"imagePullSecrets": [{"name": "acr-pull"}]}, id="pull secrets"),
            pytest.param({"serviceAccountName": "digits-reader"}, id="a ServiceAccount"),
            pytest.param({"serving": {"port": 9000}}, id="port"),
            pytest.param({"serving": {"readinessPath": "/ready"}}, id="readiness path"),
            pytest.param({"serving": {"resources": {"limits": {"memory": "1Gi"}}}}, id="resources"),
            pytest.param({"serving": {"env": [{"name": "LOG", "value": "debug"}]}}, id="environment"),
            pytest.param({"serving": {"nodeSelector": {"pool": "gpu"}}}, id="node selector"),
            pytest.param({"serving": {"tolerations": [{"operator": "Exists"}]}}, id="tolerations"),
            pytest.param({"modelSource": {**MODEL_SOURCE, "credentials": {"anonymous": {}}}}, id="credentials"),
        ],
    )
    def test_is(self, edit: dict[str, Any]) -> None:
        cluster = serving_cluster()
        cluster.edit(**edit)
        cluster.run()
        assert numbers(cluster) == [1, 2]
        assert cluster.running == "2"

    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param({"serving": {"replicas": 5}}, id="the number of pods"),
            pytest.param({"expose": {"service": {"type": "LoadBalancer"}}}, id="the Service"),
            pytest.param({"release": {"progressDeadline": "1h", "revisionHistoryLimit": 3}}, id="release settings"),
            pytest.param({"suspend": True}, id="suspend"),
            pytest.param({"serving": {"port": 8080, "readinessPath": "/version"}}, id="a default, written out"),
            pytest.param({"serving": {"resources": {}, "env": [], "nodeSelector": {}}}, id="an empty field"),
        ],
    )
    def test_is_not(self, edit: dict[str, Any]) -> None:
        cluster = serving_cluster()
        cluster.edit(**edit)
        cluster.run()
        assert numbers(cluster) == [1]

    def test_is_not_another_tag_of_the_same_image_which_is_known_from_then_on(self) -> None:
        cluster = serving_cluster()
        cluster.contents[IMAGE_2] = "contoso.azurecr.io/digits:1.4.1"
        cluster.edit(image=IMAGE_2)
        cluster.run()
        assert numbers(cluster) == [1]
        assert cluster.app["status"]["image"] == "1.4.2"
        cluster.run()
        assert cluster.asked == NEITHER

    def test_is_not_another_way_to_write_the_same_quantity(self) -> None:
        cluster = serving_cluster(serving={"resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}}})
        cluster.edit(serving={"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}})
        cluster.run()
        assert numbers(cluster) == [1]

    def test_the_config_hash_of_a_release_is_for_ever(self) -> None:
        # A new operator version that hashes otherwise would release every app at once.
        app = AIApp.parse(an_app(serving={"resources": {"limits": {"memory": "1024Mi"}}, "port": 8080}))
        assert config(app) == {
            "imageRepository": "contoso.azurecr.io/digits",
            "modelSource": MODEL_SOURCE,
            "serving": {"resources": {"limits": {"memory": "1Gi"}}},
        }
        (release,) = ledger(serving_cluster()).releases
        assert release.inputs.config_hash == "256c6c185b5e1fd627e4d81b80c87062738369a0c1c2b5e39ac269b18a90b3c4"
        assert release.name == "digits-f667849401"

    @pytest.mark.parametrize(
        ("spec", "expected"),
        [
            pytest.param({"modelVersion": None}, {}, id="the latest model"),
            pytest.param({"modelVersion": "latest", "modelPolicy": {"type": "Numerical"}}, {}, id="a model policy"),
            pytest.param(
                {"image": "contoso.azurecr.io/digits", "imagePolicy": {"type": "SemVer", "range": "1.x"}},
                {},
                id="an image policy",
            ),
            pytest.param(
                {"image": "contoso.azurecr.io/digits:main", "imagePolicy": {"type": "Tag"}},
                {},
                id="a tag that is followed",
            ),
            pytest.param({"modelSource": AZURE}, {"modelSource": AZURE}, id="the identity of the ServiceAccount"),
            pytest.param(
                {"modelSource": {**AZURE, "credentials": {"workloadIdentity": {}}}},
                {"modelSource": AZURE},
                id="the same, written out",
            ),
            pytest.param(
                {"modelSource": {**AZURE, "credentials": {"workloadIdentity": {"clientID": CLIENT}}}},
                {"modelSource": {**AZURE, "credentials": {"workloadIdentity": {"clientID": CLIENT}}}},
                id="an identity of the spec's",
            ),
        ],
    )
    def test_the_config_has_what_shapes_pods_and_not_how_it_is_followed(
        self, spec: dict[str, Any], expected: dict[str, Any]
    ) -> None:
        plain = config(AIApp.parse(an_app()))
        assert config(AIApp.parse(an_app(**spec))) == plain | expected


class TestRecordsOfAnOlderOperator:
    """They have neither the manifest's digest nor an identity."""

    def test_are_read_as_they_are(self) -> None:
        (release,) = ledger(serving_cluster()).releases
        kept = release.inputs.to_json()
        assert set(kept["model"]) == {"version", "digest", "sizeBytes", "publishedTime"}
        assert Inputs.from_json(kept) == release.inputs

    def test_are_the_same_release_once_both_are_known(self) -> None:
        (release,) = ledger(serving_cluster()).releases
        model = release.inputs.model
        assert model is not None
        identity = Identity(CLIENT, "fedcba98-7654-3210-fedc-ba9876543210")
        richer = replace(release.inputs, model=replace(model, manifest_digest="sha256:1", identity=identity))
        assert richer.identity == release.inputs.identity
        assert Inputs.from_json(richer.to_json()) == richer


class TestTheOldReleaseStaysAsItIs:
    @pytest.mark.parametrize(
        ("stream", "edit"),
        [
            ("image", {"image": IMAGE_2}),
            ("model", {"modelVersion": "42"}),
            ("model", {"image": IMAGE_2, "modelVersion": "42"}),
        ],
        ids=["while the new image is missing", "while the new model is missing", "while one of two bumps is missing"],
    )
    def test_the_old_release_stays(self, stream: str, edit: dict[str, Any]) -> None:
        cluster = serving_cluster()
        before = cluster.deployment
        cluster.missing = without(stream, "ItIsMissing")
        cluster.edit(**edit)
        planned = cluster.run()
        assert cluster.deployment == before
        assert numbers(cluster) == [1]
        assert planned.requeue_after == 60

    def test_no_deployment_is_made_before_the_first_release_is_known(self) -> None:
        cluster = AppCluster(missing=without("model", "ModelIncomplete"))
        planned = cluster.run()
        assert [manifest["kind"] for manifest in planned.apply] == ["ServiceAccount", "Service", "PodDisruptionBudget"]

    def test_the_release_goes_out_when_the_source_has_it_at_last(self) -> None:
        cluster = serving_cluster()
        cluster.missing = without("model", "ModelMissing")
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.missing = {}
        cluster.wait(minutes=1)
        cluster.run()
        assert cluster.running == "2"

    @pytest.mark.parametrize(
        ("minutes", "seconds"), [(0.1, 60), (1.5, 120), (3.5, 300), (9, 600), (600, 600)], ids=lambda value: f"{value}"
    )
    def test_a_missing_source_is_asked_again_ever_more_rarely(self, minutes: float, seconds: int) -> None:
        cluster = serving_cluster()
        cluster.missing = without("model", "ModelMissing")
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.wait(minutes=minutes)
        assert cluster.run().requeue_after == seconds

    def test_a_suspended_bump_goes_out_when_suspend_ends(self) -> None:
        cluster = serving_cluster()
        cluster.edit(suspend=True, modelVersion="42")
        cluster.run()
        assert cluster.running == "1"
        cluster.edit(suspend=False)
        cluster.run()
        assert cluster.running == "2"

    def test_a_rollout_under_way_ends_though_the_app_is_suspended(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.edit(suspend=True)
        cluster.run()
        cluster.roll_out()
        assert cluster.running == "2"
        assert cluster.app["status"]["active"]["revision"] == 2
