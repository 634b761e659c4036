"""AIApp of API version v1alpha1: the spec as users write it and the parts of the metadata that the operator reads.

The CustomResourceDefinition is generated from these models; the text below a field is what `kubectl explain` shows.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, model_validator

from aiapp_operator.api.fields import (
    IMAGE_TAG_OR_DIGEST,
    ApiModel,
    ImageReference,
    ModelVersion,
    ObjectName,
    Rule,
    cel,
    check,
    map_by,
    rules,
)
from aiapp_operator.api.model_source import LocalObjectReference, ModelSource
from aiapp_operator.api.policies import LATEST, ImagePolicy, ImagePolicyType, ModelPolicy
from aiapp_operator.api.release import Release
from aiapp_operator.api.serving import Serving

GROUP: Final = "aiapp.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "AIApp"
PLURAL: Final = "aiapps"


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


def _has_tag_or_digest(spec: "AIAppSpec") -> bool:
    return re.search(IMAGE_TAG_OR_DIGEST, spec.image) is not None


SPEC_RULES: Final = (
    Rule(
        f"has(self.imagePolicy) || self.image.matches(r'{IMAGE_TAG_OR_DIGEST}')",
        "image needs a tag or a digest, such as contoso.azurecr.io/digits:1.4.2, or an imagePolicy that chooses one",
        lambda spec: spec.image_policy is not None or _has_tag_or_digest(spec),
        ".image",
    ),
    Rule(
        "!has(self.imagePolicy) || self.imagePolicy.type != 'Tag' || "
        f"(self.image.matches(r'{IMAGE_TAG_OR_DIGEST}') && !self.image.contains('@'))",
        "type Tag of imagePolicy needs the tag to follow in image, no digest, such as contoso.azurecr.io/digits:main",
        lambda spec: (
            spec.image_policy is None
            or spec.image_policy.type != ImagePolicyType.TAG
            or (_has_tag_or_digest(spec) and "@" not in spec.image)
        ),
        ".image",
    ),
    Rule(
        f"!has(self.imagePolicy) || self.imagePolicy.type == 'Tag' || !self.image.matches(r'{IMAGE_TAG_OR_DIGEST}')",
        "imagePolicy chooses the tag: write the repository alone in image, such as contoso.azurecr.io/digits",
        lambda spec: (
            spec.image_policy is None or spec.image_policy.type == ImagePolicyType.TAG or not _has_tag_or_digest(spec)
        ),
        ".image",
    ),
    Rule(
        "!has(self.modelVersion) || has(self.modelSource)",
        "modelVersion needs modelSource, the place where versions lie; leave modelVersion out where the image brings "
        "its model",
        lambda spec: spec.model_version is None or spec.model_source is not None,
        ".modelSource",
    ),
    Rule(
        "!has(self.modelPolicy) || (has(self.modelSource) && "
        f"(!has(self.modelVersion) || self.modelVersion == '{LATEST}'))",
        "modelPolicy works with a modelSource and the latest modelVersion only: remove modelPolicy, or write "
        "modelVersion: latest",
        lambda spec: spec.model_policy is None or spec.follows_model,
        ".modelPolicy",
    ),
    Rule(
        "!has(self.modelSource) || !has(self.modelSource.persistentVolumeClaim) || "
        f"(has(self.modelVersion) && self.modelVersion != '{LATEST}')",
        "a persistentVolumeClaim cannot be followed: name the modelVersion to serve, such as '42'",
        lambda spec: (
            spec.model_source is None
            or spec.model_source.persistent_volume_claim is None
            or spec.model_version not in (None, LATEST)
        ),
        ".modelVersion",
    ),
)


class AIAppSpec(ApiModel):
    """What the app is made of and how it is served."""

    model_config = ConfigDict(json_schema_extra=rules(*(rule.cel() for rule in SPEC_RULES)))

    suspend: bool = False
    """True: no new release goes out; one that is under way ends, and what serves is still kept in repair."""
    image: ImageReference
    """The app's image with its registry and its tag or digest, such as contoso.azurecr.io/digits:1.4.2. Without
    imagePolicy a tag is resolved to a digest once per edit. With one of type SemVer or Numerical: the repository alone,
    such as contoso.azurecr.io/digits."""
    image_policy: ImagePolicy | None = None
    """How the image is followed, so that a push is a release. Absent: it is not."""
    image_pull_secrets: Annotated[
        tuple[LocalObjectReference, ...], Field(max_length=8, json_schema_extra=map_by("name"))
    ] = ()
    """Secrets of type kubernetes.io/dockerconfigjson with the registry's credentials."""
    model_version: ModelVersion | None = None
    """The model version to serve: a folder below the model source's path, such as "42". Absent or "latest": the newest
    by modelPolicy, followed, so that an upload is a release."""
    model_policy: ModelPolicy | None = None
    """What makes a model version the newest. Absent: that its upload was complete last, asked every 5 minutes."""
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

    @property
    def follows_model(self) -> bool:
        """Tell whether the newest model version is asked for, and none by its name."""
        return self.model_source is not None and self.model_version in (None, LATEST)

    @model_validator(mode="after")
    def _fits_together(self) -> "AIAppSpec":
        check(self, SPEC_RULES)
        return self


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
