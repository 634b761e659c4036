"""The HTTP server: Granian, taught to leave without losing a request.

The parent gets the signals, its workers answer. On SIGTERM the parent tells the workers to close every connection after
its answer, waits for the clients to have moved, and only then closes the door. One worker loads the model itself and
answers probes meanwhile; of several, the parent loads it once before they fork, so that all share one copy.
"""

import gc
import logging
import mmap
import multiprocessing
import os
import resource
import signal
import socket
import threading
from functools import partial
from typing import Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import MPServer

from aiapp_serving.admission import MAX_READING, MAX_WAITING
from aiapp_serving.front import Front
from aiapp_serving.metrics import Metrics
from aiapp_serving.service import ScoringService, end_process
from aiapp_serving.settings import ServeSettings

LOG = logging.getLogger("aiapp.serve")
LINGER_SECONDS: Final = 3.0
"""How long requests are still accepted after SIGTERM; every kept-alive client that sends one is told to reconnect."""
DRAIN_LIMIT_SECONDS: Final = 40
"""How long a request that is being answered may take after that; pods live 60 s from their preStop on."""
SPARE_THREADS: Final = 32
"""Beside those that wait or whose bodies are coming: for probes, and for telling others to come again."""
HEADER_MILLISECONDS: Final = 10_000
"""For the headers of a request, and so how long a connection may be idle."""
CONNECTIONS: Final = 8192
"""Open at a time in each worker, idle ones too; more wait in the kernel's backlog until one ends."""


class DrainFlag:
    """One byte that parent and worker share: set once, never taken back."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Begin the drain, in both processes."""
        self._memory[0] = 1

    def is_set(self) -> bool:
        """Tell whether the drain has begun."""
        return self._memory[0] == 1


class DrainingServer(MPServer):
    """Lingers between SIGTERM and the end; Ctrl-C or a second SIGTERM ends at once."""

    def __init__(self, *args: Any, draining: DrainFlag, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._draining = draining

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Begin the drain, or end it."""
        if args[:1] == (signal.SIGTERM,) and not self._draining.is_set():
            self._draining.set()
            timer = threading.Timer(LINGER_SECONDS, super().signal_handler_interrupt)
            timer.daemon = True
            timer.start()
        else:
            super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]  # Granian has no hints there

    def shutdown(self, exit_code: int = 0) -> None:
        """End all workers; tell which one was killed: the container is then started anew, with all of them."""
        killed = [-code for worker in self.wrks if (code := worker.inner.exitcode) is not None and code < 0]
        if killed and not self.interrupt_signal:
            LOG.critical("a worker was ended by %s; so the server ends", signal.Signals(killed[0]).name)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]


def serve(settings: ServeSettings) -> None:
    """Answer requests until SIGTERM or SIGINT.

    Raises:
        SystemExit: 1, the worker ended by itself; its last word says why.
        OSError: the address cannot be listened on.
    """
    _check_address(settings.host, settings.port)
    _allow_open_files()
    multiprocessing.set_start_method("fork", force=True)  # the workers share the drain flag, and a model
    draining = DrainFlag()
    service = ScoringService(settings)
    if settings.workers > 1:
        _load_before_fork(service)
    server = DrainingServer(
        "aiapp",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=settings.workers,
        blocking_threads=settings.threads + MAX_WAITING + MAX_READING + SPARE_THREADS,
        backpressure=CONNECTIONS,
        workers_kill_timeout=DRAIN_LIMIT_SECONDS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        log_enabled=False,
        draining=draining,
    )
    LOG.info("listening on http://%s:%d", settings.host, settings.port)
    metrics = Metrics(settings.workers)
    server.serve(target_loader=partial(_worker_app, settings, service, draining, metrics), wrap_loader=False)


def _check_address(host: str, port: int) -> None:
    """Try the address alone: Granian shares its port (SO_REUSEPORT), and two servers would halve the requests."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _allow_open_files() -> None:
    """Take what the system gives: many shells and containers begin with 1,024, fewer than connections may be open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _load_before_fork(service: ScoringService) -> None:
    """Load in the parent; what Python's collector would write to stays as it is, so that no worker copies it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # the first process of a container has no other way to end
    service.load_in_background(end_process).join()
    gc.collect()
    gc.freeze()


def _worker_app(settings: ServeSettings, service: ScoringService, draining: DrainFlag, metrics: Metrics) -> Front:
    """Make the app in the worker, whose model begins to load unless it was loaded before."""
    os.setpgid(0, 0)  # Ctrl-C is for the parent, which ends the workers in order
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    if not service.ready:
        service.load_in_background(end_process)
    return Front(settings, service, draining.is_set, metrics.worker())


def _end_with_parent() -> None:
    """End this worker when its parent was killed: nobody could stop it, and its port would answer for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
