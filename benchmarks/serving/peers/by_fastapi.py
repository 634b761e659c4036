"""FastAPI as one who wants speed writes it: async, orjson, no pydantic model, no checks."""

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response  # type: ignore[import-not-found]

from serving.peers import engines

app = FastAPI()
predict = engines.load()


@app.post("/infer")  # type: ignore[untyped-decorator]
async def infer(request: Request) -> Response:
    result = predict(engines.tensor(orjson.loads(await request.body())))
    return Response(orjson.dumps(engines.answer(result)), media_type="application/json")


@app.post("/raw")  # type: ignore[untyped-decorator]
async def raw(request: Request) -> Response:
    rows = np.frombuffer(await request.body(), np.float32).reshape(-1, 1024)
    return Response(predict(rows).tobytes(), media_type="application/octet-stream")
