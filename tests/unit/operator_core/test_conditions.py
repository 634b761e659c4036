"""The other conditions, their times, and the first word about a new spec."""

from aiapp_operator.conditions import acknowledge
from stand_ins.app_cluster import AppCluster, an_app, digest, serving_cluster, without
from stand_ins.pod_status import ended
from unit.operator_core.lives import BAKE, NIGHTLY, failed_gate


def shown(cluster: AppCluster, kind: str) -> tuple[str, str]:
    condition = cluster.conditions[kind]
    return condition["status"], condition["reason"]


class TestReady:
    def test_is_false_while_the_first_release_starts(self) -> None:
        cluster = AppCluster()
        cluster.run()
        assert shown(cluster, "Ready") == ("False", "RollingOut")

    def test_is_false_with_the_cause_when_the_first_release_cannot_be_made(self) -> None:
        cluster = AppCluster(missing=without("image", "ImageNotFound", "contoso.azurecr.io has no digits:1.4.1"))
        cluster.run()
        assert shown(cluster, "Ready") == ("False", "ImageNotFound")
        assert "nothing serves yet: contoso.azurecr.io has no digits:1.4.1" in cluster.conditions["Ready"]["message"]

    def test_is_true_when_all_wanted_pods_are_available(self) -> None:
        assert shown(serving_cluster(), "Ready") == ("True", "Serving")

    def test_stays_true_while_a_newer_release_fails(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.start_one_pod(**ended(1, "ModelCorrupt: digits/42/model.npz differs", container="fetch"))
        assert shown(cluster, "Ready") == ("True", "Serving")
        assert "revision 1 (image 1.4.1, model 41) serves" in cluster.conditions["Ready"]["message"]

    def test_is_false_with_the_cause_when_a_pod_of_the_active_release_is_lost(self) -> None:
        cluster = serving_cluster()
        cluster.pods[1]["status"] = ended(137, reason="OOMKilled")
        cluster.set_counts(replicas=2, updated=2, available=1)
        cluster.run()
        assert shown(cluster, "Ready") == ("False", "OOMKilled")
        assert "1 of 2 pods are available" in cluster.conditions["Ready"]["message"]

    def test_is_false_while_more_replicas_start(self) -> None:
        cluster = serving_cluster()
        cluster.edit(serving={"replicas": 4})
        cluster.run()
        assert shown(cluster, "Ready") == ("False", "PodsUnavailable")


class TestSourcesResolved:
    def test_is_true_with_both_digests(self) -> None:
        cluster = serving_cluster()
        assert shown(cluster, "SourcesResolved") == ("True", "Resolved")
        message = cluster.conditions["SourcesResolved"]["message"]
        assert digest("contoso.azurecr.io/digits:1.4.1") in message
        assert digest("model 41") in message

    def test_is_false_with_the_words_of_both_sources_when_neither_answers(self) -> None:
        missing = {**without("image", "ImageNotFound", "no image"), **without("model", "ModelMissing", "no model")}
        cluster = AppCluster(missing=missing)
        cluster.run()
        assert shown(cluster, "SourcesResolved") == ("False", "ImageNotFound")
        assert cluster.conditions["SourcesResolved"]["message"] == "no image; ModelMissing: no model"

    def test_is_unknown_for_what_is_not_asked_while_suspended(self) -> None:
        cluster = serving_cluster()
        cluster.edit(suspend=True, modelVersion="42")
        cluster.run()
        assert shown(cluster, "SourcesResolved") == ("Unknown", "Suspended")


class TestReconciling:
    def test_is_true_while_a_release_rolls_out(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "Reconciling") == ("True", "RollingOut")

    def test_is_absent_when_the_release_serves(self) -> None:
        assert "Reconciling" not in serving_cluster().conditions

    def test_is_absent_while_only_a_source_is_waited_for(self) -> None:
        cluster = serving_cluster()
        cluster.missing = without("model", "ModelMissing")
        cluster.edit(modelVersion="42")
        cluster.run()
        assert "Reconciling" not in cluster.conditions

    def test_is_true_while_a_gate_runs_and_while_a_release_bakes(self) -> None:
        cluster = serving_cluster(release=BAKE)
        assert shown(cluster, "Reconciling") == ("True", "Baking")
        cluster.wait(minutes=6)
        cluster.run()
        assert "Reconciling" not in cluster.conditions
        cluster.gates["42"] = ""
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "Reconciling") == ("True", "Gating")

    def test_is_absent_while_a_release_waits_for_its_window(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        assert "Reconciling" not in cluster.conditions

    def test_is_absent_between_two_tries_of_a_gate(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Inconclusive"
        cluster.edit(modelVersion="42")
        cluster.run()
        assert "Reconciling" not in cluster.conditions


class TestGatePassed:
    def test_is_true_with_what_the_gate_says_of_the_release_that_serves(self) -> None:
        cluster = serving_cluster()
        assert shown(cluster, "GatePassed") == ("True", "Passed")
        message = cluster.conditions["GatePassed"]["message"]
        assert message == "revision 1 (image 1.4.1, model 41) passed its gate: 1 case: passed"

    def test_is_unknown_while_a_newer_one_is_tried(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = ""
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "GatePassed") == ("Unknown", "Gating")

    def test_is_false_with_the_case_that_failed_while_what_the_spec_asks_for_is_held(self) -> None:
        cluster = failed_gate()
        assert shown(cluster, "GatePassed") == ("False", "CaseFailed")
        assert cluster.conditions["GatePassed"]["message"].startswith(
            "revision 2 (image 1.4.1, model 42) failed its gate:"
        )

    def test_is_about_what_serves_once_nobody_asks_for_what_failed(self) -> None:
        cluster = failed_gate()
        cluster.edit(modelVersion="41")
        cluster.run()
        assert shown(cluster, "GatePassed") == ("True", "Passed")
        assert shown(cluster, "UpToDate") == ("True", "UpToDate")


class TestStalled:
    def test_is_true_for_a_spec_that_cannot_be_read(self) -> None:
        cluster = serving_cluster()
        cluster.edit(release={"progressDeadline": "ten minutes"})
        planned = cluster.run()
        assert shown(cluster, "Stalled") == ("True", "InvalidSpec")
        assert shown(cluster, "UpToDate") == ("False", "InvalidSpec")
        assert shown(cluster, "Ready") == ("True", "Serving")
        assert planned.apply == ()
        assert planned.requeue_after is None

    def test_is_absent_for_what_others_refuse(self) -> None:
        cluster = AppCluster(missing=without("image", "ImageNotFound"))
        cluster.run()
        assert "Stalled" not in cluster.conditions

    def test_names_the_field_of_a_spec_of_the_wrong_form(self) -> None:
        cluster = AppCluster(app=an_app(serving={"port": 80}))
        cluster.run()
        assert cluster.conditions["Stalled"]["message"].startswith("spec.serving.port: ")


class TestTimes:
    def test_the_transition_time_is_kept_while_the_status_is_the_same(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        since = cluster.conditions["UpToDate"]["lastTransitionTime"]
        cluster.start_one_pod(**ended(1, "boom"))
        assert cluster.conditions["UpToDate"]["reason"] == "Crashing"
        assert cluster.conditions["UpToDate"]["lastTransitionTime"] == since

    def test_every_condition_carries_the_generation_that_it_speaks_about(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        assert {condition["observedGeneration"] for condition in cluster.conditions.values()} == {2}

    def test_nothing_new_is_the_very_same_status(self) -> None:
        cluster = serving_cluster()
        before = cluster.observed
        cluster.wait(hours=1)
        planned = cluster.run()
        assert planned.status == before.app["status"]
        assert planned.events == ()


class TestAcknowledge:
    def test_a_new_generation_is_neither_up_to_date_nor_refused_yet(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        status = acknowledge(cluster.app, cluster.now)
        assert status is not None
        said = {c["type"]: (c["status"], c["reason"], c["observedGeneration"]) for c in status["conditions"]}
        assert said == {
            "Ready": ("True", "Serving", 1),
            "UpToDate": ("Unknown", "Resolving", 2),
            "SourcesResolved": ("Unknown", "Resolving", 2),
            "GatePassed": ("True", "Passed", 1),
            "Reconciling": ("True", "Resolving", 2),
        }
        assert status["active"] == cluster.app["status"]["active"]

    def test_a_new_app_is_not_ready(self) -> None:
        status = acknowledge(an_app(), AppCluster().now)
        assert status is not None
        assert {c["status"] for c in status["conditions"] if c["type"] == "Ready"} == {"Unknown"}

    def test_a_generation_that_was_seen_needs_none(self) -> None:
        cluster = serving_cluster()
        assert acknowledge(cluster.app, cluster.now) is None
