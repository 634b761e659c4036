"""A BentoML service with its adaptive batching, which is what it is chosen for."""

import bentoml  # type: ignore[import-not-found]
import numpy as np

from serving.peers import engines

OFF = {"access": {"enabled": False}}


@bentoml.service(workers=1, logging=OFF, metrics={"enabled": False})
class Served:
    def __init__(self) -> None:
        self._predict = engines.load()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)  # type: ignore[untyped-decorator]
    def infer(self, rows: np.ndarray) -> np.ndarray:
        return self._predict(rows)
