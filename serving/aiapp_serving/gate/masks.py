"""Takes the values of Secrets out of whatever an app says, in each form that it may repeat them in. Pure."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import quote, quote_plus

from aiapp_models import contract
from aiapp_models.masking import MASK, masked
from aiapp_serving.gate.expectations import CUT, SHOWN

SHORTEST_SECRET: Final = 4
"""Characters: a shorter value is in every other word, and guessed at once."""
LONGEST: Final = 2048
"""Characters of a text that are looked at, several times of what any message shows: an app may say a megabyte that
takes hours to look through."""
_PERCENT: Final = re.compile("%[0-9A-F]{2}")

Mask = Callable[[str], str]


def secrets_mask(env: Mapping[str, str]) -> Mask:
    """Return what takes secrets out of a text: the values of the variables that are named as secret, in every form that
    an app may repeat them in, and whatever looks like one."""
    names = env.get(contract.ENV_GATE_MASKED, "").split(",")
    values = {form for name in names for form in _forms(env.get(name.strip(), ""))}
    longest_first = sorted(values, key=len, reverse=True)
    beginnings: dict[str, list[str]] = {}
    for value in values:
        beginnings.setdefault(value[:SHORTEST_SECRET], []).append(value)

    def mask(text: str) -> str:
        text = text if len(text) <= LONGEST else text[:LONGEST] + CUT
        for value in longest_first:
            text = text.replace(value, MASK)
        return masked(_without_beginnings(text, beginnings))

    return mask


def _forms(secret: str) -> Iterable[str]:
    """Return a secret as it is and line by line, each as programs write text."""
    for value in {secret, secret.strip(), *map(str.strip, secret.splitlines())}:
        if len(value) >= SHORTEST_SECRET:
            raw = value.encode(errors="surrogateescape")
            yield value
            yield from (encode(raw).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode))
            for escaped in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
                yield from (escaped, _PERCENT.sub(lambda found: found[0].lower(), escaped))
            yield from (html.escape(value), html.escape(value, quote=False), repr(value)[1:-1])
            for as_json in (_in_json(value, ascii_only=True), _in_json(value, ascii_only=False)):
                # The second time: text in JSON that is quoted as text in JSON.
                yield from (as_json, _in_json(as_json, ascii_only=False))


def _in_json(text: str, *, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _without_beginnings(text: str, beginnings: Mapping[str, Sequence[str]]) -> str:
    """Return the text without the beginnings of secrets: an answer may be cut within one."""
    *cut, rest = text.split(CUT)
    return CUT.join([*(_without_beginning(piece, beginnings) for piece in cut), rest])


def _without_beginning(piece: str, beginnings: Mapping[str, Sequence[str]]) -> str:
    for start in range(max(0, len(piece) - SHOWN), len(piece)):
        end = piece[start:]
        if any(value.startswith(end) for value in beginnings.get(end[:SHORTEST_SECRET], ())):
            return piece[:start] + MASK
    return piece
