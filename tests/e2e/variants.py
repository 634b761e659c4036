"""Images that differ in one variable alone: made from one build, because each build takes seconds."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from cluster.images import ImageArchive
from cluster.toolchain import PROGRAM_PATH, run_tool


def variants(image: ImageArchive, variable: str, values: Iterable[str], folder: Path) -> dict[str, ImageArchive]:
    """Return the image with each value of a variable, kept in a folder and made of the same layers."""
    whole = folder / "whole"
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", f"{image.transport}:{image.path}", f"dir:{whole}"]
    run_tool(command, lambda _: None, env={**os.environ, "PATH": PROGRAM_PATH})
    return {value: _variant(image, whole, folder / value, f"{variable}={value}") for value in values}


def _variant(image: ImageArchive, whole: Path, folder: Path, setting: str) -> ImageArchive:
    shutil.copytree(whole, folder, copy_function=os.link)
    manifest = json.loads((whole / "manifest.json").read_bytes())
    config = json.loads((whole / manifest["config"]["digest"].removeprefix("sha256:")).read_bytes())
    config["config"]["Env"].append(setting)
    content = json.dumps(config).encode()
    digest = hashlib.sha256(content).hexdigest()
    manifest["config"] |= {"digest": f"sha256:{digest}", "size": len(content)}
    (folder / digest).write_bytes(content)
    (folder / "manifest.json").unlink()  # linked: it is that of the whole
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return ImageArchive(folder, image.name, setting.partition("=")[2], "dir")
