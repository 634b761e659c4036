"""A gate asked of a scripted app, with cases as a model brings them."""

import json
from pathlib import Path
from typing import Any

from aiapp_serving.gate.calls import Endpoint
from aiapp_serving.gate.outcome import Outcome
from aiapp_serving.gate.runner import GateSettings, run
from stand_ins.scripted_app import Reply, Script, ScriptedApp

SEVEN = {"name": "a-seven", "request": {"body": {"input": 7}}, "expect": {"jsonPath": "$.result", "equals": "7"}}


def gate(app: ScriptedApp, golden: Path, *cases: dict[str, Any], **changes: Any) -> Outcome:
    """Run a gate with these cases in `golden`; changes: of its settings."""
    if cases:
        (golden / "cases.json").write_text(json.dumps(cases))
    given: dict[str, Any] = {"timeout": 20.0, "ready_path": "/version", **changes}
    settings = GateSettings(Endpoint(app.url), (golden,), frozenset(), golden / "bodies", **given)
    return run(settings, say=lambda _: None)


def scorer(answer: Any, status: int = 200) -> Script:
    """Return an app that is ready at once; every score is the same."""
    return lambda path, _: Reply(status if path == "/score" else 200, json.dumps(answer).encode())
