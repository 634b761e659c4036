"""Takes what looks like a secret out of somebody else's words, before they go into status and Events. Pure.

An app may print anything when it ends, and whoever may read an AIApp may not be one who may read its Secrets. What is
taken out wrongly costs a look into the pod's log, so doubt counts as a secret.
"""

import re
from typing import Final

MASK: Final = "***"
SEPARATOR_SHARE: Final = 12
"""A path or a name has a separator every few characters, a key in base64 (64 letters, two of them like separators)
one in 32 on average: one in twelve tells them apart."""

# An exception that is named after its subject, such as KeyError, is no key; its words are looked at by themselves.
_NAME: Final = (
    r"(?<![\w-])(?!\w*(?:Error|Exception)\b)[\w-]*"
    r"(?:(?:key|secret|token|passw|passphrase|pwd|credential|signature|authorization)[\w-]*|(?:sas|sig)\b)"
)
_VALUE: Final = r"""[bru]{0,2}(?P<quote>\\?["']).*?(?:(?P=quote)|$)|(?:(?:Bearer|Basic)\s+)?[^\s;&,]+"""
_PAIR: Final = re.compile(rf"""(?is)(?P<name>{_NAME}\\?["']?[^\S\n]*[:=][^\S\n]*)(?:{_VALUE})""")
_URL_USER: Final = re.compile(r"(?<=://)(?:[^\s/@:]*:\S*|[^\s/@:]+)@(?!sha256:)")
_SCHEME: Final = re.compile(r"\b(?P<scheme>(?i:bearer)|Basic)\s+[^\s;,]+")
_JSON_WEB_TOKEN: Final = re.compile(r"\beyJ[\w-]+(?:\.[\w-]*)*")
_RUN: Final = re.compile(r"(?P<digest>sha(?:256|384|512):)?(?P<run>[A-Za-z0-9+/_-]{32,}={0,2})")


def masked(text: str) -> str:
    """Return the text with *** in the place of each value that its name, its place or its looks tell to be secret."""
    text = _URL_USER.sub(f"{MASK}@", text)
    text = _PAIR.sub(lambda pair: f"{pair['name']}{MASK}", text)
    text = _SCHEME.sub(lambda login: f"{login['scheme']} {MASK}", text)
    text = _JSON_WEB_TOKEN.sub(MASK, text)
    return _RUN.sub(lambda match: MASK if _is_key(match) else match[0], text)


def _is_key(match: re.Match[str]) -> bool:
    """Tell a key in base64 or hex from a digest, a path and a long name."""
    run = match["run"]
    separators = sum(run.count(separator) for separator in "/_-")
    mixed = re.search(r"\d", run) and re.search(r"[A-Za-z]", run)
    return not match["digest"] and bool(mixed) and separators * SEPARATOR_SHARE <= len(run)
