"""Answers with its own name and the model's content; some kinds never come so far."""

import os
import threading
from pathlib import Path

KIND = os.environ["APP_KIND"]


def init() -> None:
    if KIND == "crash":
        raise RuntimeError("this image is broken")
    if KIND == "hang":
        threading.Event().wait()


def run(_: object) -> dict[str, str]:
    return {"image": KIND, "model": (Path(os.environ["AIAPP_MODEL_DIR"]) / "name.txt").read_text()}
