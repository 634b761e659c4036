"""What the demo did, as a file that programs read: build/demo.json."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.narration import Taken


@dataclass(slots=True)
class Record:
    """Filled while the story goes; written whatever its end."""

    backend: str
    accuracy: Mapping[str, float] = field(default_factory=dict)
    traffic: Mapping[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def write(self, path: Path, taken: list[Taken]) -> None:
        """Write the seconds of every step, what the client counted, the answers with their headers, the versions."""
        content = {
            "backend": self.backend,
            "error": self.error,
            "seconds": round(sum(step.seconds for step in taken), 1),
            "steps": [dataclasses.asdict(step) for step in taken],
            "accuracy": dict(self.accuracy),
            "versions": self.versions,
            "requests": 0,
            "failed_requests": 0,
            "answers": [],
            **self.traffic,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
