"""Operators as `python -m aiapp_operator` runs them, each a process of its own, forked from one that has imported it.

`python -m proofs.operator_forks` reads lines of JSON: the environment of an operator, and under LOG the file that it
writes to. It answers each with the process id. The imports, two seconds of a core, are paid once and not per operator.
"""

import ctypes
import gc
import json
import os
import runpy
import signal
import sys
from typing import Final, NoReturn

import aiapp_operator.__main__  # noqa: F401 - what the operators would import otherwise

PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Fork until standard input ends; the operators end with this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the dead away
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    gc.freeze()
    print("ready", flush=True)
    parent = os.getpid()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _operate(json.loads(line), parent)
        print(pid, flush=True)


def _operate(environment: dict[str, str], parent: int) -> NoReturn:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(environment.pop("LOG"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["aiapp_operator"]
    runpy.run_module("aiapp_operator", run_name="__main__", alter_sys=True)
    os._exit(0)


if __name__ == "__main__":
    main()
