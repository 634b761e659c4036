"""A packed model is served by the bare serving base: nobody writes code or builds an image."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

import pack
import score
import train
from aiapp_models.contract import HEADER_IMAGE, HEADER_MODEL, HEADER_REVISION
from aiapp_packing import Packed
from aiapp_packing.__main__ import main
from cluster.protocol import Cluster
from e2e.rig import CONTAINER, App, Tenant

pytestmark = pytest.mark.needs("pods", "push-image", "s3")

VERSION: Final = "4"
ASKED: Final = 20
"""Pictures; all 500 have been compared when the model was packed."""
# A node learns a new Service late, so the first question waits for it; what answers is taken as it is.
ASK: Final = """
import json, sys, time, urllib.error, urllib.request
def ask(path, body):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(sys.argv[1] + path, data, {"Content-Type": "application/json"} if data else {})
    for pause in (0.5, 1, 2, 4, 8, 0):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return {k.lower(): v for k, v in response.headers.items()}, response.read().decode()
        except urllib.error.URLError as error:
            if not pause or not isinstance(error.reason, OSError):
                raise
            time.sleep(pause)
print(json.dumps([ask(path, body) for path, body in json.loads(sys.argv[2])]))
"""


@pytest.fixture(scope="module")
def classifier() -> Any:
    return pack.pipeline()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, classifier: Any) -> Packed:
    return pack.write(classifier, tmp_path_factory.mktemp("packed") / VERSION)


@pytest.fixture(scope="module")
def app(tenant: Tenant, packed: Packed) -> Iterator[App]:
    """The serving base itself with the packed digits model, which `aiapp-model push` brought to the S3 server."""
    s3 = tenant.cluster.s3
    path = f"{tenant.namespace}/packed"
    _push(tenant.cluster, packed.folder, path)
    keys = {"accessKeyId": s3.access_key_id, "secretAccessKey": s3.secret_access_key}
    literals = [f"--from-literal={key}={value}" for key, value in keys.items()]
    tenant.kubectl("create", "secret", "generic", "packed", *literals)
    store = {"bucket": CONTAINER, "path": path, "region": s3.region, "endpoint": s3.endpoint}
    source = {"s3": store, "credentials": {"secretRef": {"name": "packed"}}}
    app = App(tenant, "packed")
    app.apply(tenant.deployed.serving, None, modelVersion=VERSION, modelSource=source)
    app.wait("UpToDate")
    yield app
    tenant.kubectl("delete", "aiapp", app.name, "--wait=false")


def test_it_was_released_by_the_golden_cases_that_packing_wrote(app: App, packed: Packed) -> None:
    assert packed.cases == 2 * len(train.LABELS)
    (gate,) = [event for event in app.events() if "cases passed" in event]
    assert f"{packed.cases} of {packed.cases} cases passed" in gate


def test_v2_and_score_give_the_labels_of_the_app_that_has_code(app: App, classifier: Any) -> None:
    pictures = train.held_out()[0][:ASKED]
    network = classifier[-1]
    of_code = score.Model(train.LABELS, tuple(zip(network.coefs_, network.intercepts_, strict=True)))
    best = of_code.percentages(pictures).argmax(axis=1).tolist()
    rows = pictures.reshape(ASKED, -1).tolist()
    tensor = {"name": "input", "datatype": "FP32", "shape": [ASKED, 64], "data": rows}
    infer = "/v2/models/digits/infer"
    answers = _asked(app, {infer: {"inputs": [tensor]}, "/score": {"input": rows}, "/v2/models/digits": None})
    v2, scored, about = (json.loads(body) for _, body in answers.values())
    outputs = {output["name"]: output for output in v2["outputs"]}
    assert outputs["label"]["data"] == best
    assert outputs["probabilities"]["shape"] == [ASKED, len(train.LABELS)]
    assert v2["model_version"] == VERSION
    assert scored["result"] == [train.LABELS[digit] for digit in best]
    assert (about["name"], about["platform"]) == ("digits", "onnx_onnxv1")


def test_it_says_what_answers_and_describes_itself(app: App, packed: Packed) -> None:
    answers = _asked(app, dict.fromkeys(("/version", "/openapi.json", "/docs")))
    digest = app.tenant.deployed.serving.partition("@")[2]
    headers, version = answers["/version"][0], json.loads(answers["/version"][1])
    assert {name: headers[name.lower()] for name in (HEADER_REVISION, HEADER_IMAGE, HEADER_MODEL)} == {
        HEADER_REVISION: str(version["revision"]),
        HEADER_IMAGE: digest,
        HEADER_MODEL: f"{VERSION}@{packed.digest}",
    }
    assert (version["image"], version["model"]) == (digest, {"version": VERSION, "digest": packed.digest})
    described = json.loads(answers["/openapi.json"][1])
    assert (described["info"]["title"], "/v2/models/{model}/infer" in described["paths"]) == ("digits", True)
    headers, page = answers["/docs"]
    assert headers["content-type"].startswith("text/html")
    assert "</html>" in page


def _push(cluster: Cluster, folder: Path, path: str) -> None:
    s3 = cluster.s3
    client = cluster.s3_client()  # type: ignore[attr-defined]
    if not client.bucket_exists(CONTAINER):
        client.make_bucket(CONTAINER)
    where = ("--endpoint", s3.host_endpoint, "--region", s3.region)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key)
        patch.setenv("SSL_CERT_FILE", str(cluster.ca_certificate))
        assert main(["push", str(folder), f"s3://{CONTAINER}/{path}", VERSION, *where]) == 0


def _asked(app: App, questions: Mapping[str, object]) -> dict[str, tuple[dict[str, str], str]]:
    """Ask the Service, from a pod; return headers and body by path."""
    given = json.dumps(list(questions.items()))
    words = app.tenant.kubectl("exec", "client", "--", "python", "-c", ASK, f"http://{app.name}", given)
    return dict(zip(questions, map(tuple, json.loads(words)), strict=True))
