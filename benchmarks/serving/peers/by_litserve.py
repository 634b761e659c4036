"""A LitServe server: one process answers HTTP, another calls the model."""

import os
from typing import Any

import litserve  # type: ignore[import-not-found]
import numpy as np

from serving.peers import engines


class Served(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        self._predict = engines.load()

    def decode_request(self, request: dict[str, Any]) -> engines.Array:
        return np.array(request["rows"], np.float32)

    def predict(self, x: engines.Array) -> engines.Array:
        return self._predict(x)

    def encode_response(self, output: engines.Array) -> dict[str, Any]:
        return {"result": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Served(), accelerator="cpu", workers_per_device=1)
    server.run(port=int(os.environ["BENCH_PORT"]), num_api_servers=1, generate_client_file=False, log_level="warning")
