"""How the story is told: plain lines into a pipe, never silent for long, red only where it is wanted."""

import io
import re

import pytest

from demo import narration
from demo.narration import Narrator, StoryError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_step_is_told_when_it_is_done_and_its_seconds_are_kept() -> None:
    stream = io.StringIO()
    narrator = Narrator.of(stream, {})
    with narrator.step("models are trained"):
        pass
    assert re.fullmatch(r"  ✔ models are trained  \d+\.\d s\n", stream.getvalue())
    assert [(taken.step, taken.ended) for taken in narrator.taken] == [("models are trained", True)]


def test_a_step_that_fails_is_told_and_kept_too() -> None:
    narrator = Narrator.of(io.StringIO(), {})
    with pytest.raises(StoryError), narrator.step("the chart is installed"):
        raise StoryError("no", "make demo")
    assert [(taken.step, taken.ended) for taken in narrator.taken] == [("the chart is installed", False)]


def test_a_long_step_says_what_it_waits_for_in_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narration, "REMIND_SECONDS", 0.02)
    stream = io.StringIO()
    narrator = Narrator.of(stream, {})
    with narrator.step("rollout"):
        narrator.waits_for("RollingOut: 1 of 2 pods are new")
        for _ in range(10_000_000):
            if "1 of 2 pods" in stream.getvalue():
                break
    assert re.search(r"^  … 0 s  rollout: RollingOut: 1 of 2 pods are new$", stream.getvalue(), flags=re.MULTILINE)
    assert "\r" not in stream.getvalue()
    assert "\033" not in stream.getvalue()


@pytest.mark.parametrize(
    ("stream", "env", "red"),
    [
        pytest.param(Terminal(), {"TERM": "xterm"}, True, id="terminal"),
        pytest.param(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False, id="terminal without colour"),
        pytest.param(Terminal(), {"TERM": "dumb"}, False, id="dumb terminal"),
        pytest.param(io.StringIO(), {"TERM": "xterm"}, False, id="pipe"),
    ],
)
def test_errors_are_red_where_colour_is_wanted_and_name_the_next_command(
    stream: io.StringIO, env: dict[str, str], red: bool
) -> None:
    Narrator.of(stream, env).fail(StoryError("helm failed", "helm lint charts/aiapp-operator"))
    assert "helm failed" in stream.getvalue()
    assert "next: helm lint charts/aiapp-operator" in stream.getvalue()
    assert ("\033[31m" in stream.getvalue()) == red


def test_a_stream_that_knows_no_blocks_gets_letters_instead_of_an_error() -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="ascii")
    narrator = Narrator.of(stream, {})
    narrator.say("✔ done █")
    assert content.getvalue() == b"  ? done ?\n"
    assert narrator.shades.isascii()
