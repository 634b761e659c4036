"""What the API server lets in of a schedule and of a golden case is what operator and gate can read."""

import json

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from aiapp_operator.api.release import CRON, TIME_ZONE
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.release.schedules import ScheduleError, parse_cron, zone_names
from aiapp_serving.gate.cases import Origin, parse_cases
from inputs.case import Accepted, patched
from inputs.release import ACCEPTED_RELEASES, CRONS

WITH_CASES = [case for case in ACCEPTED_RELEASES if case.patch.get("spec.release.gate.cases")]


def wrong_with(cron: str) -> str:
    """What the operator says against it; empty: nothing."""
    try:
        parse_cron(cron)
    except ScheduleError as error:
        return str(error)
    return ""


BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = ((), (), ("L", "LW"), ("JAN", "dec"), ("MON", "sun", "5L", "FRI#2"))


def field(bounds: tuple[int, int], names: tuple[str, ...]) -> st.SearchStrategy[str]:
    """One field of crontab(5): names, numbers, ranges and steps, in bounds."""
    number = st.integers(*bounds)
    span = st.tuples(number, number).map(lambda pair: "-".join(map(str, sorted(pair))))
    term = st.one_of(st.just("*"), number.map(str), span)
    step = st.tuples(term, st.integers(1, 99)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.lists(st.one_of(term, step, *map(st.just, names)), min_size=1, max_size=3).map(",".join)


EVERY_MONTH_HAS = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 7))
CRON_FIELDS = st.tuples(*map(field, EVERY_MONTH_HAS, NAMES)).map(list)


@pytest.mark.parametrize("cron", CRONS)
def test_a_cron_of_every_form_can_be_read(cron: str) -> None:
    assert re2.search(CRON, cron)
    parse_cron(cron)


@given(CRON_FIELDS)
def test_a_cron_in_its_bounds_is_let_in_and_read_unless_it_never_comes(fields: list[str]) -> None:
    cron = " ".join(fields)
    assert re2.search(CRON, cron)
    assert "never fires" in (wrong_with(cron) or "never fires")


@given(CRON_FIELDS, st.integers(0, 4), st.integers(1, 40))
def test_a_number_out_of_its_bounds_is_told_at_once(fields: list[str], place: int, beyond: int) -> None:
    fields[place] += f",{BOUNDS[place][1] + beyond}"
    assert not re2.search(CRON, " ".join(fields))


def test_no_time_zone_is_refused_by_its_form() -> None:
    assert [name for name in zone_names() if not re2.search(TIME_ZONE, name)] == []


@pytest.mark.parametrize("case", WITH_CASES, ids=lambda case: case.id)
def test_the_gate_reads_every_case_of_a_spec(case: Accepted) -> None:
    body = patched(case.patch) | {"metadata": {"name": "digits", "namespace": "vision"}}
    cases = AIApp.parse(body).spec.release.gate.cases
    sent = json.dumps([one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in cases])
    assert [read.name for read in parse_cases(sent.encode(), Origin.SPEC, "cases.json")] == [one.name for one in cases]
