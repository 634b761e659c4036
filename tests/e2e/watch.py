"""What a kind of object went through, as `kubectl get --watch` tells it: also what was over when somebody looked."""

import os
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from e2e.rig import Tenant


@contextmanager
def watch(tenant: Tenant, kind: str, jsonpath: str) -> Iterator[list[str]]:
    """Yield the lines that are printed, until the block ends, for every object of a kind and every change to one."""
    command = [str(tenant.cluster.kubectl_path), "-n", tenant.namespace, "get", kind, "--watch", "-o"]
    seen: list[str] = []
    with subprocess.Popen(
        [*command, f'jsonpath={jsonpath}{{"\\n"}}'],
        env={**os.environ, "KUBECONFIG": str(tenant.cluster.kubeconfig_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        reader = threading.Thread(target=_read, args=[process.stdout or (), seen], daemon=True)
        reader.start()
        try:
            yield seen
        finally:
            process.terminate()
            reader.join()


def _read(lines: Iterable[str], seen: list[str]) -> None:
    for line in filter(str.strip, lines):
        seen.append(line.strip())  # noqa: PERF401 - each at once, for whoever looks meanwhile
