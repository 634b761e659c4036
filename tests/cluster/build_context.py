"""What of a build context reaches an image, and a hash of it."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

Rule = tuple[re.Pattern[str], bool]
"""What a line of a .dockerignore matches, and whether it takes that in again (`!`)."""

WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def ignore_file(dockerfile: Path, context: Path) -> Path | None:
    """Return `NAME.dockerignore` beside the Dockerfile, else the context's own `.dockerignore`, else None."""
    candidates = (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore")
    return next((path for path in candidates if path.is_file()), None)


def content_key(dockerfile: Path, context: Path, build_args: Mapping[str, str]) -> str:
    """Return a short hash of everything that an image is made from, so that equal keys mean an equal build."""
    ignored = ignore_file(dockerfile, context)
    content = hashlib.sha256(dockerfile.read_bytes())
    for name, value in sorted(build_args.items()):
        content.update(f"\0{name}={value}".encode())
    for path in context_files(context, ignored.read_text() if ignored else ""):
        executable = bool(path.stat().st_mode & 0o100)
        content.update(f"\0{path.relative_to(context).as_posix()}\0{executable}\0".encode())
        content.update(hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()[:12]


def context_files(context: Path, ignore_text: str) -> Iterator[Path]:
    """Yield the files of a context that the text of a .dockerignore lets through, in the order of their names."""
    rules = parse_rules(ignore_text)
    for path in sorted(context.rglob("*")):
        if not is_ignored(path.relative_to(context).as_posix(), rules) and path.is_file():
            yield path


def parse_rules(text: str) -> Sequence[Rule]:
    """Return the rules of a .dockerignore in their order."""
    lines = (line.strip() for line in text.splitlines())
    return [_rule(line) for line in lines if line and not line.startswith("#")]


def is_ignored(path: str, rules: Sequence[Rule]) -> bool:
    """Tell whether a file stays out: the last rule that matches it or a folder that it is in decides."""
    names = [path, *(str(parent) for parent in PurePosixPath(path).parents)]
    verdict = False
    for pattern, takes_in in rules:
        if verdict == takes_in and any(pattern.fullmatch(name) for name in names):
            verdict = not takes_in
    return verdict


def _rule(line: str) -> Rule:
    pattern = line.removeprefix("!").strip().removeprefix("./").strip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern)
    return re.compile("".join(map(_as_regex, parts))), line.startswith("!")


def _as_regex(part: str) -> str:
    """Translate one piece of a pattern; a character class means the same in both languages."""
    return WILDCARDS.get(part) or (part if part.startswith("[") else re.escape(part))
