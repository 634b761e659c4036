"""What a release must prove before it serves: `spec.release.gate`."""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator

from aiapp_operator.api.fields import ApiModel, Duration, Rule, cel, check, map_by, matches, rules
from aiapp_operator.api.serving import KeyReference

NUMBER: Final = "^-?[0-9]{1,32}([.][0-9]{1,32})?([eE][+-]?[0-9]{1,2})?$"
BODIES: Final = 32_768
"""How many characters the bodies of all cases have at most: they travel as an annotation of the gate's pod."""

CaseName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=63,
        json_schema_extra=rules(
            matches("^[A-Za-z0-9][A-Za-z0-9._-]*$", "name must be letters, digits, '.', '_' and '-', such as a-seven")
        ),
    ),
]
RequestPath = Annotated[
    str,
    Field(
        max_length=256,
        json_schema_extra=rules(
            matches(
                "^/([A-Za-z0-9._~%=&?:-][A-Za-z0-9._~%=&?:/-]*)?$",
                "path must start with one '/' and hold only what a URL path may, such as /score",
            )
        ),
    ),
]
ContentType = Annotated[
    str,
    Field(
        min_length=3,
        max_length=128,
        json_schema_extra=rules(
            matches(
                "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *; *[A-Za-z0-9_-]+=[A-Za-z0-9_.+-]+)*$",
                "contentType must be a media type, such as application/json",
            )
        ),
    ),
]
JsonPath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        json_schema_extra=rules(
            cel("self.startsWith('$')", "jsonPath must start with $, the whole answer, such as $.result[0]")
        ),
    ),
]
Tolerance = Annotated[
    str,
    Field(
        min_length=1,
        max_length=32,
        json_schema_extra=rules(
            cel(
                f"self.matches('{NUMBER}') && !self.startsWith('-')",
                "tolerance must be a number of 0 or more, such as '0.01' or '1e-6'",
            )
        ),
    ),
]
Latency = Annotated[
    str,
    Field(
        min_length=2,
        max_length=8,
        json_schema_extra=rules(
            matches(
                "^([1-9][0-9]{0,4}ms|[1-9][0-9]{0,1}s)$",
                "maxLatency must be whole milliseconds or seconds, such as 200ms or 2s, below 100 seconds",
            )
        ),
    ),
]
Expression = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        json_schema_extra=rules(
            # An expression that cannot be read is an error of the rule, which the API server adds to the message.
            cel("''.matches(self) in [true, false]", "matches must be a regular expression (RE2), such as ^(cat|dog)$")
        ),
    ),
]
RightValue = Annotated[str, Field(max_length=256, description="A right value, as text.")]
Share = Annotated[
    str,
    Field(
        min_length=2,
        max_length=6,
        json_schema_extra=rules(
            matches("^(100|[0-9]{1,2}([.][0-9]{1,2})?)%$", "maxLabelFlips must be a share from 0% to 100%, such as 2%")
        ),
    ),
]


class Method(StrEnum):
    """How a request is sent."""

    POST = "POST"
    GET = "GET"


class BodySource(ApiModel):
    """Where the body of a request comes from."""

    config_map_key_ref: KeyReference
    """A key of a ConfigMap, of at most 1 MiB."""


BODY_OF_ITS_METHOD: Final = Rule(
    "[has(self.body), has(self.bodyFrom)].filter(x, x).size() == (self.method == 'POST' ? 1 : 0)",
    "a POST needs exactly one of body and bodyFrom, a GET neither: write body: '' for an empty one",
    lambda request: [request.body, request.body_from].count(None) == (1 if request.method == Method.POST else 2),
)
TOLERATED_NUMBER: Final = Rule(
    f"!has(self.tolerance) || (has(self.equals) && self.equals.matches('{NUMBER}'))",
    "tolerance needs equals with a number, such as equals: '0.98': remove tolerance, or write one",
    lambda expect: expect.tolerance is None or re.search(NUMBER, expect.equals or "") is not None,
    ".tolerance",
)
BODIES_FIT: Final = Rule(
    f"!has(self.cases) || self.cases.map(c, has(c.request.body) ? c.request.body.size() : 0).sum() <= {BODIES}",
    f"the bodies of all cases are longer than {BODIES:,} characters together: move large ones into a ConfigMap, and "
    "name it with bodyFrom",
    lambda gate: sum(len(case.request.body or "") for case in gate.cases) <= BODIES,
    ".cases",
)


class CaseRequest(ApiModel):
    """The request of a golden case."""

    model_config = ConfigDict(json_schema_extra=rules(BODY_OF_ITS_METHOD.cel()))

    path: RequestPath = "/score"
    """HTTP path, with its query where it has one."""
    method: Method = Method.POST
    """POST, with a body; or GET, without one."""
    body: Annotated[str, Field(max_length=8192)] | None = None
    """Body of the request as it is sent, such as '{"input": [1, 2]}'. The bodies of all cases have at most 32,768
    characters together; larger ones belong into a ConfigMap, see bodyFrom."""
    body_from: BodySource | None = None
    """Where the body is taken from, instead of body."""
    content_type: ContentType = "application/json"
    """Media type of the body."""

    @model_validator(mode="after")
    def _has_the_body_of_its_method(self) -> "CaseRequest":
        check(self, (BODY_OF_ITS_METHOD,))
        return self


class Expectation(ApiModel):
    """What a right answer looks like; everything that is given must hold."""

    model_config = ConfigDict(json_schema_extra=rules(TOLERATED_NUMBER.cel()))

    status: Annotated[int, Field(ge=100, le=599)] = 200
    """HTTP status of the answer."""
    json_path: JsonPath | None = None
    """The one value of the JSON answer that equals, matches and oneOf look at, such as $.result[0]; it must be there.
    Absent: they look at the whole answer, be it JSON or text."""
    equals: Annotated[str, Field(max_length=1024)] | None = None
    """The value itself as text, such as "7", "true" or "cat"; with tolerance, a number near it."""
    tolerance: Tolerance | None = None
    """With equals: how far the value may be off, such as "0.01"."""
    matches: Expression | None = None
    """A regular expression (RE2) for the whole of the value as text."""
    one_of: Annotated[tuple[RightValue, ...], Field(max_length=32)] = ()
    """Values that are right, such as [cat, kitten]."""
    max_latency: Latency | None = None
    """How long the answer may take, such as 200ms. The pod of the gate serves nobody else."""

    @model_validator(mode="after")
    def _tolerates_numbers_only(self) -> "Expectation":
        check(self, (TOLERATED_NUMBER,))
        return self


class GateCase(ApiModel):
    """A golden case: a request, and what a right answer looks like."""

    name: CaseName
    """Name of the case, as it appears in the gate's report."""
    request: CaseRequest
    """What is sent."""
    expect: Expectation = Expectation()
    """What must come back. Absent: status 200."""


class Comparison(ApiModel):
    """How far a release may differ from the one that serves."""

    max_label_flips: Share
    """Share of the golden cases whose answer may differ from the serving release's, such as 2%; more of them fail the
    gate. Counts only where at least 50 cases could be compared."""


class GateSpec(ApiModel):
    """What a release must prove before it serves."""

    model_config = ConfigDict(json_schema_extra=rules(BODIES_FIT.cel()))

    cases: Annotated[tuple[GateCase, ...], Field(max_length=16, json_schema_extra=map_by("name"))] = ()
    """Golden cases of this app. Those that a model brings in its folder golden/ are run as well, and replace none of
    these."""
    comparison: Comparison | None = None
    """When a release fails because its answers differ from the serving release's. Absent: the difference is reported
    and fails nothing."""
    timeout: Duration = "10m"
    """How long the app may take to get ready and to answer all cases, from 10s to 24h; fetching the model is not
    counted."""

    @model_validator(mode="after")
    def _fits_an_annotation(self) -> "GateSpec":
        check(self, (BODIES_FIT,))
        return self
