"""`python -m aiapp_serving.fetch`: the init container that brings one model version onto the pod's volume.

Exit status: 0 the model is there, 75 trying again later may help, 1 somebody must act; the termination message says who
and how.
"""

import os
import signal
import sys
import time
from typing import Final, NoReturn

from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import cut
from aiapp_models.stores import ModelStore, open_store
from aiapp_serving import model_folder
from aiapp_serving.download import download
from aiapp_serving.fetch_settings import FetchSettings
from aiapp_serving.model_folder import mebibytes
from aiapp_serving.progress import Report
from aiapp_serving.termination import leave_last_word

EXIT_REFUSED: Final = 1
EXIT_TRY_AGAIN: Final = 75
TRIES: Final = 2
"""Of the manifest, where a file was replaced meanwhile; further tries are kubelet's, with its back-off."""


def main() -> int:
    """Fetch what the environment names; return the exit status."""
    signal.signal(signal.SIGTERM, _stop)  # the first process of a container gets no default action
    os.umask(0o022)
    try:
        settings = FetchSettings.from_env(os.environ)
        with open_store(settings.source, settings.credentials(), settings.network()) as store:
            fetch(settings, store, say)
    except SourceError as error:
        say(str(error))
        leave_last_word(error)
        return EXIT_TRY_AGAIN if error.transient else EXIT_REFUSED
    return 0


def fetch(settings: FetchSettings, store: ModelStore, report: Report) -> None:
    """Put the model version into place, whole and checked, or leave nothing.

    Raises:
        SourceError: see ModelStore; and ModelCorrupt, ModelChanged, NoSpace, FetchFailed.
    """
    target = settings.model_dir
    volume = target.parent
    with model_folder.disk_errors_in_words(volume):
        model_folder.remove_leftovers(volume)
        if settings.digest and model_folder.holds(target, settings.digest):
            report(f"{target} already holds {settings.digest}")
            return
        model_folder.remove_tree(target)
        for attempt in range(1, TRIES + 1):
            try:
                _fetch_once(settings, store, report)
                return
            except SourceError as error:
                if attempt == TRIES or error.reason is not Reason.MODEL_CHANGED or not error.transient:
                    raise
                report(f"{error}; looking again")


def say(line: str) -> None:
    """Print one line at once."""
    print(f"fetch: {line}", flush=True)


def _fetch_once(settings: FetchSettings, store: ModelStore, report: Report) -> None:
    manifest = store.manifest(settings.version)
    where = store.locate(settings.version)
    if settings.digest not in {manifest.digest, ""}:  # empty: of a claim, which the operator cannot read
        problem = f"{where}: the release is of {settings.digest}, SHA256SUMS now gives {manifest.digest}"
        raise SourceError(Reason.MODEL_CHANGED, f"{problem}; upload each version under a name of its own")
    volume = settings.model_dir.parent
    model_folder.check_space(volume, manifest.size_bytes)
    report(f"{where}: {len(manifest.files)} files, {mebibytes(manifest.size_bytes)}, {manifest.digest}")
    for path in manifest.unlisted[:10]:
        report(f"{cut(path)} is not in SHA256SUMS and is left out")
    started = time.monotonic()
    with model_folder.staging_folder(volume) as staging:
        download(store, manifest, staging, report)
        model_folder.publish(staging, settings.model_dir, manifest)
    report(f"{settings.model_dir} is complete after {time.monotonic() - started:.1f} s")


def _stop(*_: object) -> NoReturn:
    """End as SIGTERM asks, through the `finally`s that remove what is half done."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
