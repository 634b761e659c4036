"""docs/troubleshooting.md explains every reason, and no other."""

import re

import pytest

from aiapp_operator.reasons import DESCRIPTIONS
from unit.docs.documents import TROUBLESHOOTING

PARTS = ("Means", "Causes", "Endpoint", "Fix")
NOBODY = "Nobody has to act"
TEXT = TROUBLESHOOTING.read_text()
COMMAND = re.compile(r"^(kubectl|az|helm|find|curl|docker|sha256sum|aiapp-serve) ", re.MULTILINE)


def sections(text: str, level: str) -> dict[str, str]:
    """Return what stands below each heading of a level; a heading twice is refused."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)
    names = parts[1::2]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    return dict(zip(names, parts[2::2], strict=True))


ENTRIES = {
    reason: (group, re.split(r"^## ", entry, flags=re.MULTILINE)[0])
    for group, body in sections(TEXT, "##").items()
    for reason, entry in sections(body, "###").items()
}


def test_every_reason_has_its_entry() -> None:
    assert sorted(DESCRIPTIONS.keys() - ENTRIES.keys()) == []


def test_no_entry_explains_a_reason_that_is_never_given() -> None:
    assert sorted(ENTRIES.keys() - DESCRIPTIONS.keys()) == []


def test_no_reason_is_explained_twice() -> None:
    headings = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    assert len(headings) == len(set(headings))


@pytest.mark.parametrize("reason", ENTRIES)
def test_an_entry_says_meaning_causes_endpoint_and_fix_in_this_order(reason: str) -> None:
    _, entry = ENTRIES[reason]
    found = re.findall(r"^- \*\*(\w+):\*\* (.*)$", entry, re.MULTILINE)
    assert [part for part, _ in found] == list(PARTS)
    assert [part for part, words in found if not words.strip()] == []


@pytest.mark.parametrize("reason", [reason for reason, (group, _) in ENTRIES.items() if group != NOBODY])
def test_what_somebody_has_to_act_on_comes_with_what_to_type(reason: str) -> None:
    _, entry = ENTRIES[reason]
    block = re.search(r"^```bash\n(.*?)^```$", entry, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert COMMAND.search(block[1])


def test_the_guide_starts_with_how_to_read_an_app() -> None:
    assert next(iter(sections(TEXT, "##"))) == "How to read an app"


def test_every_entry_stands_below_who_has_to_act() -> None:
    assert {group for group, _ in ENTRIES.values()} == {
        *(NOBODY, "Whoever writes the AIApp", "Developers", "Data scientists", "The platform team")
    }
