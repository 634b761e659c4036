"""Commands side by side: whose line is whose, how each ended, and what Ctrl-C does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.console import python_path
from tasks.lanes import Lane

NEEDS_A_MOMENT = """
import signal, sys
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("taken down", flush=True)
    sys.exit(3)
"""


def test_lines_of_commands_side_by_side_say_whose_they_are(capfd: pytest.CaptureFixture[str]) -> None:
    both = [Lane(name, [sys.executable, "-c", f"print('a {name}\\n\\nbye')"]) for name in ("unit", "cluster")]
    assert [lane.wait() for lane in both] == [0, 0]
    assert sorted(capfd.readouterr().out.splitlines()) == [
        "cluster  a cluster",
        "cluster  bye",
        "unit     a unit",
        "unit     bye",
    ]
    assert [lane.last_line for lane in both] == ["bye", "bye"]


def test_the_exit_status_is_the_commands(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("raise SystemExit(7)")
    assert Lane("fails", [sys.executable, tmp_path / "fails.py"]).wait() == 7


def test_ctrl_c_reaches_all_and_they_are_waited_for(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(NEEDS_A_MOMENT)
    program = (
        "import sys; from tasks.lanes import Lane\n"
        "lanes = [Lane(name, [sys.executable, sys.argv[1]]) for name in ('one', 'two')]\n"
        "print([lane.wait() for lane in lanes])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "one.py"],
        env=python_path(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert sorted(process.stdout.readline().split()[0] for _ in range(2)) == ["one", "two"]
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read().splitlines()
    assert sorted(rest) == ["[3, 3]", "one      taken down", "two      taken down"]


@pytest.mark.parametrize("colour", ["", "\\x1b[31m"])
def test_the_tests_that_failed_are_kept_to_be_named_again(colour: str) -> None:
    lines = f"{colour}FAILED tests/a.py::b - assert 1\\nERROR tests/c.py\\nFAILEDLY is no word\\n1 failed"
    lane = Lane("unit", [sys.executable, "-c", f"print('{lines}')"])
    assert lane.wait() == 0
    assert [failure.partition(" ")[2] for failure in lane.failures] == ["tests/a.py::b - assert 1", "tests/c.py"]
