"""What users may write in an AIApp, right and wrong, and the words of the API server's answer."""

from dataclasses import dataclass, field
from typing import Any, Final

ABSENT: Final = object()
"""Takes the field away."""
DIGEST: Final = "sha256:" + "a" * 64
STARTS_WITH_HTTPS: Final = "endpoint must be https://"
SAFE_PATH: Final = "path must be folder names"


@dataclass(frozen=True)
class Refused:
    """One wrong input; `patch` sets fields by their path, `words` is a part of the answer about `field`."""

    id: str
    patch: dict[str, Any]
    field: str
    words: str


@dataclass(frozen=True)
class Accepted:
    """One right input; `becomes` are fields of the answer by their path."""

    id: str
    patch: dict[str, Any]
    becomes: dict[str, Any] = field(default_factory=dict)


def image(case: str, value: Any, words: str) -> Refused:
    return Refused(f"image-{case}", {"spec.image": value}, "spec.image", words)


def version(case: str, value: Any, words: str) -> Refused:
    return Refused(f"version-{case}", {"spec.modelVersion": value}, "spec.modelVersion", words)


def blob(part: str, case: str, value: Any, words: str) -> Refused:
    path = f"spec.modelSource.azureBlob.{part}"
    return Refused(f"{part}-{case}", {path: value}, path, words)


def serving(part: str, case: str, value: Any, words: str, at: str = "") -> Refused:
    return Refused(f"{part}-{case}", {f"spec.serving.{part}": value}, f"spec.serving.{part}{at}", words)


def service(case: str, value: Any, words: str, at: str) -> Refused:
    return Refused(f"service-{case}", {"spec.expose.service": value}, f"spec.expose.service{at}", words)


IMAGES: Final = (
    image("absent", ABSENT, "Required"),
    image("empty", "", "at least 1"),
    image("null", None, "Required"),
    image("number", 5, "string"),
    image("without-host", "digits:1.4.2", "must name its registry"),
    image("of-docker-hub", "library/python:3.13", "must name its registry"),
    image("without-tag", "contoso.azurecr.io/digits", "needs a tag or a digest"),
    image("port-is-no-tag", "registry.test:5000/digits", "needs a tag or a digest"),
    image("upper-case", "contoso.azurecr.io/Digits:1", "the repository in lower case"),
    image("short-digest", "contoso.azurecr.io/digits@sha256:abc", "64 hex digits"),
    image("other-digest", "contoso.azurecr.io/digits@md5:" + "a" * 64, "64 hex digits"),
    image("long-tag", "contoso.azurecr.io/digits:" + "a" * 129, "at most 128"),
    image("dots", "contoso.azurecr.io/../digits:1", "HOST/REPOSITORY:TAG"),
    image("space", "contoso.azurecr.io/digits: 1", "HOST/REPOSITORY:TAG"),
    image("newline", "contoso.azurecr.io/digits:1\n", "HOST/REPOSITORY:TAG"),
    image("nul", "contoso.azurecr.io/digits:1\0", "HOST/REPOSITORY:TAG"),
    image("with-scheme", "https://contoso.azurecr.io/digits:1", "must name its registry"),
    image("with-user", "me:secret@contoso.azurecr.io/digits:1", "must name its registry"),
    image("huge", "contoso.azurecr.io/" + "a" * 10_000 + ":1", "Too long"),
)
VERSIONS: Final = (
    version("absent", ABSENT, "name the version to serve"),
    version("null", None, "name the version to serve"),
    version("empty", "", "at least 1"),
    version("number", 42, "string"),
    version("latest", "latest", "must name one version"),
    version("negative", "-1", "name of one folder"),
    version("slash", "a/b", "no slash"),
    version("dots", "..", "no dot"),
    version("hidden", ".git", "no dot"),
    version("backslash", "a\\b", "name of one folder"),
    version("percent", "%2e%2e", "name of one folder"),
    version("unicode", "\uff14\uff12", "name of one folder"),
    version("newline", "42\n", "name of one folder"),
    version("huge", "1" * 10_000, "Too long"),
    Refused("version-alone", {"spec.modelSource": ABSENT}, "spec.modelSource", "modelVersion needs modelSource"),
)
SOURCES: Final = (
    Refused("source-empty", {"spec.modelSource": {}}, "spec.modelSource.azureBlob", "Required"),
    blob("account", "upper-case", "Contoso", "lower-case letters"),
    blob("account", "short", "ab", "3 to 24"),
    blob("account", "with-dot", "evil.example.com", "3 to 24"),
    blob("account", "long", "a" * 25, "Too long"),
    blob("container", "short", "ab", "at least 3"),
    blob("container", "two-hyphens", "a--b", "single '-'"),
    blob("container", "slash", "models/x", "lower-case letters"),
    blob("path", "absolute", "/digits", SAFE_PATH),
    blob("path", "open-end", "digits/", SAFE_PATH),
    blob("path", "empty", "", "at least 1"),
    blob("path", "up", "digits/../other", SAFE_PATH),
    blob("path", "double-slash", "digits//42", SAFE_PATH),
    blob("path", "backslash", "digits\\42", SAFE_PATH),
    blob("path", "percent", "digits/%2e%2e", SAFE_PATH),
    blob("path", "nul", "digits\0", SAFE_PATH),
    blob("path", "huge", "a" * 513, "Too long"),
)
ENDPOINTS: Final = (
    *(
        blob("endpoint", case, value, STARTS_WITH_HTTPS)
        for case, value in (
            ("http", "http://contoso.blob.core.windows.net"),
            ("file", "file:///etc/passwd"),
            ("gopher", "gopher://contoso.example.com"),
            ("user", "https://me:secret@contoso.example.com"),
            ("ip", "https://20.60.1.1"),
            ("metadata-ip", "https://169.254.169.254"),
            ("wire-server", "https://168.63.129.16"),
            ("decimal-ip", "https://2130706433"),
            ("hex-ip", "https://127.0.0.0x1"),
            ("ipv6", "https://[::ffff:127.0.0.1]"),
            ("localhost", "https://localhost"),
            ("port", "https://contoso.example.com:8443"),
            ("unicode", "https://cont\u043eso.example.com"),
            ("percent", "https://contoso%2eexample.com"),
            ("query", "https://contoso.example.com?x=1"),
            ("nul", "https://contoso.example.com\0"),
            ("upper-case", "https://Contoso.example.com"),
            ("final-dot", "https://contoso.example.com."),
        )
    ),
    *(
        blob("endpoint", case, value, "inside the cluster")
        for case, value in (
            ("service", "https://minio.default.svc"),
            ("service-domain", "https://minio.default.svc.cluster.local"),
            ("service-other-domain", "https://minio.default.svc.corp.example"),
            ("metadata-name", "https://metadata.google.internal"),
            ("localhost-domain", "https://x.localhost/"),
        )
    ),
)
CREDENTIALS: Final = tuple(
    Refused(f"credentials-{case}", {"spec.modelSource.credentials": value}, f"spec.modelSource.credentials{at}", words)
    for case, value, at, words in (
        ("absent", ABSENT, "", "Required"),
        ("none", {}, "", "exactly one of secretRef"),
        ("both", {"anonymous": {}, "secretRef": {"name": "s"}}, "", "exactly one of secretRef"),
        ("null", {"anonymous": None}, "", "anonymous: {}"),
        ("secret-without-name", {"secretRef": {}}, ".secretRef.name", "Required"),
        ("secret-name", {"secretRef": {"name": "../x"}}, ".secretRef.name", "name of an object"),
    )
)
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
    serving("env", "source-empty", [{"name": "A", "valueFrom": {}}], "exactly one", "[0].valueFrom"),
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
    *(
        Refused(f"deadline-{case}", {"spec.release.progressDeadline": value}, "spec.release.progressDeadline", words)
        for case, value, words in (
            ("unit", "10", "10s to 24h"),
            ("short", "5s", "10s to 24h"),
            ("long", "25h", "10s to 24h"),
            ("negative", "-10m", "10s to 24h"),
            ("days", "1d", "10s to 24h"),
            ("number", 600, "string"),
        )
    ),
    Refused("history", {"spec.release.revisionHistoryLimit": 0}, "spec.release.revisionHistoryLimit", "equal to 1"),
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
REFUSED: Final = (*IMAGES, *VERSIONS, *SOURCES, *ENDPOINTS, *CREDENTIALS, *SERVING, *EXPOSED, *REST)

ACCEPTED: Final = (
    Accepted(
        "smallest",
        {},
        {
            "spec.suspend": False,
            "spec.serving": {"port": 8080, "readinessPath": "/version", "replicas": 2},
            "spec.release": {"progressDeadline": "10m", "revisionHistoryLimit": 10},
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
    Accepted("deadline", {"spec.release.progressDeadline": "1h30m"}),
    Accepted("name-of-50", {"metadata.name": "a" * 50}),
    Accepted("generated-name", {"metadata": {"generateName": "digits-"}}),
    Accepted("load-balancer", {"spec.expose.service": {"type": "LoadBalancer", "exposure": "External"}}),
    # What only the cluster can know is answered by a condition: the name of a Secret that may come later.
    Accepted("secret-that-is-not-there", {"spec.modelSource.credentials": {"secretRef": {"name": "later"}}}),
)
