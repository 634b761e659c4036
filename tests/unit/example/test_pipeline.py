"""The example's pipeline, as far as it can be read: its order, and a gate that understands what it is told."""

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiapp_serving.gate import __main__ as gate

PIPELINE = Path(__file__).resolve().parents[3] / "examples" / "digits" / "azure-pipelines.yml"


@pytest.fixture
def steps() -> dict[str, Any]:
    return {
        step["displayName"]: step for step in yaml.safe_load(PIPELINE.read_text())["steps"] if "displayName" in step
    }


def test_nothing_is_pushed_that_was_not_tested_and_gated(steps: dict[str, Any]) -> None:
    assert [name for name in steps if name in {"test", "image", "gate", "push"}] == ["test", "image", "gate", "push"]
    assert [name for name, step in steps.items() if "docker push" in step.get("script", "")] == ["push"]
    assert "succeeded()" in steps["push"]["condition"]
    assert "condition" not in steps["gate"]
    assert "continueOnError" not in PIPELINE.read_text()


def test_the_gate_understands_its_arguments(steps: dict[str, Any], models: Path) -> None:
    (command,) = [line for line in steps["gate"]["script"].splitlines() if line.startswith("aiapp-gate ")]
    arguments = shlex.split(command.replace("$(model)", str(models / "2")))[1:]
    settings = gate.parse(arguments).settings
    assert settings.endpoint.url == "http://127.0.0.1:8080"
    assert settings.sources == (models / "2" / "golden",)
    assert settings.expected.model_digest.startswith("sha256:")


def test_the_gate_is_the_steps_last_word(steps: dict[str, Any]) -> None:
    """A script's exit status is its last command's."""
    assert steps["gate"]["script"].splitlines()[-1].startswith("aiapp-gate ")
