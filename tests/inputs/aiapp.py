"""What users may write in an AIApp, right and wrong, and the words of the API server's answer."""

from typing import Any, Final

from inputs.case import ABSENT, CLAIM, DIGEST, REPOSITORY, S3, SECRET, UUID, Accepted, Refused
from inputs.release import ACCEPTED_RELEASES, RELEASES
from inputs.sources import CREDENTIALS, ENDPOINTS, IMAGE_POLICIES, IMAGES, MODEL_POLICIES, SOURCES, VERSIONS


def serving(part: str, case: str, value: Any, words: str, at: str = "") -> Refused:
    return Refused(f"{part}-{case}", {f"spec.serving.{part}": value}, f"spec.serving.{part}{at}", words)


def service(case: str, value: Any, words: str, at: str) -> Refused:
    return Refused(f"service-{case}", {"spec.expose.service": value}, f"spec.expose.service{at}", words)


ONE_LIMIT: Final = "limit must not be smaller"
SERVING: Final = (
    serving("replicas", "negative", -1, "greater than or equal to 1"),
    serving("replicas", "zero", 0, "greater than or equal to 1"),
    serving("replicas", "huge", 2**31, "less than or equal to 1000"),
    serving("replicas", "text", "3", "integer"),
    serving("replicas", "fraction", 1.5, "integer"),
    serving("port", "privileged", 80, "greater than or equal to 1024"),
    serving("port", "huge", 65_536, "less than or equal to 65535"),
    serving("readinessPath", "relative", "version", "must start with one '/'"),
    serving("readinessPath", "other-host", "//evil.example.com", "must start with one '/'"),
    serving("readinessPath", "header", "/version\r\nHost: x", "must start with one '/'"),
    serving("readinessPath", "empty", "", "must start with one '/'"),
    serving("resources", "limit", {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}, ONE_LIMIT),
    serving("resources", "limit-in-other-unit", {"requests": {"cpu": 2}, "limits": {"cpu": "1999m"}}, ONE_LIMIT),
    serving("resources", "letter-o", {"limits": {"cpu": "1O0m"}}, "must be an amount", ".limits[cpu]"),
    serving("resources", "zebi", {"limits": {"memory": "1Zi"}}, "must be an amount", ".limits[memory]"),
    serving(
        "resources", "no-amount-as-limit", {"requests": {"cpu": "1"}, "limits": {"cpu": "x"}}, "must be", ".limits[cpu]"
    ),
    serving("resources", "negative-text", {"requests": {"cpu": "-100m"}}, "must be an amount", ".requests[cpu]"),
    serving("resources", "negative", {"limits": {"cpu": -1}}, "must be an amount", ".limits[cpu]"),
    serving("resources", "unknown", {"requests": {"mem": "1Gi"}}, "name cpu, memory", ".requests"),
    serving("resources", "gpu-without-domain", {"limits": {"gpu": 1}}, "name cpu, memory", ".limits"),
    serving("env", "reserved", [{"name": "AIAPP_MODEL_DIR", "value": "x"}], "operator's", "[0].name"),
    serving("env", "digit-first", [{"name": "1A", "value": "x"}], "no digit first", "[0].name"),
    serving("env", "equals", [{"name": "A=B", "value": "x"}], "must be letters", "[0].name"),
    serving("env", "twice", [{"name": "A"}, {"name": "A"}], "Duplicate", "[1]"),
    serving("env", "huge", [{"name": "A", "value": "x" * 300_000}], "Too long", "[0].value"),
    serving("env", "number", [{"name": "A", "value": 1}], "string", "[0].value"),
    serving("env", "many", [{"name": f"A{n}"} for n in range(65)], "Too many"),
    serving(
        "env",
        "value-twice",
        [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "remove one",
        "[0].valueFrom",
    ),
    serving(
        "env", "source-empty", [{"name": "A", "valueFrom": {}}], "needs exactly one of secretKeyRef", "[0].valueFrom"
    ),
    serving("tolerations", "effect", [{"effect": "Never"}], "NoSchedule", "[0].effect"),
    serving("nodeSelector", "long", {"a": "x" * 64}, "Too long", ".a"),
)
RESERVED: Final = "are reserved"
EXPOSED: Final = (
    service("type", {"type": "NodePort"}, "LoadBalancer", ".type"),
    service("exposure", {"type": "LoadBalancer", "exposure": "Public"}, "Internal", ".exposure"),
    service("external-inside", {"exposure": "External"}, "needs type LoadBalancer", ".exposure"),
    service("our-annotation", {"annotations": {"aiapp.dev/revision": "1"}}, RESERVED, ".annotations"),
    service("key", {"annotations": {"a b": "1"}}, "must be a name", ".annotations"),
    service("huge", {"annotations": {"a": "x" * 300_000}}, "Too long", ".annotations.a"),
    service("many", {"annotations": {f"a{n}": "" for n in range(33)}}, "Too many", ".annotations"),
    service(
        "exposure-twice",
        {"annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "false"}},
        "set by exposure",
        ".annotations",
    ),
)
REST: Final = (
    Refused("suspend", {"spec.suspend": "yes"}, "spec.suspend", "boolean"),
    Refused(
        "pull-secret", {"spec.imagePullSecrets": [{"name": "A b"}]}, "spec.imagePullSecrets[0].name", "of an object"
    ),
    Refused(
        "pull-secret-twice", {"spec.imagePullSecrets": [{"name": "a"}] * 2}, "spec.imagePullSecrets[1]", "Duplicate"
    ),
    Refused("service-account", {"spec.serviceAccountName": "A b"}, "spec.serviceAccountName", "name of an object"),
    Refused("name-long", {"metadata.name": "a" * 51}, "metadata.name", "at most 50"),
    Refused("name-digit", {"metadata.name": "7digits"}, "metadata.name", "start with a letter"),
    Refused("name-dot", {"metadata.name": "digits.v2"}, "metadata.name", "start with a letter"),
    Refused("spec-absent", {"spec": ABSENT}, "spec", "Required"),
    Refused("spec-null", {"spec": None}, "spec", "Required"),
    Refused("spec-list", {"spec": []}, "spec", "object"),
)
REFUSED: Final = (
    *(*IMAGES, *IMAGE_POLICIES, *VERSIONS, *MODEL_POLICIES),
    *(*SOURCES, *ENDPOINTS, *CREDENTIALS, *SERVING, *EXPOSED, *RELEASES, *REST),
)

ACCEPTED: Final = (
    Accepted(
        "smallest",
        {},
        {
            "spec.suspend": False,
            "spec.serving": {"port": 8080, "readinessPath": "/version", "replicas": 2},
            "spec.release": {
                "progressDeadline": "10m",
                "revisionHistoryLimit": 10,
                "gate": {"timeout": "10m"},
                "bake": {"duration": "5m"},
            },
            "spec.expose.service": {"type": "ClusterIP", "exposure": "Internal"},
        },
    ),
    Accepted("image-brings-its-model", {"spec.modelSource": ABSENT, "spec.modelVersion": ABSENT}),
    Accepted("null-section", {"spec.serving": None}, {"spec.serving.replicas": 2}),
    Accepted("image-digest", {"spec.image": f"contoso.azurecr.io/team/digits@{DIGEST}"}),
    Accepted("image-tag-and-digest", {"spec.image": f"registry.test:5000/digits:1@{DIGEST}"}),
    Accepted("image-localhost", {"spec.image": "localhost/digits:1"}),
    Accepted("endpoint-empty", {"spec.modelSource.azureBlob.endpoint": ""}),
    Accepted("endpoint", {"spec.modelSource.azureBlob.endpoint": "https://contoso.blob.core.usgovcloudapi.net/"}),
    Accepted("path", {"spec.modelSource.azureBlob.path": "teams/vision_2/digits.v1"}),
    Accepted("version", {"spec.modelVersion": "2026-11-23T10.00_rc1+build"}),
    Accepted("equal-limit", {"spec.serving.resources": {"requests": {"cpu": "0.5"}, "limits": {"cpu": "500m"}}}),
    Accepted("gpu", {"spec.serving.resources": {"limits": {"nvidia.com/gpu": 1}}}),
    Accepted("name-of-50", {"metadata.name": "a" * 50}),
    Accepted("generated-name", {"metadata": {"generateName": "digits-"}}),
    Accepted("load-balancer", {"spec.expose.service": {"type": "LoadBalancer", "exposure": "External"}}),
    # What only the cluster can know is answered by a condition: the name of a Secret that may come later.
    Accepted("secret-that-is-not-there", {"spec.modelSource.credentials": {"secretRef": {"name": "later"}}}),
    *(
        Accepted(f"endpoint-{case}", {"spec.modelSource.azureBlob.endpoint": value})
        for case, value in (
            # Which of them are asked is for the administrator to list; the words of the condition say so.
            ("with-port", "https://contoso.example.com:8443"),
            ("plain-http", "http://minio.storage.svc:9000"),
            ("ip", "https://10.0.0.4:9000/"),
            ("single-label", "http://azurite:10000"),
        )
    ),
    Accepted("latest", {"spec.modelVersion": "latest"}),
    Accepted("latest-by-absence", {"spec.modelVersion": ABSENT}),
    Accepted("latest-by-null", {"spec.modelVersion": None}),
    Accepted(
        "model-policy",
        {"spec.modelVersion": ABSENT, "spec.modelPolicy": {}},
        {"spec.modelPolicy": {"type": "LastModified", "interval": "5m"}},
    ),
    Accepted(
        "model-policy-in-full",
        {
            "spec.modelVersion": "latest",
            "spec.modelPolicy": {"type": "SemVer", "range": ">=1.4.0 <2", "pattern": "^v(?P<v>.*)$", "interval": "10s"},
        },
    ),
    Accepted(
        "image-policy",
        {"spec.image": REPOSITORY, "spec.imagePolicy": {"type": "SemVer", "range": "1.x || ^2.1.0-rc.1"}},
        {"spec.imagePolicy.interval": "5m"},
    ),
    Accepted(
        "image-policy-numerical",
        {
            "spec.image": "registry.test:5000/team/digits",
            "spec.imagePolicy": {"type": "Numerical", "pattern": r"^main-(?P<v>\d+)-[0-9a-f]{7}$", "interval": "1h"},
        },
    ),
    Accepted("image-policy-tag", {"spec.image": f"{REPOSITORY}:main", "spec.imagePolicy": {"type": "Tag"}}),
    Accepted("identity-by-absence", {"spec.modelSource.credentials": ABSENT}),
    Accepted("identity-of-the-service-account", {"spec.modelSource.credentials": {"workloadIdentity": {}}}),
    Accepted(
        "identity", {"spec.modelSource.credentials": {"workloadIdentity": {"clientID": UUID, "tenantID": UUID.lower()}}}
    ),
    Accepted("s3", {"spec.modelSource": {"s3": S3, "credentials": SECRET}}),
    Accepted("s3-latest", {"spec.modelSource": {"s3": S3, "credentials": SECRET}, "spec.modelVersion": ABSENT}),
    Accepted(
        "s3-elsewhere",
        {
            "spec.modelSource": {
                "s3": {"bucket": "models", "path": "d", "endpoint": "https://minio.corp.example:9000"},
                "credentials": {"anonymous": {}},
            }
        },
    ),
    Accepted("claim", {"spec.modelSource": {"persistentVolumeClaim": CLAIM}}),
    *ACCEPTED_RELEASES,
)
