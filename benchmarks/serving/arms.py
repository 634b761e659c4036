"""The servers that take part: how each is started, and what it is asked. Data, but for a folder's files."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serving import models, requests
from serving.requests import Request

PEERS: Final = Path(__file__).parent / "peers"
IRIS: Final = "iris, 1 row, JSON"
SCORE: Final = "iris, 1 row, /score"
BIG_JSON: Final = "64 x 1024 FP32, JSON"
BIG_RAW: Final = "64 x 1024 FP32, binary"
LARGE: Final = "1 row, model of 300 MB"
MODEL: Final = "/v2/models/model/infer"

OURS: Final = "ours, packed ONNX"
OURS_NO_LOG: Final = "ours, packed ONNX, no access log"
OURS_SKLEARN: Final = "ours, scikit-learn by score.py"
OURS_DOT: Final = "ours, dot as ONNX"
OURS_FOUR: Final = "ours, 4 workers, 300 MB"
BARE: Final = "bare callable, ONNX, no checks"
ECHO: Final = "bare granian echo"
SWALLOW: Final = "bare granian, 256 bytes for them"
FASTAPI_ONNX: Final = "FastAPI + orjson, same ONNX"
FASTAPI: Final = "FastAPI + orjson, scikit-learn"
FASTAPI_DOT: Final = "FastAPI + orjson, dot"
FRAMEWORKS: Final = ("mlserver", "kserve", "bentoml", "litserve")


@dataclass(frozen=True, slots=True)
class Arm:
    """One server.

    packages: the list of its environment in peers/, empty for the product's own. command: after `python -m`; `{port}`
    and `{models}` are filled in. asked: what it is asked, by payload.
    """

    name: str
    packages: str
    command: tuple[str, ...]
    asked: Mapping[str, Request]
    engine: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        return self.name.startswith("ours")


def all_arms(folder: Path) -> list[Arm]:
    """Return the arms over the models in `folder`, those that belong together side by side."""
    row, rows = np.array([models.IRIS_ROW], np.float32), models.batch()
    dot = models.expected_dot(folder)
    return [*_ours(row, rows, dot), *_bare(row, rows, dot), *_by_hand(row, rows, dot), *_frameworks(row, rows, dot)]


def four_workers(folder: Path) -> Arm:
    """Return ours with the large model, whose answer is taken as it comes: its memory is what is looked at."""
    row = models.batch()[:1]
    asked = {LARGE: requests.v2_json(MODEL, "rows", row, models.expected_large(folder))}
    return Arm(OURS_FOUR, "", _serve("large-onnx", "--workers", "4"), asked)


def _serve(model: str, *more: str) -> tuple[str, ...]:
    return ("aiapp_serving", "--port", "{port}", "--model", f"{{models}}/{model}", *more)


def _ours(row: NDArray[Any], rows: NDArray[Any], dot: Sequence[float]) -> list[Arm]:
    iris = {
        IRIS: requests.v2_json(MODEL, "X", row, (1,)),
        SCORE: requests.rows_json("/score", "input", "result", row.tolist(), (1,)),
    }
    products = {
        BIG_JSON: requests.v2_json(MODEL, "rows", rows, dot),
        BIG_RAW: requests.v2_binary(MODEL, "rows", rows, dot),
    }
    scored = _serve("iris-sklearn", "--score", "{models}/score.py")
    return [
        Arm(OURS, "", _serve("iris-onnx"), iris),
        Arm(OURS_NO_LOG, "", _serve("iris-onnx", "--no-access-log"), iris),
        Arm(OURS_SKLEARN, "", scored, {IRIS: iris[SCORE]}),
        Arm(OURS_DOT, "", _serve("dot-onnx"), products),
    ]


def _bare(row: NDArray[Any], rows: NDArray[Any], dot: Sequence[float]) -> list[Arm]:
    small = requests.v2_json("/", "X", row, (1,))
    granian = ("granian", "--interface", "wsgi", "--port", "{port}", "--blocking-threads", "1", "--no-ws")
    large = requests.raw("/", rows, dot)
    module = "serving.peers.by_callable"
    echoes = {IRIS: requests.echoed(small.body, small.headers), BIG_RAW: requests.echoed(large.body, large.headers)}
    return [
        Arm(ECHO, "", (*granian, f"{module}:echo"), echoes),
        Arm(SWALLOW, "", (*granian, f"{module}:swallow"), {BIG_RAW: requests.swallowed(large.body, 4 * len(rows))}),
        Arm(BARE, "", (*granian, "--factory", f"{module}:bare"), {IRIS: small}, "onnx"),
    ]


def gathering() -> list[Arm]:
    """Return the bare callable with each of its engines, calling them for each request and for all that wait."""
    asked = {IRIS: requests.v2_json("/", "X", np.array([models.IRIS_ROW], np.float32), (1,))}
    granian = ("granian", "--interface", "wsgi", "--port", "{port}", "--no-ws", "--factory", "--blocking-threads")
    ways = (("each", "1", "bare"), ("gathered", "64", "gathered"))
    return [
        Arm(f"{engine}, {way}", "", (*granian, threads, f"serving.peers.by_callable:{factory}"), asked, engine)
        for engine in ("scikit-learn", "onnx")
        for way, threads, factory in ways
    ]


def _by_hand(row: NDArray[Any], rows: NDArray[Any], dot: Sequence[float]) -> list[Arm]:
    iris = {IRIS: requests.v2_json("/infer", "X", row, (1,))}
    product = {BIG_JSON: requests.v2_json("/infer", "rows", rows, dot)}
    app = "serving.peers.by_flask:app"
    uvicorn = (
        "uvicorn",
        "--port",
        "{port}",
        "--no-access-log",
        "--log-level",
        "warning",
        "serving.peers.by_fastapi:app",
    )
    gunicorn = ("gunicorn", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "8", app)
    granian = ("granian", "--interface", "wsgi", "--port", "{port}", "--blocking-threads", "1", "--no-ws", app)
    return [
        Arm(FASTAPI_ONNX, "fastapi", uvicorn, iris, "onnx"),
        Arm(FASTAPI, "fastapi", uvicorn, iris, "scikit-learn"),
        Arm(FASTAPI_DOT, "fastapi", uvicorn, {**product, BIG_RAW: requests.raw("/raw", rows, dot)}, "dot"),
        Arm("Flask on gunicorn gthread", "flask", gunicorn, iris, "scikit-learn"),
        Arm("Flask on gunicorn gthread, dot", "flask", gunicorn, product, "dot"),
        Arm("Flask on granian", "flask", granian, iris, "scikit-learn"),
        Arm("Flask on granian, dot", "flask", granian, product, "dot"),
    ]


def _frameworks(row: NDArray[Any], rows: NDArray[Any], dot: Sequence[float]) -> list[Arm]:
    v2 = {BIG_JSON: requests.v2_json(MODEL, "rows", rows, dot)}
    binary = {BIG_RAW: requests.v2_binary(MODEL, "rows", rows, dot)}
    iris = {"mlserver": {IRIS: requests.v2_json(MODEL, "predict", row, (1,))}}
    iris["kserve"] = {IRIS: requests.v2_json(MODEL, "X", row, (1,))}
    iris["bentoml"] = {IRIS: requests.rows_json("/infer", "rows", None, row.tolist(), (1,))}
    iris["litserve"] = {IRIS: requests.rows_json("/predict", "rows", "result", row.tolist(), (1,))}
    products: dict[str, Mapping[str, Request]] = {"mlserver": v2, "kserve": {**v2, **binary}}
    products["bentoml"] = {BIG_JSON: requests.rows_json("/infer", "rows", None, rows.tolist(), dot)}
    products["litserve"] = {BIG_JSON: requests.rows_json("/predict", "rows", "result", rows.tolist(), dot)}
    arms = []
    for name in FRAMEWORKS:
        arms.append(Arm(name, name, _framework(name, "iris"), iris[name], "scikit-learn"))
        arms.append(Arm(f"{name}, dot", name, _framework(name, "dot"), products[name], "dot"))
    return arms


def _framework(name: str, model: str) -> tuple[str, ...]:
    if name == "mlserver":
        return ("serving.peers.by_mlserver", "start", f"{{models}}/mlserver-{model}")
    if name == "bentoml":
        return ("bentoml", "serve", "serving.peers.by_bentoml:Served", "--port", "{port}", "--host", "127.0.0.1")
    return (f"serving.peers.by_{name}",)


def write_mlserver_folders(folder: Path) -> None:
    """Write the folders that MLServer is started on."""
    settings = {"parallel_workers": 0, "debug": False}
    kinds = {
        "iris": ("mlserver_sklearn.SKLearnModel", {"uri": str(folder / "iris.joblib")}),
        "dot": ("serving.peers.by_mlserver.Dot", {}),
    }
    for model, (implementation, parameters) in kinds.items():
        home = folder / f"mlserver-{model}"
        home.mkdir()
        (home / "settings.json").write_text(json.dumps(settings))
        told = {"name": "model", "implementation": implementation, "parameters": parameters}
        (home / "model-settings.json").write_text(json.dumps(told))


def environment(arm: Arm, folder: Path, port: int, roots: Sequence[Path]) -> dict[str, str]:
    """Return the variables that a server is started with: one thread for whatever could take several."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("VIRTUAL_ENV", None)
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, roots)),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        "BENCH_ENGINE": arm.engine,
        "BENCH_MODELS": str(folder),
        "BENCH_PORT": str(port),
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(port),
        "MLSERVER_GRPC_PORT": str(port + 1),
        "MLSERVER_METRICS_PORT": str(port + 2),
        "BENTOML_DO_NOT_TRACK": "True",
        **arm.environment,
    }
