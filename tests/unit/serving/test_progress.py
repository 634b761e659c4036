"""A download says how far it is, and notices when next to nothing comes."""

import pytest

from aiapp_serving.progress import Progress, progress_line

MIB = 1024 * 1024


def test_a_line_every_five_seconds_with_rate_and_time_left() -> None:
    lines: list[str] = []
    progress = Progress(100 * MIB, lines.append, 0.0)
    for second in range(1, 12):
        assert not progress.look(second * 2 * MIB, float(second))
    assert lines == ["10.0 MiB of 100.0 MiB, 2.0 MiB/s, 45 s left", "20.0 MiB of 100.0 MiB, 2.0 MiB/s, 40 s left"]


@pytest.mark.parametrize(("done", "stalled"), [(0, True), (60 * 64 * 1024 - 1, True), (60 * 64 * 1024, False)])
def test_a_minute_with_next_to_nothing_is_an_end(done: int, stalled: bool) -> None:
    progress = Progress(100 * MIB, print, 0.0)
    assert not progress.look(done, 59.0)
    assert progress.look(done, 60.0) is stalled


def test_a_download_whose_bytes_are_all_there_may_take_its_time_to_hash() -> None:
    progress = Progress(MIB, print, 0.0)
    assert not progress.look(MIB, 1.0)
    assert not any(progress.look(MIB, 61.0 * minute) for minute in range(1, 5))


def test_without_a_rate_there_is_no_time_left_to_say() -> None:
    assert progress_line(0, MIB, 0.0) == "0.0 MiB of 1.0 MiB, 0.0 MiB/s, waiting"
