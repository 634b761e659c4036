"""The disk full at every byte of a model: the fetch is refused by name, nothing is left behind.

Twice: no file may grow beyond n bytes, for every n up to the largest file's size (EFBIG, as of a quota); and a small
volume that others fill right after fetch has looked at its room, for every page and inode of the model (ENOSPC), where
this user may mount one.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from unittest import mock

from aiapp_models.errors import Reason, SourceError
from aiapp_serving import model_folder
from aiapp_serving.model_folder import remove_tree
from faults.container import Container, version
from faults.server import FaultServer, serving
from proofs import running
from proofs.fetching import content_problem, environment, fetch_here, own_authorities_only

COUNT: Final = 4_097
"""Limits from 0 to the size of the largest file, which then fits."""
SMALL: Final = {"labels/names.json": 700, "labels/empty": 0}
PAGE: Final = 4_096
VOLUME_BYTES: Final = 64 * 1024 * 1024
VOLUME_INODES: Final = 64
UNITS: Final = 16
"""More pages, and more inodes, than the model needs."""
OTHERS: Final = "others"
"""What another container of the node has on the volume."""


@dataclass
class Count:
    """What the fetches ended with, by reason, and which claims did not hold."""

    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def judge(self, label: str, rig: "Rig", error: Exception | None, fits: bool | None) -> None:
        """Count one fetch. fits: whether the model had room; None: either way."""
        left = sorted(path.name for path in rig.volume.iterdir())
        if error is None:
            self.outcomes["right"] += 1
            problem = content_problem(rig.volume / "model", rig.files)
            if problem or left != ["model"] or fits is False:
                self.broken.append(f"{label}: accepted, but {problem or left}")
            return
        reason = error.reason if isinstance(error, SourceError) else type(error).__name__
        self.outcomes[str(reason)] += 1
        if reason != Reason.NO_SPACE or left or fits:
            self.broken.append(f"{label}: {error}; left {left}")


class Rig:
    """A model of which the largest file has `size` bytes, a server of it, and a volume that is emptied each time."""

    def __init__(self, server: FaultServer, size: int, seed: int, volume: Path) -> None:
        draw = random.Random(seed)  # noqa: S311 - drawn again by whoever looks into a failure
        self.files = {name: draw.randbytes(count) for name, count in {"model.npz": size, **SMALL}.items()}
        self.server = server
        self.volume = volume
        server.containers["models"] = Container(version("digits/3", self.files))

    def fetch(self) -> Exception | None:
        return fetch_here(environment(self.server.endpoint, "models", self.files, self.volume), [])

    def empty(self) -> None:
        for path in self.volume.iterdir():
            remove_tree(path)


@contextmanager
def rig(size: int, seed: int, folder: Path) -> Iterator[Rig]:
    volume = folder / "volume"
    volume.mkdir()
    with serving() as server, own_authorities_only(folder):
        yield Rig(server, size, seed, volume)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def at_every_byte(count: int, seed: int, folder: Path) -> Count:
    """Fetch a model with `count` limits: every size of file from 0 on, the last of which is enough."""
    counted, progress = Count(), running.Progress(count)
    with rig(count - 1, seed, folder) as one:
        sums = len(one.server.containers["models"].blobs["digits/3/SHA256SUMS"].data)
        enough = max(sums, *(len(data) for data in one.files.values()))
        for limit in range(count):
            with largest_file(limit):
                error = one.fetch()
            counted.judge(f"no file beyond {limit} bytes", one, error, fits=limit >= enough)
            one.empty()
            progress.step()
    return counted


def on_a_small_volume(seed: int, folder: Path) -> Count:
    """Fetch onto a mounted volume that others fill meanwhile, up to each page and inode that the model needs."""
    counted = Count()
    with rig(5 * PAGE, seed, folder) as one:
        volume = one.volume
        for take in (_take_pages, _take_inodes):
            for left in range(UNITS):
                with _taken_after_the_look(volume, partial(take, volume, left)):
                    error = one.fetch()
                remove_tree(volume / OTHERS)
                counted.judge(f"{take.__name__} but for {left}", one, error, fits=None)
                one.empty()
        _restart_on_a_full_volume(one, counted)
    return counted


@contextmanager
def _taken_after_the_look(volume: Path, take: Callable[[], None]) -> Iterator[None]:
    """Let the room go between the product's look at it and its first byte."""
    look = model_folder.check_space

    def look_and_lose(where: Path, needed: int) -> None:
        look(where, needed)
        if where == volume:
            take()

    with mock.patch.object(model_folder, "check_space", look_and_lose):
        yield


def _restart_on_a_full_volume(one: Rig, counted: Count) -> None:
    """A container that starts again finds its model, however full the disk is by then."""
    if error := one.fetch():
        counted.broken.append(f"a volume with room: {error}")
    _take_pages(one.volume, 0)
    error = one.fetch()
    remove_tree(one.volume / OTHERS)
    counted.judge("the model is there and the disk is full", one, error, fits=True)


def _take_pages(volume: Path, left: int) -> None:
    free = os.statvfs(volume).f_bfree - left
    with (volume / OTHERS).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free * PAGE)


def _take_inodes(volume: Path, left: int) -> None:
    (volume / OTHERS).mkdir()
    for number in range(os.statvfs(volume).f_ffree - left):
        (volume / OTHERS / str(number)).touch()


def small_volume_in_a_namespace(seed: int) -> Count | None:
    """Run the second half where its mount is seen by nobody else; None: this user may not mount."""
    script = (
        f'mount -t tmpfs -o size={VOLUME_BYTES},nr_inodes={VOLUME_INODES} tmpfs "$1" && exec "$2" -m "$3" "$1" "$4"'
    )
    with tempfile.TemporaryDirectory(prefix="aiapp-proof-") as folder:
        arguments = [folder, sys.executable, "proofs.disk_full", str(seed)]
        command = ["unshare", "--mount", "sh", "-c", script, "sh", *arguments]
        environment_here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        if os.geteuid() or not shutil.which("unshare"):
            return None
        done = subprocess.run(command, env=environment_here, capture_output=True, text=True, check=False)
    if done.returncode:
        return Count(broken=[f"the small volume: {done.stderr[-500:]}"])
    said = json.loads(done.stdout)
    return Count(Counter(said["outcomes"]), said["broken"])


def prove(count: int, seed: int) -> running.Outcome:
    """Fill the disk at each of `count` bytes, then a small volume at each page."""
    with tempfile.TemporaryDirectory(prefix="aiapp-proof-") as folder:
        bytewise = at_every_byte(count, seed, Path(folder))
    pagewise = small_volume_in_a_namespace(seed)
    figures = {
        "at_every_byte": dict(bytewise.outcomes),
        "on_a_small_volume": dict(pagewise.outcomes) if pagewise else "not run: this user may not mount a volume",
    }
    failures = [*bytewise.broken, *(pagewise.broken if pagewise else ())]
    return running.Outcome(bytewise.outcomes.total(), figures, tuple(failures))


def _inside_the_namespace(folder: Path, seed: int) -> None:
    counted = on_a_small_volume(seed, folder)
    print(json.dumps({"outcomes": counted.outcomes, "broken": counted.broken}))


if __name__ == "__main__":
    if len(sys.argv) == 3 and Path(sys.argv[1]).is_dir():
        _inside_the_namespace(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        sys.exit(running.main("disk_full", prove, COUNT))
