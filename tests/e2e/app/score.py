"""Answers with its own name and the model's content; some kinds never come so far, or answer something else."""

import os
import threading
from pathlib import Path

KIND = os.environ["APP_KIND"]


def init() -> None:
    if KIND == "crash":
        raise RuntimeError("this image is broken")
    if KIND == "moody" and os.environ.get("MOOD") == "bad":
        raise RuntimeError("this image is in a bad mood")
    if KIND == "hang":
        threading.Event().wait()


def run(_: object) -> dict[str, str]:
    model = (Path(os.environ["AIAPP_MODEL_DIR"]) / "name.txt").read_text()
    return {"image": KIND, "model": "something else" if KIND == "wrong" else model}
