"""The kinds of values that fields of the API have, each with its bounds and the words of its refusal.

Where a pattern alone would answer with a regular expression, a CEL rule answers with the fix instead. Every
string and list is bounded: the API server prices rules by the largest value that it could meet.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

VALIDATIONS: Final = "x-kubernetes-validations"


class ApiModel(BaseModel):
    """Base of all objects in the API: camelCase outside, frozen, and blind to fields of a newer schema."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )


def cel(rule: str, message: str, field_path: str = "") -> dict[str, str]:
    """Return one validation rule in the API server's expression language; `message` says the fix."""
    validation = {"rule": rule, "message": message}
    return validation | {"fieldPath": field_path} if field_path else validation


def rules(*validations: dict[str, str], **schema: Any) -> dict[str, Any]:
    """Return what a field or a model adds to its schema: its rules and further keywords."""
    return {VALIDATIONS: list(validations), **schema}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule across fields: `expression` for the API server, `holds` for what an older schema let through."""

    expression: str
    message: str
    holds: Callable[[Any], bool]
    field_path: str = ""

    def cel(self) -> dict[str, str]:
        """Return the rule as the API server reads it."""
        return cel(self.expression, self.message, self.field_path)


def check(value: Any, checked: Iterable[Rule]) -> None:
    """Hold `value` to rules across its fields.

    Raises:
        PydanticCustomError: a rule does not hold; the words are the rule's.
    """
    for rule in checked:
        if not rule.holds(value):
            raise PydanticCustomError("rule", "{words}", {"words": rule.message})


def matches(pattern: str, message: str) -> dict[str, str]:
    """Return a rule that a string follows `pattern` (RE2, quoted for the expression language)."""
    return cel(f"self.matches(r'{pattern}')", message)


def map_by(*keys: str) -> dict[str, Any]:
    """Return the schema of a list whose items are told apart by `keys`, so that appliers merge it item by item."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


DNS_LABEL: Final = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ObjectName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        json_schema_extra=rules(
            matches(DNS_SUBDOMAIN, "must be the name of an object: lower-case letters, digits, '-' and '.'")
        ),
    ),
]

# A digest needs 64 hex digits; a host is told from a repository by its dot or port, as container runtimes do.
# Whether tag and digest are wanted is up to the image policy, so that is a rule of the spec.
IMAGE_HOST: Final = r"^([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?|[A-Za-z0-9-]+:[0-9]+|localhost)/"
IMAGE_TAG_OR_DIGEST: Final = "(:[A-Za-z0-9_.-]+|@[^/@]+)$"
IMAGE_REST: Final = (
    r"^[^/]+(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[a-f0-9]{64})?$"
)
ImageReference = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        json_schema_extra=rules(
            matches(IMAGE_HOST, "image must name its registry, such as contoso.azurecr.io/digits:1.4.2"),
            matches(
                IMAGE_REST,
                "image must be HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST: the repository in lower case, "
                "the tag of at most 128 letters, digits, '_', '.' and '-', the digest of 64 hex digits",
            ),
        ),
    ),
]

# No segment starts or ends with a dot, so neither `..` nor a name that a store would normalise away is possible.
SEGMENT: Final = "[A-Za-z0-9_]([A-Za-z0-9._=+@-]*[A-Za-z0-9_=+@-])?"
ModelVersion = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        json_schema_extra=rules(
            matches(
                f"^{SEGMENT}$",
                "modelVersion must be the name of one folder below the model source's path: letters, digits and "
                "._=+@-, no slash, no dot or other sign at the start",
            ),
        ),
    ),
]
StorePath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        json_schema_extra=rules(
            matches(
                f"^{SEGMENT}(/{SEGMENT})*$",
                "path must be folder names joined by '/', such as teams/vision/digits: letters, digits and ._=+@-, "
                "no '/' at the ends, no '..'",
            )
        ),
    ),
]

# The last label of a name starts with a letter, and no part of an address with a zero: what a resolver would read as
# a decimal, octal or hexadecimal address is none here. Which hosts are asked at all is for the operator to judge.
_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_OCTET: Final = "(0|[1-9][0-9]{0,2})"
ENDPOINT: Final = (
    rf"^(https?://(({_LABEL}\.)*[a-z]([-a-z0-9]*[a-z0-9])?|({_OCTET}\.){{3}}{_OCTET})(:[1-9][0-9]{{0,4}})?/?)?$"
)
Endpoint = Annotated[
    str,
    Field(
        max_length=253,
        json_schema_extra=rules(
            matches(
                ENDPOINT,
                "endpoint must be https:// and a host name in lower case, with a port where it needs one, such as "
                "https://minio.corp.example:9000: no user, no path",
            )
        ),
    ),
]
UUID: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
OptionalUuid = Annotated[
    str,
    Field(
        max_length=36,
        json_schema_extra=rules(matches(f"^$|{UUID}", "must be a UUID, such as 01234567-89ab-cdef-0123-456789abcdef")),
    ),
]

DURATION: Final = "^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"


def duration_between(shortest: str, longest: str) -> Any:
    """Return the bounds of a field that holds a time such as `90s`, `10m` or `1h30m`."""
    return Field(
        min_length=2,
        max_length=16,
        json_schema_extra=rules(
            cel(
                f"self.matches('{DURATION}') && duration(self) >= duration('{shortest}') && "
                f"duration(self) <= duration('{longest}')",
                f"must be a time from {shortest} to {longest}, such as 90s, 10m or 1h30m",
            )
        ),
    )


Duration = Annotated[str, duration_between("10s", "24h")]

Quantity = Annotated[
    str | int,
    Field(
        json_schema_extra=rules(
            cel(
                "isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('0')) >= 0",
                "must be an amount of 0 or more, such as 500m (half a CPU), 2, 512Mi or 1Gi",
            ),
            **{"x-kubernetes-int-or-string": True, "maxLength": 32},
        )
    ),
]


def parse_duration(text: str) -> timedelta:
    """Return the time that a Duration such as `90s`, `10m` or `1h30m` stands for.

    Raises:
        ValueError: `text` is no such duration.
    """
    match = re.fullmatch(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?", text)
    if not text or match is None:
        raise ValueError(f"{text!r} is no duration: write it such as 90s, 10m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
