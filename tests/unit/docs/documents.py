"""Reads the project's documents: headings, links, code blocks."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
PAGES = (
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
)

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Text:
    """Some lines of a file that a reader takes as they are."""

    file: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Text]:
    text = page.read_text()
    return [
        Text(page, text.count("\n", 0, match.start()) + 1, match["language"], match["text"])
        for match in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def commands(page: Path) -> str:
    """Return all that a reader could type: blocks and what stands between backquotes, continued lines joined."""
    typed = [block.text for block in blocks(page)] + _INLINE.findall(prose(page))
    return "\n".join(typed).replace("\\\n", " ")


def links(page: Path) -> list[str]:
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """Return what links to headings may name, as GitHub makes it of them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def apps(text: str) -> list[dict[str, Any]]:
    """Return the AIApps in a YAML text."""
    return [
        document
        for document in yaml.safe_load_all(text)
        if isinstance(document, dict) and document.get("kind") == "AIApp"
    ]
