"""Lines leave in lots: in order, in one piece, none lost."""

import json
import threading
from queue import Queue

import pytest

from aiapp_serving import access_log
from aiapp_serving.access_log import LOT_BYTES, AccessLog

SOON = 30.0


def add(log: AccessLog, request_id: str) -> None:
    log.add(request_id, "POST", "/score", 200, 0.001, 12, None)


def ids(lots: list[bytes]) -> list[str]:
    return [json.loads(line)["id"] for line in b"".join(lots).splitlines()]


def test_a_line_leaves_by_itself_soon() -> None:
    written: Queue[bytes] = Queue()
    log = AccessLog(lambda: False, written.put)
    for name in ("first", "later"):
        add(log, name)
        assert ids([written.get(timeout=SOON)]) == [name]


def test_lots_are_of_whole_lines_that_a_pipe_takes_in_one_piece_and_in_order() -> None:
    written: list[bytes] = []
    log = AccessLog(lambda: False, written.append)
    names = [f"{number:05d}" for number in range(500)]
    for name in names:
        add(log, name)
    log.flush()
    assert ids(written) == names
    assert all(len(lot) <= LOT_BYTES and lot.endswith(b"\n") for lot in written)
    assert len(written) < len(names) / 10


def test_a_server_that_is_about_to_end_writes_each_line_at_once() -> None:
    written: list[bytes] = []
    log = AccessLog(lambda: True, written.append)
    add(log, "last")
    assert ids(written) == ["last"]


def test_while_stdout_takes_nothing_lines_are_bounded_and_requests_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MOST_WAITING", 3)
    flows, began = threading.Event(), threading.Event()
    written: list[bytes] = []

    def write(lot: bytes) -> None:
        began.set()
        assert flows.wait(SOON)
        written.append(lot)

    log = AccessLog(lambda: False, write)
    add(log, "0")
    assert began.wait(SOON)
    add(log, "1")
    add(log, "2")
    waiting = threading.Thread(target=add, args=(log, "3"))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    flows.set()
    waiting.join(SOON)
    log.flush()
    assert ids(written) == ["0", "1", "2", "3"]
