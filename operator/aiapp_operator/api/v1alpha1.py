"""AIApp of API version v1alpha1: the spec as users write it and the parts of the metadata that the operator reads.

The CustomResourceDefinition is generated from these models; the text below a field is what `kubectl explain` shows.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field

from aiapp_operator.api.fields import (
    ApiModel,
    Duration,
    ImageReference,
    ModelVersion,
    ObjectName,
    cel,
    map_by,
    rules,
)
from aiapp_operator.api.model_source import LocalObjectReference, ModelSource
from aiapp_operator.api.serving import Serving

GROUP: Final = "aiapp.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "AIApp"
PLURAL: Final = "aiapps"


class Release(ApiModel):
    """How a new release goes out."""

    progress_deadline: Duration = "10m"
    """How long a release may take to become ready before it counts as failed; the one before it serves on."""
    revision_history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    """How many past releases are kept."""


class ServiceType(StrEnum):
    """Who can reach the Service."""

    CLUSTER_IP = "ClusterIP"
    LOAD_BALANCER = "LoadBalancer"


class Exposure(StrEnum):
    """Which network a load balancer stands in."""

    INTERNAL = "Internal"
    EXTERNAL = "External"


SERVICE_ANNOTATION_RULES: Final = rules(
    cel(
        "self.all(k, !k.startsWith('aiapp.dev/') && !k.startsWith('kubectl.kubernetes.io/'))",
        "annotations that start with aiapp.dev/ or kubectl.kubernetes.io/ are reserved: remove them",
    ),
    cel(
        "!('service.beta.kubernetes.io/azure-load-balancer-internal' in self)",
        "the annotation azure-load-balancer-internal is set by exposure: choose Internal or External",
    ),
    cel(
        "self.all(k, k.size() <= 317 && k.matches(r'^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$'))",
        "a key must be a name with an optional domain in front, such as "
        "service.beta.kubernetes.io/azure-dns-label-name",
    ),
)


class ExposeService(ApiModel):
    """The Service in front of the pods."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                # The declared default of this object is checked before those of its fields are filled in.
                "!has(self.exposure) || self.exposure != 'External' || self.type == 'LoadBalancer'",
                "exposure External needs type LoadBalancer",
                ".exposure",
            )
        )
    )

    type: ServiceType = ServiceType.CLUSTER_IP
    """ClusterIP: reached from within the cluster. LoadBalancer: reached from outside of it."""
    exposure: Exposure = Exposure.INTERNAL
    """With type LoadBalancer. Internal: an address in the virtual network. External: one in the internet."""
    annotations: (
        Annotated[
            dict[str, Annotated[str, Field(max_length=1024)]],
            Field(max_length=32, json_schema_extra=SERVICE_ANNOTATION_RULES),
        ]
        | None
    ) = None
    """Annotations of the Service, such as service.beta.kubernetes.io/azure-dns-label-name."""


class Expose(ApiModel):
    """How the app is reached."""

    service: ExposeService = ExposeService()
    """The Service in front of the pods."""


class AIAppSpec(ApiModel):
    """What the app is made of and how it is served."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!has(self.modelSource) || has(self.modelVersion)",
                "modelSource needs modelVersion: name the version to serve, such as '42'",
                ".modelVersion",
            ),
            cel(
                "!has(self.modelVersion) || has(self.modelSource)",
                "modelVersion needs modelSource, the place where versions lie; leave modelVersion out where the "
                "image brings its model",
                ".modelSource",
            ),
        )
    )

    suspend: bool = False
    """True: no new release goes out; one that is under way ends, and what serves is still kept in repair."""
    image: ImageReference
    """The app's image with its registry and its tag or digest, such as contoso.azurecr.io/digits:1.4.2. A tag is
    resolved to a digest once per edit."""
    image_pull_secrets: Annotated[
        tuple[LocalObjectReference, ...], Field(max_length=8, json_schema_extra=map_by("name"))
    ] = ()
    """Secrets of type kubernetes.io/dockerconfigjson with the registry's credentials."""
    model_version: ModelVersion | None = None
    """The model version to serve: a folder below the model source's path, such as "42". Required with modelSource."""
    model_source: ModelSource | None = None
    """Where the model comes from; absent: the image brings its model."""
    service_account_name: ObjectName | None = None
    """ServiceAccount of the pods; it is used and never changed. Absent: one of the app's name is made."""
    release: Release = Release()
    """How a new release goes out."""
    serving: Serving = Serving()
    """The pods that serve the app."""
    expose: Expose = Expose()
    """How the app is reached."""


class Metadata(ApiModel):
    """The parts of an object's metadata that the operator reads."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)


class AIApp(ApiModel):
    """An AI app: one endpoint that serves one image with one version of a model."""

    metadata: Metadata
    spec: AIAppSpec
    status: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def parse(cls, manifest: Mapping[str, Any]) -> "AIApp":
        """Read an object as the API server gives it; unknown fields are ignored.

        Raises:
            pydantic.ValidationError: a field that this version knows is missing or of the wrong form.
        """
        return cls.model_validate(manifest)
