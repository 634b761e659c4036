"""The stories behind the golden cases: each ends just before the operator looks again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Drift
from stand_ins.app_cluster import MODEL_SOURCE, NOON, SETTINGS, AppCluster, an_app, serving_cluster, without
from stand_ins.pod_status import ended

IDENTITY: Final = {"workloadIdentity": {"clientID": "01234567-89ab-cdef-0123-456789abcdef"}}
SECRET: Final = {"secretRef": {"name": "minio"}}
NIGHTLY: Final = {"schedule": [{"cron": "0 2 * * *", "timeZone": "Europe/Berlin", "duration": "2h"}]}
IMAGE_2: Final = "contoso.azurecr.io/digits:1.4.2"


def first_release() -> AppCluster:
    return AppCluster()


def model_bump() -> AppCluster:
    return _edited(modelVersion="42")


def image_bump() -> AppCluster:
    return _edited(image=IMAGE_2)


def both_bumped() -> AppCluster:
    return _edited(image=IMAGE_2, modelVersion="42")


def rollout_complete() -> AppCluster:
    cluster = _edited(modelVersion="42")
    cluster.run()
    cluster.let_pods_start()
    return cluster


def gate_passed() -> AppCluster:
    return _gated("Passed")


def gate_failed() -> AppCluster:
    return _gated("Failed")


def gate_inconclusive() -> AppCluster:
    return _gated("Inconclusive")


def culprit_found() -> AppCluster:
    """Both changed and failed; the new image failed with the old model too, and the new model passed with the old."""
    cluster = serving_cluster()
    cluster.gates["1.4.2"] = "Failed"
    cluster.edit(image=IMAGE_2, modelVersion="42")
    for _ in range(3):
        cluster.run_once()
        cluster.let_gates_end()
    return cluster


def window_waits() -> AppCluster:
    return _edited(modelVersion="42", release=NIGHTLY)


def window_opens() -> AppCluster:
    cluster = window_waits()
    cluster.run()
    cluster.now = NOON.replace(hour=2, minute=0) + timedelta(days=1)
    return cluster


def glass_broken() -> AppCluster:
    cluster = window_waits()
    cluster.run()
    cluster.annotate("release-now", "the model is wrong for children")
    return cluster


def bake_failed() -> AppCluster:
    cluster = _edited(modelVersion="42", release={"bake": {"duration": "5m"}})
    cluster.run()
    cluster.roll_out()
    cluster.wait()
    ended_at = format_time(cluster.now)
    pod = next(pod for pod in cluster.pods if pod["metadata"]["labels"]["aiapp.dev/role"] == "serving")
    pod["status"] |= ended(1, "MemoryError", finishedAt=ended_at)
    return cluster


def rollback_to_a_revision() -> AppCluster:
    cluster = _edited(modelVersion="42")
    cluster.run()
    cluster.roll_out()
    cluster.annotate("rollback-to", "previous")
    return cluster


def corrupt_model() -> AppCluster:
    cluster = _edited(modelVersion="43")
    cluster.run_once()
    words = "ModelCorrupt: contosomodels/models/digits/43/model.npz: expected sha256:ab.., got sha256:cd.."
    cluster.let_a_gate_fetch(**ended(1, words, container="fetch"))
    return cluster


def image_missing() -> AppCluster:
    cluster = _edited(image=IMAGE_2)
    cluster.missing = without("image", "ImageNotFound", f"{IMAGE_2}: the registry has no such tag")
    return cluster


def suspended() -> AppCluster:
    return _edited(suspend=True, modelVersion="42")


def back_to_an_older_version() -> AppCluster:
    cluster = _edited(modelVersion="42")
    cluster.run()
    cluster.roll_out()
    cluster.edit(modelVersion="41")
    return cluster


def one_replica() -> AppCluster:
    return _edited(serving={"replicas": 1})


def load_balancer_internal() -> AppCluster:
    return _edited(expose={"service": {"type": "LoadBalancer"}})


def load_balancer_external() -> AppCluster:
    dns_label = {"service.beta.kubernetes.io/azure-dns-label-name": "digits"}
    return _edited(expose={"service": {"type": "LoadBalancer", "exposure": "External", "annotations": dns_label}})


def anonymous_store() -> AppCluster:
    return AppCluster(app=an_app(modelSource={**MODEL_SOURCE, "credentials": {"anonymous": {}}}))


def workload_identity() -> AppCluster:
    return AppCluster(app=an_app(modelSource={"azureBlob": MODEL_SOURCE["azureBlob"], "credentials": IDENTITY}))


def s3_store() -> AppCluster:
    s3 = {"bucket": "models", "path": "digits", "endpoint": "https://minio.corp.example:9000"}
    settings = replace(SETTINGS, listed_endpoints="*.corp.example")
    return AppCluster(app=an_app(modelSource={"s3": s3, "credentials": SECRET}), settings=settings)


def volume_claim() -> AppCluster:
    return AppCluster(app=an_app(modelSource={"persistentVolumeClaim": {"claimName": "models", "path": "digits"}}))


def model_in_the_image() -> AppCluster:
    return AppCluster(app=an_app(modelSource=None, modelVersion=None))


def trust_bundle() -> AppCluster:
    return AppCluster(settings=replace(SETTINGS, trust_config_map="aiapp-trust"))


def latest_model() -> AppCluster:
    cluster = _following()
    cluster.versions["42"] = NOON - timedelta(minutes=5)
    return cluster


def latest_image() -> AppCluster:
    cluster = _following()
    cluster.tags.append("1.5.0")
    return cluster


def latest_image_fails_and_a_newer_one_comes() -> AppCluster:
    cluster = latest_image()
    cluster.gates["1.5.0"] = "Failed"
    cluster.run()
    cluster.tags.append("1.5.1")
    return cluster


def listing_empty() -> AppCluster:
    cluster = _following()
    cluster.versions = {}
    return cluster


def model_overwritten() -> AppCluster:
    cluster = _following()
    words = "SHA256SUMS of digits/41 has another content digest"
    cluster.drifts = (Drift(1, "ContentChanged", words),)
    return cluster


CASES: Final[dict[str, Callable[[], AppCluster]]] = {
    case.__name__.replace("_", "-"): case
    for case in (
        first_release,
        model_bump,
        image_bump,
        both_bumped,
        rollout_complete,
        gate_passed,
        gate_failed,
        gate_inconclusive,
        culprit_found,
        window_waits,
        window_opens,
        glass_broken,
        bake_failed,
        rollback_to_a_revision,
        corrupt_model,
        image_missing,
        suspended,
        back_to_an_older_version,
        one_replica,
        load_balancer_internal,
        load_balancer_external,
        anonymous_store,
        workload_identity,
        s3_store,
        volume_claim,
        latest_model,
        latest_image,
        latest_image_fails_and_a_newer_one_comes,
        listing_empty,
        model_overwritten,
        model_in_the_image,
        trust_bundle,
    )
}


def _gated(result: str) -> AppCluster:
    cluster = serving_cluster()
    cluster.gates["42"] = result
    cluster.edit(modelVersion="42")
    cluster.run_once()
    cluster.let_gates_end()
    return cluster


def _edited(**spec: object) -> AppCluster:
    cluster = serving_cluster()
    cluster.edit(**spec)
    return cluster


def _following() -> AppCluster:
    spec = {"image": "contoso.azurecr.io/digits", "imagePolicy": {"type": "SemVer", "range": "1.x"}}
    cluster = AppCluster(app=an_app(**spec, modelVersion=None))
    cluster.tags, cluster.versions = ["1.4.1"], {"41": NOON - timedelta(days=1)}
    cluster.run()
    cluster.roll_out()
    return cluster
