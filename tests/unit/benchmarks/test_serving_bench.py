"""The benchmark of serving counts right answers only and judges what it says; the figures are for `make bench`."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from serving import arms, batching, requests
from serving.load import Sample
from serving.plot import bars, colour
from serving.report import Cell, Figures, Goal, goals, ratio, ratios, table, verdicts
from serving.rounds import drift
from serving.servers import Memory

ROWS = np.array([[1.5, 2.0], [3.0, 4.0]], np.float32)
TENSOR = {"name": "label", "shape": [2], "datatype": "FP32"}


def json_of(data: object) -> bytes:
    return json.dumps({"outputs": [{**TENSOR, "data": data}]}).encode()


def test_a_json_answer_counts_only_with_the_right_status_and_numbers() -> None:
    request = requests.v2_json("/infer", "rows", ROWS, (1.0, 2.0))
    assert json.loads(request.body)["inputs"] == [
        {"name": "rows", "shape": [2, 2], "datatype": "FP32", "data": [1.5, 2.0, 3.0, 4.0]}
    ]
    assert request.problem(200, {}, json_of([1.0, 2.0001])) is None
    assert request.problem(200, {}, json_of([[1.0], [2.0]])) is None
    for status, body in (
        (503, json_of([1.0, 2.0])),
        (200, json_of([1.0, 2.1])),
        (200, json_of([1.0])),
        (200, b"{}"),
        (200, b"not JSON"),
        (200, json_of([1.0, None])),
    ):
        assert request.problem(status, {}, body), body


def test_a_binary_request_says_where_its_numbers_begin_and_takes_an_answer_that_does() -> None:
    request = requests.v2_binary("/infer", "rows", ROWS, (1.0, 2.0))
    begins = int(request.headers[requests.LENGTH])
    assert json.loads(request.body[:begins])["inputs"][0]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(request.body[begins:], "<f4").tolist() == [1.5, 2.0, 3.0, 4.0]
    raw = np.array([1.0, 2.0], "<f4").tobytes()
    told = {requests.LENGTH.lower(): "2"}
    assert request.problem(200, told, b"{}" + raw) is None
    assert request.problem(200, {}, b"{}" + raw)
    assert request.problem(200, told, b"{}" + raw[:4])


def test_an_echo_of_other_bytes_is_seen() -> None:
    request = requests.echoed(b"\x01\x02\x03", {})
    assert request.problem(200, {}, b"\x01\x02\x03") is None
    assert request.problem(200, {}, b"\x01\x02\x04")
    assert request.problem(200, {}, b"\x01\x02")


def cell(*per_second: float, p50: float = 1.0, p99: float = 2.0) -> Cell:
    return Cell(tuple(Sample(rate, p50, p99, 10.0) for rate in per_second))


def arm(cells: Mapping[str, Cell], start: float = 1.0) -> Figures:
    return Figures({(payload, 16): one for payload, one in cells.items()}, (start,), (Memory(100.0, 80.0),))


def measured() -> dict[str, Figures]:
    """Return figures of a run in which every goal is met, each by less than a tenth."""
    results = {name: arm({arms.IRIS: cell(1000, p50=15.0)}, 2.0) for name in arms.FRAMEWORKS}
    results |= {
        arms.OURS: arm({arms.IRIS: cell(10_500)}),
        arms.OURS_SKLEARN: arm({arms.IRIS: cell(4100)}),
        arms.OURS_DOT: arm({arms.BIG_JSON: cell(250), arms.BIG_RAW: cell(8200)}),
        arms.FASTAPI: arm({arms.IRIS: cell(3100, p50=4.0)}, 2.5),
        arms.FASTAPI_ONNX: arm({arms.IRIS: cell(3400, p50=2.1)}, 2.2),
        arms.FASTAPI_DOT: arm({arms.BIG_JSON: cell(320), arms.BIG_RAW: cell(4000)}),
        arms.ECHO: arm({arms.IRIS: cell(13_000), arms.BIG_RAW: cell(10_000)}),
        arms.BARE: arm({arms.IRIS: cell(12_000)}),
    }
    return results


def test_every_goal_is_met_where_each_figure_is_just_within() -> None:
    judged = goals(measured(), 499.0, 300.0)
    assert [goal.words for goal in judged if not goal.met] == []
    assert len(judged) == 16


@pytest.mark.parametrize(
    ("name", "payload", "rate", "words"),
    [
        (arms.OURS, arms.IRIS, 9_900.0, "x mlserver, ours packed"),
        (arms.OURS, arms.IRIS, 10_100.0, "x FastAPI + orjson, same ONNX"),
        (arms.OURS_SKLEARN, arms.IRIS, 3_900.0, "x litserve, both"),
        (arms.OURS_DOT, arms.BIG_RAW, 7_990.0, "x the best JSON arm (FastAPI + orjson, dot)"),
        (arms.ECHO, arms.BIG_RAW, 10_300.0, "of bare granian echo, binary"),
        (arms.ECHO, arms.IRIS, 13_200.0, "of bare granian echo, iris"),
    ],
)
def test_a_figure_beyond_its_limit_misses_its_goal(name: str, payload: str, rate: float, words: str) -> None:
    results = measured()
    cells = {key: one for (key, _), one in results[name].cells.items()}
    results[name] = arm({**cells, payload: cell(rate)})
    assert any(goal.words.startswith(words) and not goal.met for goal in goals(results, 499.0, 300.0))


def test_start_memory_and_the_slowest_answers_are_judged_too() -> None:
    results = measured()
    results[arms.OURS] = arm({arms.IRIS: cell(10_500, p99=2.2)}, 1.1)
    missed = {goal.words for goal in goals(results, 506.0, 300.0) if not goal.met}
    assert {words.split()[0] for words in missed} == {"p99", "MiB", "of"}


def test_a_ratio_is_of_rounds_that_stood_side_by_side() -> None:
    results = {"ours": arm({"p": cell(100, 300)}), "peer": arm({"p": cell(10, 300)})}
    assert ratio(results, "ours", "peer", "p") == pytest.approx(5.5)
    assert ratios(measured())[arms.BIG_RAW] == {arms.FASTAPI_DOT: 2.05, arms.ECHO: 0.82}


def test_the_table_fits_a_page_and_names_every_arm() -> None:
    lines = table(measured())
    assert max(map(len, lines)) <= 100
    assert all(any(name in line for line in lines) for name in measured())
    said = verdicts([Goal("w", 2.0, True, 1.0, "why"), Goal("v", 2.0, False, 1.0, "unsaid")])
    assert [line.split()[0] for line in said] == ["MISSED", "limit:", "met"]


def test_the_picture_shows_the_fastest_first_and_tells_ours_apart() -> None:
    assert [name for name, _ in bars(measured(), arms.BIG_RAW)] == [arms.ECHO, arms.OURS_DOT, arms.FASTAPI_DOT]
    assert len({colour(arms.OURS), colour(arms.ECHO), colour("mlserver")}) == 3


def test_one_slow_turn_in_thirty_is_no_drift_but_a_tenth_of_them_is() -> None:
    assert drift([1.0] * 30 + [2.0]) == 0
    assert drift([1.0] * 8 + [1.5] * 2) == pytest.approx(0.5)


def test_who_waits_gets_the_result_of_its_own_row() -> None:
    with batching.gathering(lambda rows: rows * 2) as gatherer:
        assert [gatherer(np.array([[number]])).tolist() for number in range(40)] == [[[2 * n]] for n in range(40)]
