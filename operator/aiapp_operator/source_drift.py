"""What is said of releases whose bytes are not where they were: in the store, or in the registry. Pure.

Pods that run have their copy. What is at stake are pods that start later: after an eviction, on a new node, or in a
release that goes back.
"""

from typing import Final

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.reasons import Reason
from aiapp_operator.release import releases, resolution
from aiapp_operator.release.ledger import Ledger, Release
from aiapp_operator.state import Drift, Observed, ResolvedModel

WORST_FIRST: Final = (Reason.CONTENT_CHANGED, Reason.MODEL_GONE, Reason.IMAGE_GONE, Reason.METADATA_CHANGED)
_NEXT: Final[dict[str, str]] = {
    Reason.CONTENT_CHANGED: (
        "pods that run keep the bytes that they verified, pods that start later refuse these: put the old files back, "
        "or release a version under a new name"
    ),
    Reason.MODEL_GONE: (
        "pods that run keep what they have, pods that start later cannot: upload the same files again, or release "
        "another version"
    ),
    Reason.IMAGE_GONE: (
        "pods that run go on, pods on nodes without a copy cannot start: push the same image again, or release "
        "another one"
    ),
    Reason.METADATA_CHANGED: "its bytes are the same, so pods go on and start as before; nothing has to be done",
}


def found(app: AIApp, record: Ledger, observed: Observed) -> tuple[Drift, ...] | None:
    """Return the drifts of the releases that are still of use, worst first; None: nobody has looked yet."""
    watched = releases.to_verify(record)
    numbers = {release.number for release in watched}
    seen = [drift for drift in observed.drifts or () if drift.revision in numbers and drift.reason in WORST_FIRST]
    told = {(drift.revision, drift.reason) for drift in seen}
    answered = [drift for release in watched if (drift := _overwritten(app, release, observed.sources.model))]
    drifts = [*seen, *(drift for drift in answered if (drift.revision, drift.reason) not in told)]
    if observed.drifts is None and not drifts:
        return None
    return tuple(sorted(drifts, key=lambda drift: (WORST_FIRST.index(Reason(drift.reason)), -drift.revision)))


def words(drifts: tuple[Drift, ...], record: Ledger) -> str:
    """Return what happened to which release, and what to do about the worst of it."""
    by_number = {release.number: release for release in record.releases}
    parts = [f"{by_number[drift.revision]}: {drift.message}; {_NEXT[drift.reason]}" for drift in drifts]
    return ". ".join(parts)


def _overwritten(app: AIApp, release: Release, answer: object) -> Drift | None:
    """The store's answer to what is followed names a version that was released, with other bytes."""
    model = release.inputs.model
    if model is None or not isinstance(answer, ResolvedModel) or answer.version != model.version:
        return None
    if answer.digest == model.digest or not resolution.same_place(release.inputs.config, releases.config(app)):
        return None
    message = f"model {model.version} was released as {model.digest} and is {answer.digest} in the store now"
    return Drift(release.number, Reason.CONTENT_CHANGED, message)
