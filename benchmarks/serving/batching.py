"""`make bench NAME=serving ARGS=--batching`: what one call with many rows costs against one call for each.

An upper bound of what batching in the server could gain, and the cost of the smallest way to gather requests: one
thread calls the model for all that wait, as those who wait hand their row over and are woken.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
Call = Callable[[Rows], Rows]

MOST: Final = 16
CALLS: Final = 400
REPEATS: Final = 5
WIDTH: Final = 4


@dataclass(frozen=True, slots=True)
class Gain:
    """One model. one_us, many_us: a call with one row and with 16. alone, gathered: rows per second of 16 threads."""

    model: str
    one_us: float
    many_us: float
    alone: float
    gathered: float


class Gatherer:
    """Calls a model in one thread for all rows that wait; adds no wait of its own."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._waiting: SimpleQueue[tuple[Rows, list[Rows], threading.Event] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __call__(self, row: Rows) -> Rows:
        result: list[Rows] = []
        done = threading.Event()
        self._waiting.put((row, result, done))
        done.wait()
        return result[0]

    def stop(self) -> None:
        """End the thread once what waits is answered."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < MOST and not self._waiting.empty():
                if (following := self._waiting.get()) is None:
                    self._waiting.put(None)
                    break
                batch.append(following)
            results = self._call(np.concatenate([row for row, _, _ in batch]))
            for number, (_, result, done) in enumerate(batch):
                result.append(results[number : number + 1])
                done.set()


@contextmanager
def gathering(call: Call) -> Iterator[Gatherer]:
    """Run a gatherer until the block ends."""
    gatherer = Gatherer(call)
    try:
        yield gatherer
    finally:
        gatherer.stop()


def measure() -> list[Gain]:
    """Return the gain for scikit-learn models and for the same ones as ONNX."""
    return [_gain(name, call) for name, call in _models()]


def table(gains: Sequence[Gain]) -> list[str]:
    """Return lines of at most 100 columns."""
    lines = [f"{'':<34}{'1 row us':>10}{'16 rows us':>12}{'x a row':>9}{'rows/s':>10}{'gathered':>10}{'gain':>7}"]
    for gain in gains:
        per_row = gain.one_us * MOST / gain.many_us
        times = f"{gain.one_us:>10.1f}{gain.many_us:>12.1f}{per_row:>9.1f}"
        lines.append(
            f"{gain.model:<34}{times}{gain.alone:>10.0f}{gain.gathered:>10.0f}{gain.gathered / gain.alone:>7.2f}"
        )
    return lines


def _gain(name: str, call: Call) -> Gain:
    row = np.array([[6.1, 2.8, 4.7, 1.2]], np.float32)
    rows = np.repeat(row, MOST, axis=0)
    alone = median(_rate(call, row) for _ in range(REPEATS))
    with gathering(call) as gatherer:
        gathered = median(_rate(gatherer, row) for _ in range(REPEATS))
    return Gain(name, _microseconds(call, row), _microseconds(call, rows), alone, gathered)


def _microseconds(call: Call, rows: Rows) -> float:
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call(rows)
        times.append(time.perf_counter() - started)
    return median(times) * 1e6


def _rate(call: Call, row: Rows) -> float:
    """Return rows per second that 16 threads get, each asking for one row at a time."""

    def ask(_: int) -> None:
        for _ in range(CALLS // MOST):
            call(row)

    with ThreadPoolExecutor(MOST) as threads:
        list(threads.map(lambda _: None, range(MOST)))
        started = time.perf_counter()
        list(threads.map(ask, range(MOST)))
        return CALLS // MOST * MOST / (time.perf_counter() - started)


def _models() -> Iterator[tuple[str, Call]]:
    import onnxruntime as ort  # noqa: PLC0415 - of this benchmark's own environment, like the others
    from skl2onnx import to_onnx  # noqa: PLC0415
    from sklearn.datasets import load_iris  # noqa: PLC0415
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    rows, classes = load_iris(return_X_y=True)
    kinds = {
        "LogisticRegression": LogisticRegression(max_iter=1000),
        "RandomForestClassifier, 100 trees": RandomForestClassifier(random_state=0),
    }
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for name, model in kinds.items():
        yield name, model.fit(rows, classes).predict
        converted = to_onnx(model, rows[:1].astype(np.float32), options={"zipmap": False}, target_opset=21)
        session = ort.InferenceSession(converted.SerializeToString(), options, providers=["CPUExecutionProvider"])
        yield f"{name[:26]}, ONNX", _called(session)


def _called(session: Any) -> Call:
    wanted = [session.get_outputs()[0].name]

    def call(rows: Rows) -> Rows:
        labels: Rows = session.run(wanted, {"X": rows})[0]
        return labels

    return call
