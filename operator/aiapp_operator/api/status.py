"""What the operator reports about an AIApp: `status`. The schema bounds it; the operator writes it as plain JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from aiapp_operator.api.fields import ApiModel, map_by

ShortText = Annotated[str, Field(max_length=128)]
Reference = Annotated[str, Field(max_length=512)]
Words = Annotated[str, Field(max_length=1024)]
Count = Annotated[int, Field(ge=0)]


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One aspect of the app's state, as in other Kubernetes objects."""

    type: Annotated[str, Field(max_length=316)]
    """Name of the condition, such as Ready or UpToDate."""
    status: ConditionStatus
    """Whether it holds."""
    observed_generation: Count | None = None
    """Generation of the AIApp that it was judged by."""
    last_transition_time: datetime
    """When its status changed last."""
    reason: Annotated[str, Field(max_length=1024)]
    """Why, in one word for programs."""
    message: Annotated[str, Field(max_length=32768)]
    """Why, in words: the object, the cause and what to do about it."""


class LatestImage(ApiModel):
    """The image that the spec asks for."""

    ref: Reference | None = None
    """The image as the spec names it, with the tag that the image policy chose."""
    digest: ShortText | None = None
    """The digest it was resolved to."""
    seen_time: datetime | None = None
    """When it was resolved."""


class LatestModel(ApiModel):
    """The model version that the spec asks for."""

    version: ShortText | None = None
    """Its name."""
    digest: ShortText | None = None
    """Digest of its content: sha256 of its sorted SHA256SUMS."""
    size_bytes: Count | None = None
    """Size of its files together."""
    published_time: datetime | None = None
    """When its upload was complete."""


class Latest(ApiModel):
    """What the spec and the sources ask for."""

    image: LatestImage | None = None
    """The image."""
    model: LatestModel | None = None
    """The model version; absent where the image brings its model."""


class GateState(StrEnum):
    """How the gate of a release stands."""

    PASSED = "Passed"
    FAILED = "Failed"
    RUNNING = "Running"
    WAITING = "Waiting"
    INCONCLUSIVE = "Inconclusive"


class Difference(ApiModel):
    """How the answers of a release differ from those of the release that served when it was tried."""

    compared: Count | None = None
    """Number of golden cases that both answered."""
    flips: Count | None = None
    """How many of them got another answer."""
    agreement: ShortText | None = None
    """Share of equal answers, such as 98.0%."""
    latency_delta: ShortText | None = None
    """How much longer an answer takes, such as 3ms or -1.5ms."""


class ReleaseStatus(ApiModel):
    """One release: an image and a model that serve together."""

    revision: Annotated[int, Field(ge=1)]
    """Number of the release, as in its ControllerRevision and in the header AIApp-Revision."""
    image: Reference | None = None
    """The image as the spec named it, with the tag that the image policy chose."""
    image_digest: ShortText | None = None
    """The digest that its pods run."""
    model_version: ShortText | None = None
    """Name of its model version."""
    model_digest: ShortText | None = None
    """Digest of its model's content."""
    released_time: datetime | None = None
    """When all of its pods were ready."""
    baked_time: datetime | None = None
    """When its bake ended well: from then on it is what a later failure goes back to."""
    comparison: Difference | None = None
    """How its answers differ from those of the release before it; absent where they could not be compared."""


class CandidateStatus(ReleaseStatus):
    """A release that is on its way to serve."""

    started_time: datetime | None = None
    """When its rollout began; absent while it is gated or waits."""
    release_now_time: datetime | None = None
    """When somebody asked to release it at once, whatever schedule and freezes say."""
    gate: GateState | None = None
    """Passed, Failed, Running; Waiting: for room, a Secret or the like; Inconclusive: something else than the release
    was in the way, and it is tried again."""
    gate_message: Words | None = None
    """The same in words: what was proved, what failed, or what is waited for."""


class NextReason(StrEnum):
    """What a release waits for."""

    SCHEDULE = "Schedule"
    FREEZE = "Freeze"
    BAKE = "Bake"


class NextRelease(ApiModel):
    """The release that waits, and for what."""

    time: datetime | None = None
    """When it may go out; absent: nobody knows."""
    reason: NextReason | None = None
    """Schedule: for a window of spec.release.schedule. Freeze: for the end of a freeze. Bake: for the bake of the
    release before it."""
    revision: Annotated[int, Field(ge=1)] | None = None
    """Number of the release."""
    gate: GateState | None = None
    """How its gate stands: what passed now is what goes out then."""


class HeldPart(StrEnum):
    """The part of a release that is held."""

    IMAGE = "Image"
    MODEL = "Model"
    CONFIG = "Config"
    PAIR = "Pair"
    ALL = "All"


class HoldStatus(ApiModel):
    """What is not released again until the annotation aiapp.dev/unhold says so."""

    stream: HeldPart
    """Image, Model, or Config: that part, whatever goes with it. Pair: this image with this model only. All: whatever
    the spec asks for, after aiapp.dev/rollback-to and until an edit of image, modelVersion or config."""
    digest: Annotated[str, Field(max_length=256)]
    """Digest of what is held; of a pair, both joined by +."""
    version: Reference | None = None
    """What people call it: a tag, a model version, or both joined by +."""
    reason: ShortText | None = None
    """Why, in one word."""
    message: Words | None = None
    """Why, in words."""
    since: datetime | None = None
    """Since when."""


class HistoryEntry(ApiModel):
    """What became of one release."""

    revision: Annotated[int, Field(ge=1)]
    """Number of the release."""
    image: Reference | None = None
    """Its image."""
    model_version: ShortText | None = None
    """Its model version."""
    change: Words | None = None
    """What it changed, such as model 41 -> 42."""
    gate: GateState | None = None
    """How its gate ended or stands."""
    result: ShortText | None = None
    """What became of it: Released, GateFailed, RolledBack; Superseded: it passed, and something newer went out."""
    reason: ShortText | None = None
    """Why it did not stay, in one word."""
    message: Words | None = None
    """Why it did not stay, in words."""
    time: datetime | None = None
    """When that happened."""
    seconds: Count | None = None
    """How long it took: from the start of the rollout, or of a gate that failed, to that moment."""
    by: Annotated[str, Field(max_length=256)] | None = None
    """The client that asked for it; a person only where an annotation names one."""


class AIAppStatus(ApiModel):
    """What the operator saw and did; rebuilt from the cluster when lost."""

    observed_generation: Count | None = None
    """Generation of the spec that this status speaks about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=map_by("type"))] = ()
    """Ready: the active release serves at the wanted strength. UpToDate: what serves is what spec and sources ask
    for. SourcesResolved: registry and store gave it. GatePassed: it proved what spec.release.gate asks. Reconciling,
    Stalled and SourceDrifted are present only when True."""
    latest: Latest | None = None
    """What the spec and the sources ask for."""
    active: ReleaseStatus | None = None
    """The release that serves."""
    candidate: CandidateStatus | None = None
    """The release that is on its way to serve; absent when there is none."""
    next_release: NextRelease | None = None
    """The release that waits for its time; absent when none does."""
    holds: Annotated[tuple[HoldStatus, ...], Field(max_length=32, json_schema_extra=map_by("stream", "digest"))] = ()
    """What is not released again, newest first; the annotation aiapp.dev/unhold ends one, by its version, digest or
    stream."""
    held: Words | None = None
    """The newest holds in one line."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=10, json_schema_extra=map_by("revision"))] = ()
    """What became of the last releases, newest first."""
    last_handled_actions: Annotated[dict[str, Annotated[str, Field(max_length=256)]], Field(max_length=16)] | None = (
        None
    )
    """The annotations aiapp.dev/ACTION that were acted on, or ignored, by action: each with its value."""
    url: Annotated[str, Field(max_length=1024)] | None = None
    """Address of the app."""
    image: Reference | None = None
    """Tag or short digest of the image that serves."""
    replicas: Count | None = None
    """Number of pods there are."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of the pods, for autoscalers."""
