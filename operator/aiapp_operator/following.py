"""Which of several versions is the newest: policies as orders over names and times. Pure.

A name that does not match a policy has no place in its order; what has no place is never chosen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

import re2
from semantic_version import NpmSpec
from semantic_version import Version as SemanticVersion

from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.policies import ImagePolicy, ModelPolicy
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.reasons import Reason
from aiapp_operator.state import Problem, Severity

TAG: Final = "Tag"
SEM_VER: Final = "SemVer"
NUMERICAL: Final = "Numerical"
LAST_MODIFIED: Final = "LastModified"
SHOWN: Final = 3
"""How many names that do not match are quoted."""
_NUMBER: Final = re.compile(r"[0-9]{1,64}(?:\.[0-9]{1,64})?", re.ASCII)
_PARSED: Final = 2**16
"""Versions whose parsed form is kept: one long listing is looked at by many apps, again and again."""


class Version(NamedTuple):
    """One image tag or model version.

    published: when a model version was complete; None: not known, or a tag.
    """

    name: str
    published: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What makes one version newer than another, and how often the source is asked.

    type: Tag, SemVer, Numerical or LastModified.
    range: of SemVer, as npm writes it; empty: every version that is no pre-release.
    pattern: what a whole name must match (RE2); its group `v`, else all of the name, is what is compared.
    """

    type: str
    range: str = ""
    pattern: str = ""
    interval: timedelta = timedelta(minutes=5)

    def __str__(self) -> str:
        pattern = f" of names like {self.pattern}" if self.pattern else ""
        return " ".join(part for part in (self.type, self.range) if part) + pattern


def image_policy(app: AIApp) -> Policy | None:
    """Return how spec.image is followed; None: it is resolved once per edit."""
    return _policy(app.spec.image_policy) if app.spec.image_policy else None


def model_policy(app: AIApp) -> Policy | None:
    """Return how the model is followed; None: a version is named, or the image brings its model."""
    return _policy(app.spec.model_policy or ModelPolicy()) if app.spec.follows_model else None


def repository(app: AIApp) -> str:
    """Return `registry/path` of spec.image, which is all of it where the policy chooses the tag.

    Raises:
        ValueError: spec.image is no image reference.
    """
    policy, text = app.spec.image_policy, app.spec.image
    chosen = policy is not None and policy.type.value != TAG
    return ImageReference.parse(text, bare=chosen).repository


def problem(policy: Policy | None) -> str:
    """Return what is wrong with a policy, by its field; empty: nothing is."""
    if policy is None:
        return ""
    try:
        if policy.pattern:
            _compiled(policy.pattern)
    except ValueError as error:
        return f"pattern {policy.pattern!r} is no regular expression that RE2 reads: {error}"
    try:
        _range(policy.range)
    except ValueError:
        return f"range {policy.range!r} is no range of semantic versions: write it such as 1.x or >=1.4.0 <2.0.0"
    return ""


def ranked(versions: Iterable[Version], policy: Policy) -> tuple[Version, ...]:
    """Return the versions that have a place by the policy, newest first; none by Tag, which has no order."""
    places = [(place, version) for version in versions if (place := _place(version, policy)) is not None]
    # The name last, so that a listing in any order gives the same answer.
    places.sort(key=lambda placed: (placed[0], placed[1].name), reverse=True)
    return tuple(version for _, version in places)


def newer(candidate: Version, than: Version, policy: Policy) -> bool:
    """Tell whether `candidate` is strictly newer; what has no place is newer than nothing, and older than all."""
    place, other = _place(candidate, policy), _place(than, policy)
    return place is not None and (other is None or place > other)


def matches(version: Version, policy: Policy) -> bool:
    """Tell whether a version has a place by the policy."""
    return _place(version, policy) is not None


def nothing_matches(where: str, names: Iterable[str], policy: Policy) -> Problem:
    """Return what to say of a listing of `where` in which nothing has a place."""
    listed = sorted(names)
    words = f"{where} lists nothing that could be followed: push or upload a version, or correct the place in spec"
    if listed:
        shown, count = ", ".join(listed[-SHOWN:]), f"{len(listed)} name{'s' * (len(listed) > 1)}"
        words = (
            f"{where} has nothing that {policy} takes: it lists {count}, such as {shown}; "
            "correct the policy or the place in spec, or push one that matches"
        )
    return Problem(Severity.WAITING, Reason.NO_MATCHING_VERSION, words)


def _policy(asked: ImagePolicy | ModelPolicy) -> Policy:
    return Policy(asked.type.value, asked.range, asked.pattern, parse_duration(asked.interval))


def _place(version: Version, policy: Policy) -> Any | None:
    """Return what versions are ordered by; None: this one is not of the order."""
    compared = _compared(version.name, policy.pattern)
    if compared is None:
        return None
    if policy.type == SEM_VER:
        parsed = _semantic(compared)
        return parsed.precedence_key if parsed is not None and parsed in _range(policy.range) else None
    if policy.type == NUMERICAL:
        return Decimal(compared) if _NUMBER.fullmatch(compared) else None
    if policy.type == LAST_MODIFIED and version.published:
        # In whole seconds, as records keep it: a part of a second must not make a version newer than itself.
        return (version.published.astimezone(UTC).replace(microsecond=0), version.name)
    return None


def _compared(name: str, pattern: str) -> str | None:
    if not pattern:
        return name
    compiled = _compiled(pattern)
    match = compiled.fullmatch(name)
    if match is None:
        return None
    compared: str | None = match.group("v" if "v" in compiled.groupindex else 0)
    return compared


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        words = error.args[0]
        raise ValueError(words.decode(errors="replace") if isinstance(words, bytes) else str(words)) from None


@lru_cache(maxsize=1024)
def _range(text: str) -> Any:
    return NpmSpec(text)


@lru_cache(maxsize=_PARSED)
def _semantic(name: str) -> Any | None:
    try:
        return SemanticVersion(name.removeprefix("v"))
    except ValueError:
        return None
