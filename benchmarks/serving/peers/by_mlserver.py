"""MLServer's own command, and a custom runtime for the product: iris is served by its runtime for scikit-learn."""

from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.cli import main  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]

from serving.peers import engines


class Dot(MLModel):  # type: ignore[misc]
    async def load(self) -> bool:
        self._predict = engines.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        result = self._predict(NumpyCodec.decode_input(payload.inputs[0]))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("output", result)])


if __name__ == "__main__":
    main()
