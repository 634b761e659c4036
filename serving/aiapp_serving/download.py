"""The bytes of a model: ranges read by several threads, written in place, and hashed as the beginning becomes whole.

The threads take parts in the order of the files, so the whole beginning of a file is never far behind. The calling
thread follows it and hashes what is in the file, not what was received: a write that went wrong is found too.
"""

import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import ModelFile, ModelManifest
from aiapp_models.stores import ModelStore, RangeReader
from aiapp_serving import model_folder
from aiapp_serving.parts import Part, Target
from aiapp_serving.progress import Progress, Report

CONNECTIONS: Final = 16
CONNECTIONS_FOR_SMALL_PARTS: Final = 32
SMALL_PART_BYTES: Final = 2 * 1024 * 1024
"""With parts this small on average, waiting for first bytes is most of the time: more of them wait at once."""
MIN_PART_BYTES: Final = 1024 * 1024
MAX_PART_BYTES: Final = 16 * 1024 * 1024
"""The larger a part, the less its request's round trip weighs; the smaller, the sooner hashing can follow."""
BUFFER_BYTES: Final = 512 * 1024
"""Of each thread. The download's memory is all of them together, whatever the model's size."""
FILE_TRIES: Final = 2
"""Of a file whose bytes have another sha256."""
PART_TRIES: Final = 8
"""In a row without progress; further tries are kubelet's, with its back-off."""
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 30.0
"""A store that asks to be left alone for longer ends the fetch, to be started again by kubelet."""
STOP_SECONDS: Final = 2.0


class _StoppedError(Exception):
    """The download ended elsewhere."""


def download(store: ModelStore, manifest: ModelManifest, folder: Path, report: Report) -> None:
    """Put all files of `manifest` into the empty `folder`, each proved by its sha256 and on the disk.

    Raises:
        SourceError: see ModelStore; and ModelCorrupt.
        OSError: the disk refuses.
    """
    _Download(store, manifest, folder, report).run()


def connections(parts: Sequence[int]) -> int:
    """Return how many parts of these lengths are read at the same time."""
    small = sum(parts) <= SMALL_PART_BYTES * len(parts)
    return min(CONNECTIONS_FOR_SMALL_PARTS if small else CONNECTIONS, len(parts))


def pause_seconds(failures: int, retry_after: float | None, chance: float) -> float:
    """Return how long to wait after so many failures in a row; `chance` from 0 to 1 spreads the pods of a rollout."""
    back_off = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1)) * chance
    return max(back_off, (retry_after or 0.0) * (1 + chance / 2))


class _Download:
    """One run; its fields change under `_changed` only."""

    def __init__(self, store: ModelStore, manifest: ModelManifest, folder: Path, report: Report) -> None:
        self._store = store
        self._version = manifest.version
        self._folder = folder
        self._progress = Progress(manifest.size_bytes, report, time.monotonic())
        size = min(MAX_PART_BYTES, max(MIN_PART_BYTES, -(-manifest.size_bytes // CONNECTIONS)))
        self._targets = [Target(file, size) for file in manifest.files]
        self._queue = deque(part for target in self._targets for part in target.parts)
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._trouble: SourceError | None = None
        self._resume_at = 0.0
        self._bytes = 0

    def run(self) -> None:
        for target in self._targets:
            model_folder.create_file(self._folder, target.file.path, target.file.size)
        workers = connections([part.length for part in self._queue])
        threads: list[threading.Thread] = []
        try:
            for number in range(workers):
                thread = threading.Thread(target=self._work, name=f"range-{number}", daemon=True)
                thread.start()
                threads.append(thread)
            for target in self._targets:
                self._verify(target)
        finally:
            self._stop()
            until = time.monotonic() + STOP_SECONDS
            for thread in threads:  # one that waits for a silent store holds only files that are gone by then
                thread.join(max(0.0, until - time.monotonic()))

    # --- the calling thread ---------------------------------------------------------------------------------

    def _verify(self, target: Target) -> None:
        for attempt in range(1, FILE_TRIES + 1):
            got = self._hash(target)
            if got == target.file.sha256:
                self._wait(lambda: target.synced)
                return
            problem = f"expected sha256:{target.file.sha256}, got sha256:{got}"
            error = self._corrupt(target.file, problem)
            if attempt == FILE_TRIES:
                raise error
            self._progress.report(f"{error}; reading it again")
            self._wait(lambda: target.synced)
            self._start_again(target)

    def _hash(self, target: Target) -> str:
        digest = sha256()
        buffer = memoryview(bytearray(BUFFER_BYTES))
        position = 0
        with model_folder.opened(self._folder, target.file.path, os.O_RDONLY) as descriptor:
            while position < target.file.size:
                self._wait(partial(target.reaches, position))
                there = buffer[: target.front() - position]
                count = os.preadv(descriptor, [there], position)
                digest.update(there[:count])
                position += count
        return digest.hexdigest()

    def _wait(self, ready: Callable[[], bool]) -> None:
        with self._changed:
            while True:
                if self._error is not None:
                    raise self._error
                if self._progress.look(self._bytes, time.monotonic()):
                    raise self._trouble or self._progress.too_slow()
                if ready():
                    return
                self._changed.wait(1.0)

    def _start_again(self, target: Target) -> None:
        (self._folder / target.file.path).unlink()
        model_folder.create_file(self._folder, target.file.path, target.file.size)
        with self._changed:
            self._bytes -= target.file.size
            target.forget()
            self._queue.extendleft(reversed(target.parts))
            self._changed.notify_all()

    def _stop(self) -> None:
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    # --- the reading threads --------------------------------------------------------------------------------

    def _work(self) -> None:
        buffer = memoryview(bytearray(BUFFER_BYTES))
        try:
            while True:
                self._fetch(self._next_part(), buffer)
        except _StoppedError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again by the calling thread
            with self._changed:
                self._error = self._error or error
                self._changed.notify_all()

    def _next_part(self) -> Part:
        with self._changed:
            while not self._queue:
                self._refuse_to_go_on_when_stopped()
                self._changed.wait()
            return self._queue.popleft()

    def _fetch(self, part: Part, buffer: memoryview) -> None:
        """Read one part to its end, over as many connections as it takes."""
        with model_folder.opened(self._folder, part.target.file.path, os.O_WRONLY) as descriptor:
            failures = 0
            while part.written < part.length:
                before = part.written
                try:
                    self._pause(max(0.0, self._resume_at - time.monotonic()))
                    self._read_on(part, descriptor, buffer)
                except SourceError as error:
                    failures = 1 if part.written - before >= len(buffer) else failures + 1
                    self._after_failure(part, error, failures)
            with self._changed:
                part.target.missing -= 1
                is_last = not part.target.missing
            if is_last:
                model_folder.complete_file(descriptor)
                with self._changed:
                    part.target.synced = True
                    self._changed.notify_all()

    def _read_on(self, part: Part, descriptor: int, buffer: memoryview) -> None:
        """Read from the byte that the part reached, and keep all that came."""
        offset, length = part.offset + part.written, part.length - part.written
        with closing(self._store.open_range(self._version, part.target.file, offset, length)) as reader:
            while part.written < part.length:
                count, error = self._fill(reader, buffer[: part.length - part.written])
                model_folder.write_at(descriptor, buffer[:count], part.offset + part.written)
                with self._changed:
                    part.written += count
                    self._bytes += count
                    self._trouble = None
                    if part.target.waits_for(part):
                        self._changed.notify_all()
                if error is not None:
                    raise error
                if not count:
                    problem = f"{part.written} of {part.length} bytes from {part.offset} on came"
                    raise self._corrupt(part.target.file, problem)
            if reader.readinto(buffer[:1]):
                raise self._corrupt(part.target.file, f"more than {part.length} bytes from {part.offset} on came")

    def _fill(self, reader: RangeReader, view: memoryview) -> tuple[int, SourceError | None]:
        """Fill `view`, or as much of it as comes; return also what ended it early."""
        filled = 0
        while filled < len(view):
            self._refuse_to_go_on_when_stopped()
            try:
                count = reader.readinto(view[filled:])
            except SourceError as error:
                return filled, error
            if not count:
                break
            filled += count
        return filled, None

    def _after_failure(self, part: Part, error: SourceError, failures: int) -> None:
        """Wait for the next try, or raise the error if there is none."""
        tries = {Reason.STORE_UNREACHABLE: PART_TRIES, Reason.MODEL_CORRUPT: FILE_TRIES}.get(error.reason, 1)
        pause = pause_seconds(failures, error.retry_after, random.random())  # noqa: S311 - spreads load
        too_much = part.written == part.length and error.reason is Reason.MODEL_CORRUPT
        if failures >= tries or pause > LONGEST_PAUSE_SECONDS or too_much:
            raise error
        self._progress.report(f"{error}; going on from byte {part.offset + part.written} in {pause:.1f} s")
        with self._changed:
            self._trouble = error
            if error.retry_after is not None:  # all wait, not only this thread
                self._resume_at = max(self._resume_at, time.monotonic() + pause)
        self._pause(pause)

    def _pause(self, seconds: float) -> None:
        self._stopped.wait(seconds)
        self._refuse_to_go_on_when_stopped()

    def _refuse_to_go_on_when_stopped(self) -> None:
        if self._stopped.is_set():
            raise _StoppedError

    def _corrupt(self, file: ModelFile, problem: str) -> SourceError:
        where = self._store.locate(self._version, file.path)
        return SourceError(Reason.MODEL_CORRUPT, f"{where}: {problem}; upload the version again under a new name")
