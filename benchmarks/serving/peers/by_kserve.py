"""The KServe SDK's own server around one model; its log of every request's stages is off."""

import os
from typing import Any
from uuid import uuid4

from kserve import InferRequest, InferResponse, Model, ModelServer  # type: ignore[import-not-found]
from kserve.protocol.infer_type import InferOutput  # type: ignore[import-not-found]

from serving.peers import engines


class Served(Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("model")
        self._predict = engines.load()
        self.ready = True

    def predict(self, payload: InferRequest, *_: Any, **__: Any) -> InferResponse:
        result = self._predict(payload.inputs[0].as_numpy())
        output = InferOutput("output", list(result.shape), "INT64" if result.dtype.kind == "i" else "FP32")
        output.set_data_from_numpy(result, binary_data=bool(payload.request_outputs))
        answered = payload.id or str(uuid4())
        return InferResponse(answered, "model", [output], requested_outputs=payload.request_outputs)


if __name__ == "__main__":
    port = int(os.environ["BENCH_PORT"])
    ModelServer(http_port=port, enable_grpc=False, enable_latency_logging=False, workers=1).start([Served()])
