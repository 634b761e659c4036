"""Which of several images and model versions is the newest: `spec.imagePolicy` and `spec.modelPolicy`."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator

from aiapp_operator.api.fields import ApiModel, Duration, Rule, cel, check, matches, rules

LATEST: Final = "latest"
"""The modelVersion that follows; one that is absent follows as well."""


class ImagePolicyType(StrEnum):
    """How the image is followed."""

    TAG = "Tag"
    SEM_VER = "SemVer"
    NUMERICAL = "Numerical"


class ModelPolicyType(StrEnum):
    """What makes one model version newer than another."""

    LAST_MODIFIED = "LastModified"
    SEM_VER = "SemVer"
    NUMERICAL = "Numerical"


RANGE_WITH_SEM_VER: Final = Rule(
    "!has(self.range) || self.range == '' || self.type == 'SemVer'",
    "range works with type SemVer only: remove it, or choose SemVer",
    lambda policy: not policy.range or policy.type == "SemVer",
    ".range",
)
NO_PATTERN_FOR_TAG: Final = Rule(
    "!has(self.pattern) || self.pattern == '' || self.type != 'Tag'",
    "pattern does not work with type Tag, which follows the one tag that image names: remove it, or choose SemVer or "
    "Numerical",
    lambda policy: not policy.pattern or policy.type != "Tag",
    ".pattern",
)
Range = Annotated[
    str,
    Field(
        max_length=128,
        json_schema_extra=rules(
            matches(
                "^[0-9A-Za-z.*<>=^~|+ -]*$",
                "range must be one of npm's, such as 1.x, ^1.4.0, >=1.4.0 <2.0.0 or 1.2.x || 2.x",
            )
        ),
    ),
]
Pattern = Annotated[
    str,
    Field(
        max_length=256,
        json_schema_extra=rules(
            # A pattern that cannot be read is an error of the rule, which the API server adds to the message.
            cel(
                "''.matches(self) in [true, false]",
                "pattern must be a regular expression (RE2) of the whole name, such as ^v(?P<v>[0-9]+)$",
            )
        ),
    ),
]


class ImagePolicy(ApiModel):
    """How the newest image of a repository is found; it is asked for again every interval."""

    model_config = ConfigDict(json_schema_extra=rules(RANGE_WITH_SEM_VER.cel(), NO_PATTERN_FOR_TAG.cel()))

    type: ImagePolicyType
    """Tag: the one tag that image names, as it is pushed again. SemVer: the tag with the highest semantic version.
    Numerical: the tag with the highest number."""
    range: Range = ""
    """With type SemVer: the versions that count, as npm writes them, such as "1.x" or ">=1.4.0 <2.0.0". Pre-releases
    count only where the range names one. Absent: every version."""
    pattern: Pattern = ""
    """Tags that count, as a regular expression (RE2) of the whole tag. Its group `v`, where it has one, is the part
    that is compared, as in ^v(?P<v>[0-9]+)-prod$."""
    interval: Duration = "5m"
    """How often the registry is asked, from 10s to 24h."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> "ImagePolicy":
        check(self, (RANGE_WITH_SEM_VER, NO_PATTERN_FOR_TAG))
        return self


class ModelPolicy(ApiModel):
    """How the newest model version is found; it is asked for again every interval."""

    model_config = ConfigDict(json_schema_extra=rules(RANGE_WITH_SEM_VER.cel()))

    type: ModelPolicyType = ModelPolicyType.LAST_MODIFIED
    """LastModified: the version whose upload was complete last. SemVer: the highest semantic version. Numerical: the
    highest number."""
    range: Range = ""
    """With type SemVer: the versions that count, as npm writes them, such as "1.x" or ">=1.4.0 <2.0.0". Pre-releases
    count only where the range names one. Absent: every version."""
    pattern: Pattern = ""
    """Versions that count, as a regular expression (RE2) of the whole name. Its group `v`, where it has one, is the
    part that is compared, as in ^v(?P<v>[0-9]+)-prod$."""
    interval: Duration = "5m"
    """How often the store is asked, from 10s to 24h."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> "ModelPolicy":
        check(self, (RANGE_WITH_SEM_VER,))
        return self
