"""fetch as the process that kubelet starts, stops and kills."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from aiapp_models import contract
from aiapp_models.credentials import SecretValues
from aiapp_models.errors import Reason
from aiapp_models.manifest import content_digest, parse_sums
from aiapp_models.stores import open_store
from aiapp_serving import fetch
from aiapp_serving.fetch_settings import FetchSettings
from stand_ins.azurite import SUFFIX, Account, upload
from stand_ins.memory_store import FILES


@pytest.fixture
def termination_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(contract, "TERMINATION_LOG", str(log))
    return log


@pytest.fixture
def environment(blob_account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A fetch container of version 3 in a real blob store, with the Secret mounted as kubelet does it."""
    container = blob_account.container()
    upload(container, "digits/3", FILES)
    source = {"azureBlob": {"account": blob_account.name, "container": container.container_name, "path": "digits"}}
    secret = tmp_path / "secret"
    (secret / "..2026_11_23").mkdir(parents=True)
    (secret / "..2026_11_23" / "accountKey").write_text(blob_account.key)
    (secret / "..data").symlink_to("..2026_11_23")
    (secret / "accountKey").symlink_to("..data/accountKey")
    with open_store(source, SecretValues({"accountKey": blob_account.key}), blob_account.network) as store:
        digest = store.manifest("3").digest
    (tmp_path / "volume").mkdir()
    variables = {
        contract.ENV_MODEL_SOURCE: json.dumps(source),
        contract.ENV_MODEL_VERSION: "3",
        contract.ENV_MODEL_DIGEST: digest,
        contract.ENV_MODEL_DIR: str(tmp_path / "volume" / "model"),
        contract.ENV_CREDENTIALS_DIR: str(secret),
        contract.ENV_TRUST_BUNDLE: str(blob_account.ca_certificate),
        contract.ENV_LISTED_ENDPOINTS: f"{blob_account.name}{SUFFIX}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture(autouse=True)
def own_signals_and_umask() -> object:
    handler, umask = signal.getsignal(signal.SIGTERM), os.umask(0o022)
    yield
    signal.signal(signal.SIGTERM, handler)
    os.umask(umask)


def test_a_model_comes_from_a_real_store(
    environment: dict[str, str], termination_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch.main() == 0
    folder = Path(environment[contract.ENV_MODEL_DIR])
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    lines = parse_sums((folder / contract.SHA256SUMS).read_bytes(), "")
    assert content_digest(lines) == environment[contract.ENV_MODEL_DIGEST]
    assert termination_log.read_text() == ""
    assert "is complete" in capsys.readouterr().out


def test_a_rotated_secret_is_read_at_the_next_fetch(environment: dict[str, str], termination_log: Path) -> None:
    file = Path(environment[contract.ENV_CREDENTIALS_DIR], "..data", "accountKey")
    right = file.read_text()
    file.write_text("d3Jvbmc=")
    assert fetch.main() == fetch.EXIT_REFUSED
    assert termination_log.read_text().startswith("StoreForbidden: contosomodels/")
    file.write_text(right)
    assert fetch.main() == 0


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (contract.ENV_MODEL_DIGEST, "", Reason.SOURCE_INVALID),
        (contract.ENV_MODEL_DIGEST, "sha256:12", Reason.SOURCE_INVALID),
        (contract.ENV_MODEL_DIGEST, "sha256:" + "0" * 64, Reason.MODEL_CHANGED),
        (contract.ENV_MODEL_VERSION, "", Reason.SOURCE_INVALID),
        (contract.ENV_MODEL_VERSION, "4", Reason.MODEL_MISSING),
        (contract.ENV_MODEL_SOURCE, "{", Reason.SOURCE_INVALID),
        (contract.ENV_MODEL_SOURCE, "[]", Reason.SOURCE_INVALID),
        (contract.ENV_MODEL_SOURCE, '{"s3": {}}', Reason.SOURCE_INVALID),
        (contract.ENV_LISTED_ENDPOINTS, "", Reason.ENDPOINT_REFUSED),
        (contract.ENV_MODEL_SOURCE, '{"azureBlob": {"account": "a"}}', Reason.SOURCE_INVALID),
        (contract.ENV_CREDENTIALS_DIR, "/nowhere", Reason.SECRET_INVALID),
        (contract.ENV_TRUST_BUNDLE, "/nowhere", Reason.SOURCE_INVALID),
        (contract.ENV_MODEL_DIR, "/nowhere/model", Reason.FETCH_FAILED),
    ],
)
@pytest.mark.usefixtures("environment")
def test_what_is_wrong_is_the_containers_last_word(
    name: str, value: str, reason: Reason, termination_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert fetch.main() == fetch.EXIT_REFUSED
    assert termination_log.read_text().startswith(f"{reason}: ")


PREPARE = """
    import os, signal, sys
    from pathlib import Path
    from stand_ins.memory_store import FILES, MemoryStore
    from aiapp_serving.fetch import fetch
    from aiapp_serving.fetch_settings import FetchSettings

    volume = Path(sys.argv[1])
    store = MemoryStore(dict(FILES))
    settings = FetchSettings({}, "3", store.manifest("3").digest, volume / "model", None, None)
"""


def run_program(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = textwrap.dedent(PREPARE) + textwrap.dedent(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


KILL_AT_EVERY_TOUCH = """
whole = {**FILES}
def touches(event, arguments):
    return event in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.scandir"}

def die_at(moment):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        if touches(event, arguments):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

for moment in range(1, 1000):
    child = os.fork()
    if not child:
        die_at(moment)
        fetch(settings, store, lambda line: None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    model = volume / "model"
    if model.exists():
        assert {path: (model / path).read_bytes() for path in FILES} == FILES, moment
    fetch(settings, store, lambda line: None)
    assert [path.name for path in volume.iterdir()] == ["model"], moment
    for path in sorted(model.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    model.rmdir()
    if status == 0:
        print(moment - 1)
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


def test_a_kill_at_any_moment_leaves_no_half_model(tmp_path: Path) -> None:
    """Each child dies at its n-th touch of the volume; then a fetch on the same volume must make it whole."""
    result = run_program(KILL_AT_EVERY_TOUCH, str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) >= 15


@pytest.mark.parametrize("limit", [0, 1, 100, 4096, 16383])
def test_a_full_disk_is_named_and_left_clean(tmp_path: Path, limit: int) -> None:
    program = """
        import resource
        from aiapp_models.errors import SourceError
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
        try:
            fetch(settings, store, lambda line: None)
        except SourceError as error:
            sys.stdout.write(str(error))
    """
    result = run_program(program, str(tmp_path), str(limit))
    assert result.stdout.startswith("NoSpace: "), result.stderr
    assert list(tmp_path.iterdir()) == []


def test_sigterm_ends_it_at_once_and_clean(tmp_path: Path) -> None:
    program = """
        from aiapp_serving.fetch import _stop
        signal.signal(signal.SIGTERM, _stop)
        def term(path, number, data):
            yield data[:1]
            os.kill(os.getpid(), signal.SIGTERM)
            yield data[1:]
        store.on_read = term
        fetch(settings, store, lambda line: None)
    """
    result = run_program(program, str(tmp_path))
    assert result.returncode == 128 + signal.SIGTERM, result.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_secret_shows_in_the_settings(environment: dict[str, str], blob_account: Account) -> None:
    settings = FetchSettings.from_env(environment)
    credentials = settings.credentials()
    assert isinstance(credentials, SecretValues)
    assert credentials.values == {"accountKey": blob_account.key}
    assert blob_account.key not in repr(credentials)
    assert blob_account.key not in repr(settings)
