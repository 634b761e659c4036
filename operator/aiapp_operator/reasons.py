"""Every reason that a condition or an Event of an AIApp can carry, with one line of what it means.

docs/troubleshooting.md has one entry for each of them; a test compares the two.
"""

from enum import StrEnum
from typing import Final

from aiapp_models.errors import Reason as ModelReason
from aiapp_operator.errors import Reason as SourceReason


class Reason(StrEnum):
    """Reasons that the plan itself gives; what sources, fetch and the API server say comes with their own."""

    # conditions that are as they should be
    SERVING = "Serving"
    UP_TO_DATE = "UpToDate"
    RESOLVED = "Resolved"
    PASSED = "Passed"
    # under way
    RESOLVING = "Resolving"
    GATING = "Gating"
    ROLLING_OUT = "RollingOut"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    WAITING_FOR_WINDOW = "WaitingForWindow"
    WAITING_FOR_BAKE = "WaitingForBake"
    SUSPENDED = "Suspended"
    # releases that were found bad
    HELD = "Held"
    ROLLED_BACK_TO = "RolledBackTo"
    NO_WAY_BACK = "NoWayBack"
    # the spec
    INVALID_SPEC = "InvalidSpec"
    # streams that are followed
    NO_MATCHING_VERSION = "NoMatchingVersion"
    # bytes behind a released digest
    CONTENT_CHANGED = "ContentChanged"
    MODEL_GONE = "ModelGone"
    IMAGE_GONE = "ImageGone"
    METADATA_CHANGED = "MetadataChanged"
    # pods that do not serve
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONTAINER_CANNOT_RUN = "ContainerCannotRun"
    OUT_OF_MEMORY = "OOMKilled"
    CRASHING = "Crashing"
    RUNS_AS_ROOT = "RunsAsRoot"
    NEVER_READY = "NeverReady"
    READINESS_LOST = "ReadinessLost"
    FETCH_SLOW = "FetchSlow"
    NO_CAPACITY = "NoCapacity"
    PODS_REFUSED = "PodsRefused"
    ROLLOUT_STUCK = "RolloutStuck"
    PODS_UNAVAILABLE = "PodsUnavailable"
    NO_RELEASE = "NoRelease"
    # gates
    CASE_FAILED = "CaseFailed"
    FLAPPING = "Flapping"
    ANSWER_TOO_LARGE = "AnswerTooLarge"
    WRONG_VERSION = "WrongVersion"
    TOO_MANY_LABEL_FLIPS = "TooManyLabelFlips"
    CASES_INVALID = "CasesInvalid"
    CASES_MISSING = "CasesMissing"
    GATE_INCONCLUSIVE = "GateInconclusive"
    # Events
    GATE_STARTED = "GateStarted"
    GATE_PASSED = "GatePassed"
    GATE_FAILED = "GateFailed"
    RELEASE_STARTED = "ReleaseStarted"
    RELEASED = "Released"
    RELEASED_NOW = "ReleasedNow"
    BAKED = "Baked"
    ROLLED_BACK = "RolledBack"
    UNHELD = "Unheld"
    RECOVERED = "Recovered"
    ACTION_IGNORED = "ActionIgnored"


_OWN: Final[dict[Reason, str]] = {
    Reason.SERVING: "The active release serves with as many pods as the spec asks for.",
    Reason.UP_TO_DATE: "What serves is what the spec asks for.",
    Reason.RESOLVED: "The image is known by its digest and the model by its content digest.",
    Reason.PASSED: "The release passed its gate.",
    Reason.RESOLVING: "The spec changed; registry and store are being asked.",
    Reason.GATING: "The gate tries the new release, without traffic; the old one serves.",
    Reason.ROLLING_OUT: "Pods of the new release are starting; those of the old one serve until they are ready.",
    Reason.BAKING: "The new release serves and is watched; what goes wrong now brings the last good one back.",
    Reason.ROLLING_BACK: "A release was found bad; the last good one takes its place.",
    Reason.WAITING_FOR_WINDOW: "A release passed its gate and waits for its schedule, or for the end of a freeze.",
    Reason.WAITING_FOR_BAKE: "A release passed its gate and waits until the bake of the one before it is over.",
    Reason.SUSPENDED: "spec.suspend is true, so what the spec asks for is not released.",
    Reason.HELD: "What the spec asks for was found bad; it is not released, and newer ones pass it by.",
    Reason.ROLLED_BACK_TO: "Somebody went back to an earlier release; nothing else goes out meanwhile.",
    Reason.NO_WAY_BACK: "A release was found bad and stays: there is no good one to go back to.",
    Reason.INVALID_SPEC: "The spec cannot be read by this operator.",
    Reason.NO_MATCHING_VERSION: "The source lists nothing that the policy takes.",
    Reason.CONTENT_CHANGED: "A model version that was released has other bytes now; pods refuse them.",
    Reason.MODEL_GONE: "A model version that was released is not in the store any more.",
    Reason.IMAGE_GONE: "An image that was released is not in the registry any more.",
    Reason.METADATA_CHANGED: "Files of a released model version were written again, with the same bytes.",
    Reason.IMAGE_PULL_FAILED: "A node cannot pull the image.",
    Reason.CONTAINER_CANNOT_RUN: "A container cannot be created or its command cannot be run.",
    Reason.OUT_OF_MEMORY: "A container was killed because it used more memory than its limit.",
    Reason.CRASHING: "The app's container ends instead of serving.",
    Reason.RUNS_AS_ROOT: "The app was refused something that its image needs root for.",
    Reason.NEVER_READY: "The app's container runs, but its readiness path has not answered 2xx within the deadline.",
    Reason.READINESS_LOST: "The app runs and was ready, but its readiness path has stopped answering 2xx.",
    Reason.FETCH_SLOW: "The model takes longer to arrive than its size explains.",
    Reason.NO_CAPACITY: "No node has room for a new pod; it starts as soon as there is one.",
    Reason.PODS_REFUSED: "The API server refuses to create the pods (a policy, a limit or an admission webhook).",
    Reason.ROLLOUT_STUCK: "The release made no progress within its deadline and the pods do not say why.",
    Reason.PODS_UNAVAILABLE: "Fewer pods are available than the spec asks for.",
    Reason.NO_RELEASE: "Nothing has been released yet.",
    Reason.CASE_FAILED: "A golden case got another answer than it expects.",
    Reason.FLAPPING: "A golden case passes and fails with the same request.",
    Reason.ANSWER_TOO_LARGE: "The app answered a golden case with more than 1 MiB.",
    Reason.WRONG_VERSION: "The app in the gate says that it is another image or model than the one to be released.",
    Reason.TOO_MANY_LABEL_FLIPS: "More golden cases get another answer than from the old release than the spec allows.",
    Reason.CASES_INVALID: "A golden case cannot be read.",
    Reason.CASES_MISSING: "The ConfigMap with the request body of a golden case is not there.",
    Reason.GATE_INCONCLUSIVE: "The gate ended without saying anything about the release; it is tried again.",
    Reason.GATE_STARTED: "Event: the gate of a new release began.",
    Reason.GATE_PASSED: "Event: a release passed its gate.",
    Reason.GATE_FAILED: "Event: a release failed its gate; it gets no traffic.",
    Reason.RELEASE_STARTED: "Event: the rollout of a new release began.",
    Reason.RELEASED: "Event: a release serves with all its pods.",
    Reason.RELEASED_NOW: "Event: somebody asked to release now, whatever schedule and freezes say.",
    Reason.BAKED: "Event: a release was watched long enough and is good.",
    Reason.ROLLED_BACK: "Event: a release was found bad after its start and is undone.",
    Reason.UNHELD: "Event: a hold is over.",
    Reason.RECOVERED: "Event: a source or the app answers again.",
    Reason.ACTION_IGNORED: "Event: an annotation that asks for something came too late, or cannot be read.",
}

_SOURCES: Final[dict[SourceReason, str]] = {
    SourceReason.IMAGE_NOT_FOUND: "The registry has no such repository, tag or digest.",
    SourceReason.REGISTRY_UNAUTHORIZED: "The registry refuses the credentials, or anonymous access.",
    SourceReason.REGISTRY_REFUSED: "The registry answers something that the operator does not follow.",
    SourceReason.REGISTRY_UNREACHABLE: "The registry cannot be reached: name, network, TLS or time-out.",
    SourceReason.ENDPOINT_REFUSED: "An address that no administrator listed, or that is never asked.",
    SourceReason.SECRET_FORBIDDEN: "The operator may not read the Secret.",
    SourceReason.SECRET_NOT_FOUND: "There is no Secret of that name.",
    SourceReason.SECRET_INVALID: "The Secret lacks a usable key, or its content is broken.",
    SourceReason.IDENTITY_FORBIDDEN: "The operator may not ask for a token of the app's ServiceAccount.",
    SourceReason.REFUSED: "The API server, a policy or a webhook refuses an object of the app.",
    SourceReason.QUOTA_EXCEEDED: "A ResourceQuota of the namespace leaves no room.",
    SourceReason.NAME_CONFLICT: "An object of somebody else has a name that the app needs.",
    SourceReason.API_UNAVAILABLE: "The API server cannot answer now.",
    SourceReason.CONFLICT: "An object changed while it was being written; the operator looks again.",
}

_MODELS: Final[dict[ModelReason, str]] = {
    ModelReason.MODEL_MISSING: "The store has no such container, path or version.",
    ModelReason.MODEL_INCOMPLETE: "The version has no SHA256SUMS yet, or a file that it lists is not there.",
    ModelReason.MODEL_CORRUPT: "The bytes of a file differ from SHA256SUMS, or SHA256SUMS cannot be read.",
    ModelReason.MODEL_CHANGED: "A released version was overwritten.",
    ModelReason.MODEL_ARCHIVED: "A file of the version is in the archive tier and cannot be read.",
    ModelReason.MODEL_TOO_LARGE: "The version has more files or bytes than a version may have.",
    ModelReason.UNSAFE_PATH: "A file name could leave the model's folder, or collides with another.",
    ModelReason.SECRET_INVALID: "The Secret lacks a usable key, or its content is broken.",
    ModelReason.IDENTITY_MISSING: "The workload identity has no client ID, tenant or token.",
    ModelReason.IDENTITY_REFUSED: "Microsoft Entra ID gives the workload identity no token.",
    ModelReason.ENDPOINT_REFUSED: "An address that no administrator listed, or that is never asked.",
    ModelReason.STORE_FORBIDDEN: "The store refuses the credentials.",
    ModelReason.STORE_REFUSED: "The store refuses the request.",
    ModelReason.STORE_UNREACHABLE: "The store cannot be reached: name, network, TLS or time-out.",
    ModelReason.SOURCE_INVALID: "spec.modelSource, or an address in it, is wrong.",
    ModelReason.NO_SPACE: "The node has too little space for the model.",
    ModelReason.LOAD_FAILED: "score.py could not be read, or its init() failed.",
    ModelReason.FETCH_FAILED: "The container that fetches the model failed without giving a reason of its own.",
}

DESCRIPTIONS: Final[dict[str, str]] = {
    reason.value: text for table in (_OWN, _SOURCES, _MODELS) for reason, text in table.items()
}
"""Reason -> one line."""
