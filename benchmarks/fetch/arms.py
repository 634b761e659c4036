"""`python -m fetch.arms ARM TASK`: one arm fetches one model in a process of its own and prints what it took."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fetch.objects import CONTAINER, MIB, VERSION

CONNECTIONS: Final = 16
CHUNK: Final = 8 * MIB
ACCOUNT: Final = "contosomodels"


@dataclass(frozen=True, slots=True)
class Task:
    """What to fetch.

    address: of the server. authority: PEM file for https, or empty. path: the model's folder. files: sizes by name.
    """

    address: str
    authority: str
    path: str
    digest: str
    files: Mapping[str, int]
    folder: str

    def blob(self, name: str) -> str:
        return f"{self.path}/{VERSION}/{name}"


Fetch = Callable[[], None]


def ours(task: Task) -> Fetch:
    """The init container's own main, told by its environment as the operator does."""
    from aiapp_models import contract  # noqa: PLC0415 - an arm loads its own packages only
    from aiapp_serving import fetch  # noqa: PLC0415

    source = {"account": ACCOUNT, "container": CONTAINER, "path": task.path, "endpoint": task.address}
    os.environ |= {
        contract.ENV_MODEL_SOURCE: json.dumps({"azureBlob": source}),
        contract.ENV_MODEL_VERSION: VERSION,
        contract.ENV_MODEL_DIGEST: task.digest,
        contract.ENV_MODEL_DIR: str(Path(task.folder, "model")),
        contract.ENV_LISTED_ENDPOINTS: task.address,
        contract.ENV_TRUST_BUNDLE: task.authority,
    }

    def run() -> None:
        if status := fetch.main():
            raise SystemExit(status)

    return run


def kserve(task: Task) -> Fetch:
    """KServe's storage initializer; its account's address is the one thing replaced."""
    from azure.storage.blob import aio  # noqa: F401, PLC0415 - loaded by it at its first download
    from kserve_storage import Storage  # noqa: PLC0415

    folder = f"{task.path}/{VERSION}"
    Storage._parse_azure_uri = staticmethod(lambda _: (ACCOUNT, task.address, CONTAINER, folder))  # noqa: SLF001
    Storage._get_azure_storage_token = staticmethod(lambda: None)  # noqa: SLF001 - else it asks a metadata service
    uri = f"https://{ACCOUNT}.blob.core.windows.net/{CONTAINER}/{folder}"
    os.environ["SSL_CERT_FILE"] = task.authority or os.devnull

    def run() -> None:
        Storage.download(uri, task.folder)

    return run


def sdk(task: Task) -> Fetch:
    """azure-storage-blob as its documentation shows it."""
    service = _service(task)

    def run() -> None:
        for name in task.files:
            _readinto(service, task, name, 1)

    return run


def sdk_parallel(task: Task) -> Fetch:
    """The same with all that it offers: 16 connections for a large blob, 16 blobs at a time."""
    service = _service(task, max_single_get_size=CHUNK, max_chunk_get_size=CHUNK)
    within = CONNECTIONS if len(task.files) == 1 else 1

    def run() -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda name: _readinto(service, task, name, within), task.files))

    return run


def obstore(task: Task) -> Fetch:
    """Ranges by obstore from 16 threads, written in place."""
    from obstore import get_range  # noqa: PLC0415
    from obstore.store import AzureStore  # noqa: PLC0415

    options = {"allow_http": True, "allow_invalid_certificates": True}
    store = AzureStore(
        CONTAINER, account_name=ACCOUNT, endpoint=task.address, skip_signature=True, client_options=options
    )

    def part(name: str, start: int, length: int) -> None:
        data = get_range(store, task.blob(name), start=start, length=length)
        descriptor = os.open(Path(task.folder, name), os.O_WRONLY | os.O_CREAT)
        os.pwrite(descriptor, data, start)
        os.close(descriptor)

    def run() -> None:
        parts = [
            (name, start, min(CHUNK, size - start))
            for name, size in task.files.items()
            for start in range(0, size, CHUNK)
        ]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda arguments: part(*arguments), parts))

    return run


ARMS: Final[dict[str, Callable[[Task], Fetch]]] = {
    "ours": ours,
    "kserve-storage": kserve,
    "azure-storage-blob": sdk,
    "azure-storage-blob x 16": sdk_parallel,
    "obstore x 16": obstore,
}


def _service(task: Task, **settings: Any) -> Any:
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415

    return BlobServiceClient(task.address, connection_verify=task.authority or True, **settings)


def _readinto(service: Any, task: Task, name: str, connections: int) -> None:
    blob = service.get_blob_client(CONTAINER, task.blob(name))
    with Path(task.folder, name).open("wb") as file:
        blob.download_blob(max_concurrency=connections).readinto(file)


def _memory_mib(line: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{line}:")[2].split()[0]) / 1024


def main(arm: str, text: str) -> None:
    """Print seconds, CPU seconds, and the peak of memory over what the process had when it began."""
    run = ARMS[arm](Task(**json.loads(text)))
    before, idle = resource.getrusage(resource.RUSAGE_SELF), _memory_mib("VmRSS")
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    taken = {"seconds": seconds, "cpu_seconds": used, "rss_mib": _memory_mib("VmHWM") - idle}
    sys.stdout.write(f"\n{json.dumps(taken)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
