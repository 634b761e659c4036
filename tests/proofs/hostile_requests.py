"""Requests and manifests that are made to be misread: refused in words, or read as the strict reader reads them."""

import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from aiapp_models.errors import SourceError
from aiapp_models.manifest import parse_sums
from aiapp_serving.endpoints import Endpoints
from aiapp_serving.engine import ModelMetadata, TensorMetadata, Tensors
from aiapp_serving.errors import BadJson, InvalidInput, Refused
from aiapp_serving.request_json import parse_json, read_strictly
from aiapp_serving.settings import Release
from proofs import running
from proofs.hostile_grammar import json_length, written

COUNT: Final = 1_000_000
PROCESSES: Final = 2
BATCH: Final = 5_000
LARGEST: Final = 4_096
SLOWEST_MS: Final = 1_000
GROWTH_KIB: Final = 64 * 1024
"""That a process may grow by from its first inputs to the end: a leak of a hundred bytes per input would be more."""
WARM: Final = 2_000
"""Requests before memory is looked at: caches and arenas of the interpreter grow at first."""

KINDS: Final = ("score", "infer", "binary", "grammar", "raw", "manifest")
JSON_TYPE: Final = {"CONTENT_TYPE": "application/json"}
_TENSOR: Final = b'{"name":"X","shape":[1,4],"datatype":"FP32"'
_TEXTS: Final = b"\x01\x00\x00\x00a\x02\x00\x00\x00bc"
SEEDS: Final = {
    "score": (b'{"input":[5.1,3.5,1.4,0.2]}', b'{"input":{"a":1,"b":null}}', b'{"input":"a\\ud83d\\ude00\xc3\xa9"}'),
    "infer": (
        b'{"inputs":[' + _TENSOR + b',"data":[5.1,3.5,1.4,0.2]}]}',
        b'{"id":"a","inputs":[' + _TENSOR + b',"data":[[5,3,1,0]]}],"outputs":[{"name":"Y"}]}',
    ),
    "binary": (
        b'{"inputs":[' + _TENSOR + b',"parameters":{"binary_data_size":16}}]}' + bytes(range(16)),
        b'{"inputs":[{"name":"X","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}]}' + _TEXTS,
    ),
    "raw": (bytes(range(16)), bytes(range(16)) * 3, b"a text", b"\x00\x00\x80\x7f" * 4),
    "manifest": (b"0" * 64 + b"  model.onnx\n" + b"a" * 64 + b" *labels/names.json\r\n",),
}
PIECES: Final = (
    *(b"NaN", b"Infinity", b"-0", b"1e999", b"18446744073709551616", b"9" * 400, b"null", b"true", b'"', b"\\"),
    *(b"\\ud800", b"\xef\xbb\xbf", b"\xff", b"\x00", b"[" * 70, b"{}", b"[]", b",", b":", b'"input":1,', b'"inputs":'),
    *(b"-1", b"1e40", b"FP16", b"INT8", b"BOOL", b"BYTES", b"../", b"\n", b"  ", b"0", b'"a":', b"\xff\xff\xff\xff"),
)


class Echo:
    """A model that gives back what it gets."""

    def __init__(self, metadata: ModelMetadata) -> None:
        self.metadata = metadata

    def score(self, value: Any) -> object:
        return value

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:  # noqa: ARG002
        return {"Y": next(iter(inputs.values()))}  # whichever were asked for


STRICT: Final = Endpoints(
    Echo(ModelMetadata("m", "", (TensorMetadata("X", "FP32", (-1, 4), ("a", "b", "c", "d")),))), Release()
)
TEXT: Final = Endpoints(Echo(ModelMetadata("m", "", (TensorMetadata("X", "BYTES", (-1, 1)),))), Release())
OPEN: Final = Endpoints(Echo(ModelMetadata("m")), Release())


@dataclass
class Tally:
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest_ms: float = 0.0
    slowest: str = ""
    process: int = 0
    before_kib: int = 0
    after_kib: int = 0


def hostile(chance: random.Random, kind: str) -> bytes:
    """Return one input: a right one or one of the grammar, broken in a few places."""
    if kind == "grammar":
        return written(chance)
    body = bytearray(chance.choice(SEEDS[kind]))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(5):
            case 0:
                body[at:at] = chance.choice(PIECES)
            case 1:
                body[at : at + chance.randrange(1, 9)] = chance.choice(PIECES)
            case 2:
                del body[at : at + chance.randrange(1, 9)]
            case 3:
                body[at : at + 1] = bytes([chance.randrange(256)])
            case 4:
                body[at:at] = body[: chance.randrange(len(body) + 1)]
    return bytes(body[:LARGEST])


def judge(kind: str, body: bytes, chance: random.Random) -> tuple[str, str]:
    """Return how one input ended, and which claim that breaks."""
    try:
        if kind in {"score", "infer"} and (problem := differs(body)):
            return "different", problem
        ask(kind, body, chance)
    except (BadJson, InvalidInput, SourceError):
        return "refused", ""
    except Refused as refused:  # the model here gives back what it got, so that NaN may be its answer
        allowed = refused.status < 500 or "JSON cannot hold" in refused.detail
        return "refused", "" if allowed else f"status {refused.status}: {refused.detail}"
    except Exception as error:  # noqa: BLE001 - what a fuzzer is for
        return "crashed", f"{type(error).__name__}: {error}"
    return "accepted", ""


def ask(kind: str, body: bytes, chance: random.Random) -> None:
    endpoints = chance.choice((STRICT, OPEN))
    if kind == "manifest":
        parse_sums(body, "models/1")
    elif kind == "score":
        endpoints.score(body, JSON_TYPE)
    elif kind == "infer":
        endpoints.infer(body, JSON_TYPE)
    elif kind == "raw":
        chance.choice((STRICT, OPEN, TEXT)).infer(body, {"HTTP_INFERENCE_HEADER_CONTENT_LENGTH": "0"})
    else:  # what is behind the JSON may hold its end as well, which is one more length that lies
        end = json_length(body) if kind == "grammar" else body.rfind(b"]}") + 2
        length = end if chance.random() < 0.8 else chance.randrange(len(body) + 9)
        endpoints.infer(body, {"HTTP_INFERENCE_HEADER_CONTENT_LENGTH": str(length)})


def differs(body: bytes) -> str:
    """Return in which way the quick reader and the strict one differ; empty: in none."""
    read: list[str] = []
    for reader in (parse_json, read_strictly):
        try:
            read.append(json.dumps(reader(body)))
        except BadJson:
            read.append("refused")
    return "" if read[0] == read[1] else f"read as {read[0][:80]}, strictly {read[1][:80]}"


def batch(seed: int, numbers: range) -> Tally:
    """Judge some inputs; the growth of memory is that after the first few."""
    tally = Tally(process=os.getpid())
    with np.errstate(all="ignore"):
        for number in numbers:
            if number - numbers.start == WARM:
                tally.before_kib = _resident_kib()
            chance = random.Random(f"{seed} {number}")  # noqa: S311 - to be drawn again
            kind = KINDS[number % len(KINDS)]
            body = hostile(chance, kind)
            started = time.process_time()  # others may run on the same machine
            outcome, broken = judge(kind, body, chance)
            if (took := (time.process_time() - started) * 1000) > tally.slowest_ms:
                tally.slowest_ms, tally.slowest = took, f"input {number} ({kind}, {len(body)} bytes)"
            tally.outcomes[f"{kind} {outcome}"] += 1
            if broken:
                tally.failures.append(f"input {number} ({kind}, {body[:120]!r}): {broken}")
    tally.after_kib = _resident_kib()
    return tally


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def prove(count: int, seed: int) -> running.Outcome:
    """Judge `count` inputs in two processes."""
    whole, progress = Tally(), running.Progress(count)
    batches = [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
    memory: dict[int, list[int]] = {}
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        for tally in pool.imap_unordered(partial(batch, seed), batches):
            whole.outcomes += tally.outcomes
            whole.failures += tally.failures
            if tally.slowest_ms > whole.slowest_ms:
                whole.slowest_ms, whole.slowest = tally.slowest_ms, tally.slowest
            memory.setdefault(tally.process, [tally.before_kib])[1:] = [tally.after_kib]
            progress.reach(whole.outcomes.total())
    if whole.slowest_ms > SLOWEST_MS:
        whole.failures.append(f"{whole.slowest} took {whole.slowest_ms:.0f} ms; {SLOWEST_MS} are allowed")
    for number, (before, after) in enumerate(memory.values()):
        if before and after - before > GROWTH_KIB:
            whole.failures.append(f"process {number} grew from {before} to {after} KiB; {GROWTH_KIB} are allowed")
    figures = {
        "outcomes": dict(sorted(whole.outcomes.items())),
        "slowest_ms": round(whole.slowest_ms, 1),
        "slowest": whole.slowest,
        "resident_kib_of_each_process": [{"start": start, "end": end} for start, end in memory.values()],
    }
    return running.Outcome(whole.outcomes.total(), figures, tuple(whole.failures))


if __name__ == "__main__":
    sys.exit(running.main("hostile_requests", prove, COUNT))
