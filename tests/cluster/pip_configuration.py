"""PURE: the pip.conf that a build inside an image gets, from what pip on this machine is told."""

import ast
from collections.abc import Mapping
from pathlib import Path

CARRIED = frozenset({"index-url", "extra-index-url", "find-links", "trusted-host", "no-index", "proxy", "timeout"})
CARRIED_AS = {"default-timeout": "timeout"}
"""Settings that say where packages come from; the others (caches, targets, certificates by path) are this machine's."""


def pip_settings(listing: str) -> Mapping[str, str]:
    """Return the settings in the output of `pip config list`, the environment's over those of files.

    Raises:
        ValueError: a line is none of pip's.
    """
    found: dict[str, str] = {}
    lines = [line for line in listing.splitlines() if line.startswith(("global.", "install.", ":env:."))]
    for line in sorted(lines, key=lambda line: line.startswith(":env:.")):
        name, _, value = line.partition("=")
        setting = name.rpartition(".")[2]
        setting = CARRIED_AS.get(setting, setting)
        if setting in CARRIED:
            found[setting] = str(ast.literal_eval(value))
    return found


def local_folders(settings: Mapping[str, str]) -> list[Path]:
    """Return the folders of this machine that packages are taken from: a build sees them only if they are mounted."""
    return [Path(place) for place in settings.get("find-links", "").split() if place.startswith("/")]


def pip_conf(settings: Mapping[str, str], certificate: str | None) -> str:
    """Return the text of a pip.conf; `certificate` is the path of the CA file where pip will run."""
    lines = [f"{name} = {' '.join(value.split())}" for name, value in sorted(settings.items())]
    if certificate:
        lines.append(f"cert = {certificate}")
    return "\n".join(["[global]", *lines, ""])
