"""The table of who may have tokens, in the node's directory: written by tests, read at every request of the issuer."""

import json
from dataclasses import asdict
from pathlib import Path

from cluster.tokens import Grant


def add_grant(directory: Path, grant: Grant) -> None:
    """Let an application in; one line is written at once, so that several runs may share a node."""
    with _table(directory).open("a") as table:
        table.write(json.dumps(asdict(grant)) + "\n")


def read_grants(directory: Path) -> list[Grant]:
    """Return everything that was granted."""
    try:
        lines = _table(directory).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [Grant(**json.loads(line)) for line in lines]


def subject(namespace: str, service_account: str) -> str:
    """Return who a ServiceAccount's token says it is."""
    return f"system:serviceaccount:{namespace}:{service_account}"


def _table(directory: Path) -> Path:
    return directory / "identity" / "grants.jsonl"
