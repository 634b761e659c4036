"""Fixtures of the tests that need a cluster: `kind_cluster`, on whichever backend this machine can run."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.backends import Choice, NoBackendError, Options, choose, open_cluster, this_machine, wanted_backend
from cluster.cache import Report
from cluster.protocol import CAPABILITIES, Cluster
from cluster.state import load
from cluster.toolchain import say


@dataclass
class Session:
    """What this run knows about its cluster. `used` is the backend that a test really got."""

    choice: Choice | None = None
    why_none: str = ""
    used: str = ""


SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cluster")
    group.addoption("--cluster-backend", help="auto, local, kind or context:NAME (default: $CLUSTER, else auto)")
    group.addoption("--require-backend", metavar="NAME", help="fail the run unless its tests used this backend")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SESSION] = Session()
    # A shell's background job ignores Ctrl-C, and with it every program that these tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "kind_cluster" not in getattr(item, "fixturenames", ()):
        return
    session = _decided(item.config)
    if session.choice is None:
        pytest.skip(session.why_none)
    for marker in item.iter_markers("needs"):
        for capability in marker.args:
            if capability not in CAPABILITIES:
                pytest.fail(f"no capability {capability!r}; there are {', '.join(CAPABILITIES)}")
            if capability not in session.choice.capabilities:
                pytest.skip(f"backend {session.choice.backend} lacks {capability}: {CAPABILITIES[capability]}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    required = session.config.getoption("require_backend")
    if required and exitstatus == pytest.ExitCode.OK and session.config.stash[SESSION].used != required:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    session = config.stash[SESSION]
    required = config.getoption("require_backend")
    if session.used and session.choice:
        terminalreporter.write_line(f"cluster: backend {session.used} ({session.choice.why})")
    elif session.why_none:
        terminalreporter.write_line(f"cluster: none. {session.why_none}")
    if required and session.used != required:
        terminalreporter.write_line(
            f"cluster: --require-backend {required} is not met: {session.used or 'no backend'} was used", red=True
        )
    skipped: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "?"
        skipped[reason] = skipped.get(reason, 0) + 1
    for reason, count in skipped.items():
        terminalreporter.write_line(f"skipped {count}: {reason}")


@pytest.fixture(scope="session")
def kind_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster with pytest-kind's surface. One that ran before is used and left running."""
    session = _decided(request.config)
    if session.choice is None:
        pytest.skip(session.why_none)
    keep = request.config.getoption("keep_cluster")
    name = _name(request.config, session.choice)
    before = load(name) if session.choice.backend == "local" else None
    report, options = _report(request.config), _options(request.config)
    cluster = open_cluster(session.choice, name, report, options, stays=keep)
    cluster.create()
    session.used = session.choice.backend
    yield cluster
    was_there = before is not None and before.running and before.owner is None
    if not keep and not was_there:
        cluster.delete()


def _decided(config: pytest.Config) -> Session:
    session = config.stash[SESSION]
    if session.choice is None and not session.why_none:
        try:
            session.choice = choose(wanted_backend(config.getoption("cluster_backend")), this_machine())
        except NoBackendError as error:
            # Only `auto` may come to nothing: who asked for a backend is to be told, not skipped.
            if wanted_backend(config.getoption("cluster_backend")) != "auto":
                raise pytest.UsageError(str(error)) from error
            session.why_none = str(error)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
    return session


def _name(config: pytest.Config, choice: Choice) -> str:
    """Return pytest-kind's --cluster-name; another one while a run beside this one has a local node of that name."""
    name: str = config.getoption("cluster_name")
    existing = load(name) if choice.backend == "local" else None
    return f"{name}-{os.getpid()}" if existing and existing.owned_by_another else name


def _options(config: pytest.Config) -> Options:
    def path(option: str) -> Path | None:
        value = config.getoption(option)
        return Path(value) if value else None

    return Options(path("kubeconfig"), config.getoption("kind_image"), path("kind_bin"), path("kind_kubectl_bin"))


def _report(config: pytest.Config) -> Report:
    """Show each line at once: a cluster takes seconds to start, its programs minutes to build."""
    capture = config.pluginmanager.get_plugin("capturemanager")

    def report(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            say(f"\n  {line}")

    return report
