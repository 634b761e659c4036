"""What became of the releases that are on record, and what each changed, in words. Pure."""

from typing import NamedTuple

from aiapp_operator.ledger import Release


class Contents(NamedTuple):
    """What a release is called by; empty where it has no such part, or where nobody knows."""

    image: str = ""
    image_digest: str = ""
    model: str = ""
    model_digest: str = ""


def change(old: Release | None, new: Release) -> str:
    """Return `image 1.4.1 -> 1.4.2, model 41 -> 42, config changed`; what stays is named once.

    old: the release that serves; None: nothing does.
    """
    words = difference(_contents(old) if old else Contents(), _contents(new))
    configured = old is not None and old.inputs.config_hash != new.inputs.config_hash
    return words + (", config changed" if configured else "")


def difference(old: Contents, new: Contents) -> str:
    """Return `image 1.4.1 -> 1.4.2, model 41 -> 42`; what stays is named once."""
    streams = (
        ("image", *_told_apart(old.image, old.image_digest, new.image, new.image_digest)),
        ("model", *_told_apart(old.model, old.model_digest, new.model, new.model_digest)),
    )
    return ", ".join(_step(stream, before, after) for stream, before, after in streams if before or after)


def _step(stream: str, before: str, after: str) -> str:
    if before and before != after:
        return f"{stream} {before} -> {after or 'none'}"
    return f"{stream} {after or 'none'}"


def _told_apart(before: str, digest: str, after: str, new_digest: str) -> tuple[str, str]:
    """Return two names; with their digests where one name stands for other bytes now, as a tag that moved does."""
    if before and before == after and digest and new_digest and digest != new_digest:
        return f"{before} ({digest:.19})", f"{after} ({new_digest:.19})"
    return before, after


def _contents(release: Release) -> Contents:
    model = release.inputs.model
    named = (model.version, model.digest) if model else ("", "")
    return Contents(release.image_name, release.inputs.image.digest, *named)
