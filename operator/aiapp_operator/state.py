"""The values that flow through one reconciliation: what was observed, and what is to be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as plain JSON."""


class Key(NamedTuple):
    """Names one AIApp; the unit of work of the queue."""

    namespace: str
    name: str


class ObjectId(NamedTuple):
    """Names one child in its AIApp's namespace."""

    kind: str
    name: str


class Severity(StrEnum):
    """Who has to do something about a problem, and so when to try again."""

    STALLED = "Stalled"  # the user must edit this spec
    WAITING = "Waiting"  # refused or absent elsewhere: 1, 2, 5, then every 10 minutes
    TRANSIENT = "Transient"  # goes away by itself: exponential back-off


WAITING_SECONDS: Final = (60, 120, 300, 600)
"""How soon what is refused or absent elsewhere is tried again, the last again and again."""


class Stream(StrEnum):
    """The two streams that make a release."""

    IMAGE = "Image"
    MODEL = "Model"


class Part(StrEnum):
    """The part of a release that a hold is on."""

    IMAGE = "Image"
    MODEL = "Model"
    CONFIG = "Config"
    PAIR = "Pair"  # this image with this model and config; each may go with another
    ALL = "All"  # whatever the spec asks for


class GateResult(StrEnum):
    """What came out of a gate."""

    PASSED = "Passed"
    FAILED = "Failed"  # the release is at fault: it is held
    INCONCLUSIVE = "Inconclusive"  # something else is: it is tried again


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the way of what the spec asks for, in the words the user will read."""

    severity: Severity
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """`ref` is spec.image, with the tag that its policy chose; `digest` is that of the manifest or manifest list.

    passed_by: digests of newer ones that were passed by, as they are held.
    """

    ref: str
    digest: str
    passed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """A Microsoft Entra workload identity: both are UUIDs as text."""

    client_id: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A complete model version; `digest` is the content digest, `published` the time of its marker (UTC).

    manifest_digest: of paths, sizes and ETags, to tell a file that was written again; empty: not known.
    identity: whom the store was asked as, so that pods ask as the same; None: no workload identity.
    passed_by: content digests of newer ones that were passed by, as they are held.
    """

    version: str
    digest: str
    size_bytes: int
    published: datetime
    manifest_digest: str = ""
    identity: Identity | None = None
    passed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """Bytes behind a release's digest changed or went.

    reason: ImageGone, ModelGone, ContentChanged or MetadataChanged.
    """

    revision: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What the registry and the store said in this run; None: not asked, because the serving release already knows.

    `model` is also None when the spec has no modelSource (the image brings its model).
    """

    image: ResolvedImage | Problem | None = None
    model: ResolvedModel | Problem | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything one plan is made from; no other input but the settings and the time.

    app: the AIApp as the API server gave it.
    children: live objects that carry our labels, by kind and name (Deployment, Service, ServiceAccount,
        PodDisruptionBudget, Job).
    pods: live pods of the app, those of gates among them.
    revisions: the app's ControllerRevisions, oldest first.
    occupied: names that the app's children need and that objects of somebody else hold.
    leaving: objects of an AIApp of this name that was deleted; the garbage collector has yet to take them.
    drifts: what the last daily look at the sources of the releases in use found; None: there was none yet.
    """

    app: Manifest
    children: Mapping[ObjectId, Manifest]
    pods: tuple[Manifest, ...]
    revisions: tuple[Manifest, ...]
    occupied: frozenset[ObjectId] = frozenset()
    leaving: frozenset[ObjectId] = frozenset()
    sources: Sources = field(default_factory=Sources)
    drifts: tuple[Drift, ...] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about the AIApp; type is Normal or Warning."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: applied in order, created, then deleted, then status written if it differs, then events posted.

    apply: desired manifests, whole; the reconciler skips those that already stand in the cluster.
    create: objects that are made once and never changed, such as Jobs; one of that name that exists is well.
    status: the whole new status, or None when the object is going away.
    requeue_after: seconds until the next look without any event; None: wait for the watches.
    """

    apply: tuple[Manifest, ...] = ()
    create: tuple[Manifest, ...] = ()
    delete: tuple[ObjectId, ...] = ()
    status: Manifest | None = None
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
