"""Holds: what was found bad and is not released again, until somebody ends that. Pure.

They stand on the records of the releases that made them. One whose release is no longer on record is carried on by a
newer record, so that bytes once found bad stay held.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from aiapp_operator.reasons import Reason
from aiapp_operator.release.ledger import Inputs, Ledger, Release
from aiapp_operator.release.notes import Hold, Notes
from aiapp_operator.state import GateResult, Part, Problem, ResolvedModel, Severity, Stream

UNNAMED: Final = Problem(Severity.WAITING, Reason.GATE_FAILED, "its gate failed")
"""Where the gate of a release left no words."""
MOST_CARRIED: Final = 160 * 1024
"""Bytes of carried holds, as JSON without messages: with all other annotations below the 256 KiB that they may have."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What of a wish may be released.

    inputs: the wish, with parts of the base in the place of those that are held; None: nothing of it.
    in_the_way: the holds that are the reason for each difference. pair: what a hold on a pair keeps back.
    """

    inputs: Inputs | None
    in_the_way: tuple[Hold, ...] = ()
    pair: Inputs | None = None


def in_force(record: Ledger, fingerprint: str) -> tuple[Hold, ...]:
    """Return all holds, newest first; fingerprint: of what the spec asks for, see `resolution.Demand`."""
    found: dict[tuple[Part, str, str], Hold] = {}
    for release in record.releases:
        for hold in (*release.notes.older_holds, *release.notes.holds):
            if hold.part is not Part.ALL or hold.digest == fingerprint:
                found[hold.part, hold.digest, hold.config] = hold
    return tuple(sorted(found.values(), key=lambda hold: (hold.since, hold.part, hold.digest), reverse=True))


def digests(record: Ledger) -> Mapping[Stream, frozenset[str]]:
    """Return the content digests that each stream passes by."""
    held = in_force(record, "")
    return {
        stream: frozenset(hold.digest for hold in held if hold.part is part)
        for stream, part in ((Stream.IMAGE, Part.IMAGE), (Stream.MODEL, Part.MODEL))
    }


def pinned(record: Ledger, fingerprint: str) -> Release | None:
    """Return the release that somebody went back to, while that stands."""
    going = [(hold.since, r.number, r) for r in record.releases for hold in r.notes.holds if _pins(hold, fingerprint)]
    return max(going)[2] if going else None


def unpinned(record: Ledger, fingerprint: str) -> Ledger:
    """Return the record without the holds on everything that an edit of the spec has ended."""
    for release in record.releases:
        kept = tuple(hold for hold in release.notes.holds if hold.part is not Part.ALL or _pins(hold, fingerprint))
        record = _with_holds(record, release, kept)
    return record


def of_failure(bad: Release, base: Release | None, problem: Problem, now: datetime) -> Hold | None:
    """Return the hold on the one part that `bad` changed against `base`; None: it changed image and model both.

    The config goes with the image. Without a base the pair is held: with another image or model it may be good.
    """
    if base is None:
        return of_pair(bad, problem, now)
    new, old = bad.inputs, base.inputs
    other_image, other_config = new.image.digest != old.image.digest, new.config_hash != old.config_hash
    if model_key(new.model) != model_key(old.model):
        return None if other_image or other_config else _hold(Part.MODEL, bad, problem, now)
    return _hold(Part.IMAGE if other_image else Part.CONFIG, bad, problem, now)


def of_pair(bad: Release, problem: Problem, now: datetime) -> Hold:
    """Return the hold on this image with this model and config."""
    return _hold(Part.PAIR, bad, problem, now)


def of_everything(release: Release, fingerprint: str, words: str, since: datetime) -> Hold:
    """Return the hold that a wished way back to `release` leaves: nothing else goes out meanwhile."""
    return Hold(Part.ALL, fingerprint, release.contents, Reason.ROLLED_BACK_TO, words, since)


def allowed(wish: Inputs, base: Release | None, held: Iterable[Hold]) -> Allowed:
    """Return what of `wish` may be released over `base`."""
    by_name = {(hold.part, hold.digest, hold.config if hold.part is Part.PAIR else ""): hold for hold in held}
    image = by_name.get((Part.IMAGE, wish.image.digest, ""))
    config = by_name.get((Part.CONFIG, _sha256(wish.config_hash), ""))
    model = by_name.get((Part.MODEL, model_key(wish.model), ""))
    in_the_way = tuple(hold for hold in (image, config, model) if hold)
    if in_the_way and base is None:
        return Allowed(None, in_the_way)
    inputs = wish
    if base and in_the_way:
        # What was held with an image is the config that came with it.
        with_image = image is not None and image.config == wish.config_hash
        kept = _together(wish, base.inputs, image is None, config is None and not with_image, model is None)
        inputs = _mixed(wish, base, *kept)
    pair = by_name.get((Part.PAIR, pair_key(inputs), inputs.config_hash))
    if pair is None or (base and inputs.identity == base.inputs.identity):
        return Allowed(inputs, in_the_way)
    return Allowed(base.present if base else None, (*in_the_way, pair), pair=inputs)


def carried(record: Ledger, gone: Iterable[Release]) -> Ledger:
    """Return the record with the holds of releases that leave it kept by the newest that stays."""
    leaving = list(gone)
    numbers = {release.number for release in leaving}
    stay = [release for release in record.releases if release.number not in numbers]
    named = {hold.digest for hold in in_force(record, "") if hold.part in (Part.IMAGE, Part.MODEL)}
    left = [hold for release in leaving for hold in _left_by(release, named) if hold.part is not Part.ALL]
    holds = [replace(hold, message="") for hold in left]
    if not stay or not holds:
        return record
    newest = stay[-1]
    merged = {(hold.part, hold.digest, hold.config): hold for hold in (*newest.notes.older_holds, *holds)}
    older = _newest_that_fit(sorted(merged.values(), key=lambda hold: hold.since, reverse=True))
    return record.with_release(newest.noted(older_holds=older))


def ended(record: Ledger, argument: str, fingerprint: str, now: datetime) -> Ledger | None:
    """Return the record without the holds that `argument` names: by version, digest or stream; None: it names none.

    What failed is gated again; what serves all the same, as there was nothing to go back to, is baked again from now.
    """
    ending = [hold for hold in in_force(record, fingerprint) if argument in (hold.version, hold.digest, hold.part)]
    if not ending:
        return None
    for release in record.releases:
        notes = release.notes
        older = tuple(hold for hold in notes.older_holds if not _among(hold, ending))
        own = tuple(hold for hold in notes.holds if not _among(hold, ending))
        bad = notes.gate is GateResult.FAILED or notes.undone
        if bad and any(_is_on(hold, release.inputs) for hold in ending):
            serves = release.number == record.running and notes.released
            own, notes = (), _baked_anew(notes, now) if serves else notes.forgiven()
        record = record.with_release(replace(release, notes=replace(notes, holds=own, older_holds=older)))
    return record


def _baked_anew(notes: Notes, now: datetime) -> Notes:
    return replace(notes, undone=None, undone_problem=None, started=now, released=now)


def model_key(model: ResolvedModel | None) -> str:
    """Return what a model is held by: its content digest, or its name where the operator cannot look at it."""
    if model is None:
        return ""
    return model.digest or f"version:{model.version}"


def pair_key(inputs: Inputs) -> str:
    """Return what a pair is held by."""
    return f"{inputs.image.digest}+{model_key(inputs.model)}".removesuffix("+")


def _pins(hold: Hold, fingerprint: str) -> bool:
    return hold.part is Part.ALL and hold.digest == fingerprint


def _newest_that_fit(newest_first: Iterable[Hold]) -> tuple[Hold, ...]:
    kept: list[Hold] = []
    size = 0
    for hold in newest_first:
        size += len(json.dumps(hold.to_json()).encode())
        if size > MOST_CARRIED:
            break
        kept.append(hold)
    return tuple(reversed(kept))


def _left_by(release: Release, named: Collection[str]) -> tuple[Hold, ...]:
    """Return the holds of a release that leaves; one that failed for no `named` culprit holds itself as it was."""
    notes = release.notes
    known = release.inputs.image.digest in named or model_key(release.inputs.model) in named
    if notes.gate is GateResult.FAILED and notes.gated and not notes.holds and not known:
        problem = notes.gate_problem or UNNAMED
        return (*notes.older_holds, of_pair(release, problem, notes.gated))
    return (*notes.older_holds, *notes.holds)


def _among(hold: Hold, holds: Iterable[Hold]) -> bool:
    return any((hold.part, hold.digest, hold.config) == (each.part, each.digest, each.config) for each in holds)


def _is_on(hold: Hold, inputs: Inputs) -> bool:
    """Tell whether a hold is on a part of these inputs."""
    keys = {
        Part.IMAGE: inputs.image.digest,
        Part.MODEL: model_key(inputs.model),
        Part.CONFIG: _sha256(inputs.config_hash),
        Part.PAIR: pair_key(inputs),
    }
    return keys.get(hold.part) == hold.digest


def _with_holds(record: Ledger, release: Release, holds: tuple[Hold, ...]) -> Ledger:
    if holds == release.notes.holds:
        return record
    return record.with_release(release.noted(holds=holds))


def _hold(part: Part, bad: Release, problem: Problem, now: datetime) -> Hold:
    model = bad.inputs.model
    names = {
        Part.IMAGE: (bad.inputs.image.digest, bad.image_name),
        Part.MODEL: (model_key(model), model.version if model else ""),
        Part.CONFIG: (_sha256(bad.inputs.config_hash), bad.inputs.config_hash[:10]),
        Part.PAIR: (pair_key(bad.inputs), f"{bad.image_name}+{model.version}" if model else bad.image_name),
    }
    digest, version = names[part]
    config = bad.inputs.config_hash if part in (Part.IMAGE, Part.PAIR) else ""
    words = f"revision {bad.number}: {problem.message}"[:600]
    return Hold(part, digest, version, problem.reason, words, now.replace(microsecond=0), config)


def _together(wish: Inputs, old: Inputs, image: bool, config: bool, model: bool) -> tuple[bool, bool, bool]:
    """Return which parts of a wish may go where some may not: what only fits together stays together."""
    if not (config and image) and wish.config["imageRepository"] != old.config["imageRepository"]:
        image = config = False
    if not (config and model) and wish.config.get("modelSource") != old.config.get("modelSource"):
        config = model = False
        image = image and wish.config["imageRepository"] == old.config["imageRepository"]
    return image, config, model


def _mixed(wish: Inputs, base: Release, image: bool, config: bool, model: bool) -> Inputs:
    own = base.present
    return Inputs(
        image=wish.image if image else own.image,
        model=wish.model if model else own.model,
        config=wish.config if config else own.config,
    )


def _sha256(hexadecimal: str) -> str:
    return f"sha256:{hexadecimal}"
