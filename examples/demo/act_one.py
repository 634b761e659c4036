"""Act one: models, the runtime and an answer, with nothing but Python."""

import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Final

import ask
from demo.background import Preparation
from demo.machine import ROOT
from demo.models import Drawing, folder_of, thumbnail, train_models, unseen_drawings
from demo.narration import Narrator, StoryError
from demo.patience import Waiting

PICTURES: Final = 200
START_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 20.0


def play(narrator: Narrator, preparation: Preparation | None) -> dict[str, float]:
    """Tell act one and return the share of unseen pictures that each model names rightly.

    Raises:
        StoryError: a step failed.
    """
    narrator.title("Act one: a model, a runtime, an answer (no Kubernetes needed)")
    train_models(narrator)
    _tell(preparation, narrator)
    drawings = unseen_drawings(PICTURES)
    with _serving(("1", "2"), narrator) as urls:
        _tell(preparation, narrator)
        answers = {version: _ask_all(url, drawings) for version, url in urls.items()}
        _show(narrator, drawings, answers)
    accuracy = {version: _right(answer, drawings) for version, answer in answers.items()}
    first, second = accuracy["1"], accuracy["2"]
    narrator.say(f"of {PICTURES} pictures that no model has seen, 1 names {first:.0%} rightly and 2 {second:.0%}")
    if second <= first:
        raise StoryError("model 2 is no better than model 1", "python examples/digits/train.py build/models/digits")
    _tell(preparation, narrator)
    return accuracy


def _tell(preparation: Preparation | None, narrator: Narrator) -> None:
    if preparation:
        preparation.tell(narrator)


def _show(narrator: Narrator, drawings: list[Drawing], answers: dict[str, ask.Answer]) -> None:
    """Draw the first picture that only model 2 names rightly, and what both say."""
    names = {version: [best[0][0] for best in answer.pictures] for version, answer in answers.items()}
    chosen = next((i for i, d in enumerate(drawings) if names["1"][i] != d.digit and names["2"][i] == d.digit), 0)
    narrator.say(f"a picture of a {drawings[chosen].digit}, sent to POST /score:")
    narrator.say("\n".join(ask.draw(thumbnail(drawings[chosen]), narrator.shades)))
    for version, answer in answers.items():
        narrator.say(f"model {version} says {ask.words(answer.pictures[chosen])}")
        narrator.aside(f"{answer.computed} for {len(drawings)} pictures")


def _ask_all(url: str, drawings: list[Drawing]) -> ask.Answer:
    try:
        return ask.ask(url, [drawing.png for drawing in drawings], seconds=60)
    except ask.AskError as error:
        raise StoryError(str(error), "make test") from error


def _right(answer: ask.Answer, drawings: list[Drawing]) -> float:
    hits = [best[0][0] == drawing.digit for best, drawing in zip(answer.pictures, drawings, strict=True)]
    return sum(hits) / len(hits)


@contextmanager
def _serving(versions: Sequence[str], narrator: Narrator) -> Iterator[dict[str, str]]:
    """Run the runtime on loopback, once for each model version; yield the addresses for scoring.

    Raises:
        StoryError: one ended, or did not become ready in time; its own words are in the message.
    """
    with ExitStack() as stack:
        started = {version: _start(version, _free_port(), stack) for version in versions}
        for version, (process, port, log) in started.items():
            with narrator.step(f"aiapp-serve answers with model {version} on 127.0.0.1:{port}", "GET /version"):
                if not _becomes_ready(process, port):
                    log.seek(0)
                    raise StoryError(f"aiapp-serve did not become ready:\n{log.read()[-800:]}", "make check")
        yield {version: f"http://127.0.0.1:{port}/score" for version, (_, port, _) in started.items()}
        for process, _, _ in started.values():
            process.terminate()


def _start(version: str, port: int, stack: ExitStack) -> tuple["subprocess.Popen[bytes]", int, IO[str]]:
    model, score = folder_of(version), ROOT / "examples" / "digits" / "score.py"
    command = [sys.executable, "-m", "aiapp_serving", "--score", str(score), "--model", str(model), "--port", str(port)]
    log = stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115  (the stack closes it)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(_end, process)
    return process, port, log


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _becomes_ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    for _ in Waiting(START_SECONDS):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            continue
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
