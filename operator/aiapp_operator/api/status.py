"""What the operator reports about an AIApp: `status`. The schema bounds it; the operator writes it as plain JSON."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from aiapp_operator.api.fields import ApiModel, map_by

ShortText = Annotated[str, Field(max_length=128)]
Reference = Annotated[str, Field(max_length=512)]


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
    observed_generation: Annotated[int, Field(ge=0)] | None = None
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
    size_bytes: Annotated[int, Field(ge=0)] | None = None
    """Size of its files together."""
    published_time: datetime | None = None
    """When its upload was complete."""


class Latest(ApiModel):
    """What the spec and the sources ask for."""

    image: LatestImage | None = None
    """The image."""
    model: LatestModel | None = None
    """The model version; absent where the image brings its model."""


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


class AIAppStatus(ApiModel):
    """What the operator saw and did; rebuilt from the cluster when lost."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status speaks about."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=map_by("type"))] = ()
    """Ready: the active release serves at the wanted strength. UpToDate: what serves is what spec and sources ask
    for. SourcesResolved: registry and store gave it. Reconciling, Stalled and SourceDrifted are present only when
    True."""
    latest: Latest | None = None
    """What the spec and the sources ask for."""
    active: ReleaseStatus | None = None
    """The release that serves."""
    candidate: ReleaseStatus | None = None
    """The release that is on its way to serve; absent when there is none."""
    last_handled_actions: Annotated[dict[str, Annotated[str, Field(max_length=256)]], Field(max_length=16)] | None = (
        None
    )
    """The annotations aiapp.dev/ACTION that were acted on, or ignored, by action: each with its value."""
    url: Annotated[str, Field(max_length=1024)] | None = None
    """Address of the app."""
    image: Reference | None = None
    """Tag or short digest of the image that serves."""
    replicas: Annotated[int, Field(ge=0)] | None = None
    """Number of pods there are."""
    selector: Annotated[str, Field(max_length=1024)] | None = None
    """Label selector of the pods, for autoscalers."""
