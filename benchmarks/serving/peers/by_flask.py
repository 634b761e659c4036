"""Flask as taught."""

from typing import Any

from flask import Flask, Response, jsonify, request

from serving.peers import engines

app = Flask(__name__)
predict = engines.load()


@app.post("/infer")
def infer() -> Response:
    given: dict[str, Any] = request.get_json()
    return jsonify(engines.answer(predict(engines.tensor(given))))
