"""Models of the tests: one file that says the model's name."""

import hashlib
import json
from pathlib import Path
from typing import Final

BODY: Final = '{"input": "x"}'
"""A request that the test app answers with its name and its model's."""


def model_folder(folder: Path, name: str, *, corrupt: bool = False, complete: bool = True, golden: str = "") -> Path:
    """Write a model of one file that says its name, as `sha256sum` would complete it.

    golden: the name that a golden case of the model's own expects; empty: it brings no case.
    """
    files = {"name.txt": name}
    if golden:
        expected = {"jsonPath": "$.result.model", "equals": golden}
        files["golden/own.json"] = json.dumps({"name": "own-name", "request": {"body": BODY}, "expect": expected})
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    sums = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    if corrupt:
        sums["name.txt"] = hashlib.sha256(b"something else").hexdigest()
    if complete:
        (folder / "SHA256SUMS").write_text("".join(f"{digest}  {path}\n" for path, digest in sums.items()))
    return folder
