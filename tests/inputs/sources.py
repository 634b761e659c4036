"""What users may write wrong of where image and model come from, and how they are followed."""

from typing import Any, Final

from inputs.case import (
    ABSENT,
    AT_CLAIM,
    AZURE,
    CLAIM,
    DIGEST,
    HOST_NAME,
    REPOSITORY,
    S3,
    SAFE_PATH,
    SECRET,
    UUID,
    Refused,
)


def image(case: str, value: Any, words: str) -> Refused:
    return Refused(f"image-{case}", {"spec.image": value}, "spec.image", words)


def version(case: str, value: Any, words: str) -> Refused:
    return Refused(f"version-{case}", {"spec.modelVersion": value}, "spec.modelVersion", words)


def blob(part: str, case: str, value: Any, words: str) -> Refused:
    path = f"spec.modelSource.azureBlob.{part}"
    return Refused(f"{part}-{case}", {path: value}, path, words)


def source(case: str, value: Any, words: str, at: str = "") -> Refused:
    return Refused(f"source-{case}", {"spec.modelSource": value}, f"spec.modelSource{at}", words)


def image_policy(case: str, value: Any, words: str, at: str = "", image: str = REPOSITORY) -> Refused:
    patch = {"spec.image": image, "spec.imagePolicy": value}
    return Refused(f"image-policy-{case}", patch, at or "spec.imagePolicy", words)


def model_policy(case: str, value: Any, words: str, at: str = "", version: Any = ABSENT) -> Refused:
    patch = {"spec.modelVersion": version, "spec.modelPolicy": value}
    return Refused(f"model-policy-{case}", patch, f"spec.modelPolicy{at}", words)


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
    version("empty", "", "at least 1"),
    version("number", 42, "string"),
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
    source("empty", {}, "exactly one of azureBlob, s3"),
    source("two-stores", {"azureBlob": AZURE, "s3": S3, "credentials": SECRET}, "exactly one of azureBlob, s3"),
    source("null-store", {"azureBlob": None, "credentials": SECRET}, "exactly one of azureBlob, s3"),
    source("s3-without-credentials", {"s3": S3}, "s3 needs credentials", ".credentials"),
    source("s3-identity", {"s3": S3, "credentials": {"workloadIdentity": {}}}, "s3 needs credentials", ".credentials"),
    source(
        "claim-with-credentials",
        {"persistentVolumeClaim": CLAIM, "credentials": SECRET},
        "needs no credentials",
        ".credentials",
    ),
    source(
        "tokens-to-an-endpoint",
        {"azureBlob": AZURE | {"endpoint": "https://contoso.example.com"}},
        "tokens go only to the account",
        ".azureBlob.endpoint",
    ),
    source(
        "tokens-to-an-endpoint-by-name",
        {
            "azureBlob": AZURE | {"endpoint": "https://contosomodels.blob.core.windows.net"},
            "credentials": {"workloadIdentity": {"clientID": UUID}},
        },
        "tokens go only to the account",
        ".azureBlob.endpoint",
    ),
    *(
        source(f"s3-{case}", {"s3": S3 | {part: value}, "credentials": SECRET}, words, f".s3.{part}")
        for case, part, value, words in (
            ("bucket-short", "bucket", "ab", "at least 3"),
            ("bucket-upper-case", "bucket", "Models", "lower-case letters"),
            ("bucket-slash", "bucket", "models/x", "lower-case letters"),
            ("bucket-dots", "bucket", "models..x", "single '-' or '.'"),
            ("bucket-long", "bucket", "a" * 64, "Too long"),
            ("path-up", "path", "digits/../other", SAFE_PATH),
            ("region-dot", "region", "eu.west.1", "name such as eu-west-1"),
            ("region-host", "region", "x.example.com/", "name such as eu-west-1"),
            ("region-long", "region", "a" * 64, "Too long"),
            ("endpoint-user", "endpoint", "https://me:secret@minio.example.com", HOST_NAME),
            ("endpoint-path", "endpoint", "https://minio.example.com/models", HOST_NAME),
        )
    ),
    source("s3-nowhere", {"s3": {"bucket": "models", "path": "d"}, "credentials": SECRET}, "region of its", ".s3"),
    source(
        "claim-name", {"persistentVolumeClaim": CLAIM | {"claimName": "../x"}}, "of an object", f"{AT_CLAIM}.claimName"
    ),
    source("claim-path", {"persistentVolumeClaim": CLAIM | {"path": "/etc"}}, SAFE_PATH, f"{AT_CLAIM}.path"),
    *(
        Refused(
            f"claim-followed-{case}",
            {"spec.modelSource": {"persistentVolumeClaim": CLAIM}, "spec.modelVersion": value},
            "spec.modelVersion",
            "cannot be followed",
        )
        for case, value in (("absent", ABSENT), ("null", None), ("latest", "latest"))
    ),
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
ENDPOINTS: Final = tuple(
    blob("endpoint", case, value, HOST_NAME)
    for case, value in (
        ("file", "file:///etc/passwd"),
        ("gopher", "gopher://contoso.example.com"),
        ("bare", "contoso.example.com"),
        ("user", "https://me:secret@contoso.example.com"),
        ("short-ip", "https://127.1"),
        ("octal-ip", "https://0177.0.0.1"),
        ("zero-ip", "https://010.0.0.1"),
        ("decimal-ip", "https://2130706433"),
        ("hex-ip", "https://127.0.0.0x1"),
        ("ipv6", "https://[::ffff:127.0.0.1]"),
        ("no-port", "https://contoso.example.com:"),
        ("long-port", "https://contoso.example.com:844300"),
        ("unicode", "https://cont\u043eso.example.com"),
        ("percent", "https://contoso%2eexample.com"),
        ("query", "https://contoso.example.com?x=1"),
        ("path", "https://contoso.example.com/x"),
        ("fragment", "https://contoso.example.com#x"),
        ("backslash", "https://contoso.example.com\\@evil.example.com"),
        ("nul", "https://contoso.example.com\0"),
        ("newline", "https://contoso.example.com\n"),
        ("upper-case", "https://Contoso.example.com"),
        ("final-dot", "https://contoso.example.com."),
    )
)
CREDENTIALS: Final = tuple(
    Refused(f"credentials-{case}", {"spec.modelSource.credentials": value}, f"spec.modelSource.credentials{at}", words)
    for case, value, at, words in (
        ("none", {}, "", "exactly one of workloadIdentity"),
        ("both", {"anonymous": {}, "secretRef": {"name": "s"}}, "", "exactly one of workloadIdentity"),
        ("identity-and-secret", {"workloadIdentity": {}, "secretRef": {"name": "s"}}, "", "exactly one of"),
        ("all", {"workloadIdentity": {}, "anonymous": {}, "secretRef": {"name": "s"}}, "", "exactly one of"),
        ("null", {"anonymous": None}, "", "anonymous: {}"),
        ("secret-without-name", {"secretRef": {}}, ".secretRef.name", "Required"),
        ("secret-name", {"secretRef": {"name": "../x"}}, ".secretRef.name", "name of an object"),
        ("client-id", {"workloadIdentity": {"clientID": "digits"}}, ".workloadIdentity.clientID", "must be a UUID"),
        ("tenant-id", {"workloadIdentity": {"tenantID": "../x"}}, ".workloadIdentity.tenantID", "must be a UUID"),
    )
)
SEM_VER: Final = {"type": "SemVer"}
ALONE: Final = "write the repository alone"
IMAGE_POLICIES: Final = (
    image_policy("empty", {}, "Required", "spec.imagePolicy.type"),
    image_policy("type", {"type": "Newest"}, "SemVer", "spec.imagePolicy.type"),
    image_policy("last-modified", {"type": "LastModified"}, "SemVer", "spec.imagePolicy.type"),
    image_policy("tag-chosen-twice", SEM_VER, ALONE, "spec.image", f"{REPOSITORY}:1.4.2"),
    image_policy("digest-chosen-twice", SEM_VER, ALONE, "spec.image", f"{REPOSITORY}@{DIGEST}"),
    image_policy("number-and-tag", {"type": "Numerical"}, ALONE, "spec.image", "registry.test:5000/digits:7"),
    image_policy("tag-missing", {"type": "Tag"}, "needs the tag to follow", "spec.image"),
    image_policy("tag-with-digest", {"type": "Tag"}, "no digest", "spec.image", f"{REPOSITORY}:1@{DIGEST}"),
    image_policy("digest", {"type": "Tag"}, "needs the tag to follow", "spec.image", f"{REPOSITORY}@{DIGEST}"),
    image_policy(
        "tag-range", {"type": "Tag", "range": "1.x"}, "SemVer only", "spec.imagePolicy.range", f"{REPOSITORY}:1"
    ),
    image_policy(
        "tag-pattern", {"type": "Tag", "pattern": "^v"}, "does not work", "spec.imagePolicy.pattern", f"{REPOSITORY}:1"
    ),
    image_policy("number-range", {"type": "Numerical", "range": "1.x"}, "SemVer only", "spec.imagePolicy.range"),
    image_policy("range", SEM_VER | {"range": "1.x; rm"}, "one of npm's", "spec.imagePolicy.range"),
    image_policy("range-long", SEM_VER | {"range": "1" * 129}, "Too long", "spec.imagePolicy.range"),
    image_policy("pattern", SEM_VER | {"pattern": "(v"}, "regular expression (RE2)", "spec.imagePolicy.pattern"),
    image_policy("look-ahead", SEM_VER | {"pattern": "v(?=1)"}, "expression (RE2)", "spec.imagePolicy.pattern"),
    image_policy("back-reference", SEM_VER | {"pattern": r"(v)\1"}, "expression (RE2)", "spec.imagePolicy.pattern"),
    image_policy("pattern-long", SEM_VER | {"pattern": "v" * 257}, "Too long", "spec.imagePolicy.pattern"),
    image_policy("interval", SEM_VER | {"interval": "1s"}, "10s to 24h", "spec.imagePolicy.interval"),
    image_policy("interval-number", SEM_VER | {"interval": 60}, "string", "spec.imagePolicy.interval"),
)
ONLY_LATEST: Final = "write modelVersion: latest"
MODEL_POLICIES: Final = (
    model_policy("version-named", {}, ONLY_LATEST, version="42"),
    model_policy("type", {"type": "Tag"}, "LastModified", ".type"),
    model_policy("range", {"range": "1.x"}, "SemVer only", ".range"),
    model_policy("number-range", {"type": "Numerical", "range": "1.x"}, "SemVer only", ".range", "latest"),
    model_policy("pattern", {"pattern": "v("}, "regular expression (RE2)", ".pattern"),
    model_policy("interval", {"interval": "25h"}, "10s to 24h", ".interval", "latest"),
    Refused(
        "model-policy-alone",
        {"spec.modelSource": ABSENT, "spec.modelVersion": ABSENT, "spec.modelPolicy": {}},
        "spec.modelPolicy",
        ONLY_LATEST,
    ),
)
