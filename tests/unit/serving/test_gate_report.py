"""The report: whole JSON within 4,096 bytes whatever an app says, and no secret in it."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiapp_serving.gate.cases import Case, Expectation, Origin, Request
from aiapp_serving.gate.masks import secrets_mask
from aiapp_serving.gate.outcome import CaseResult, Comparison, Outcome, Reason, Result
from aiapp_serving.gate.report import MAX_REPORT_BYTES, render
from aiapp_serving.gate.versions import Expected

NO_SECRETS = secrets_mask({})
RELEASE = Expected(f"sha256:{'1a' * 32}", "42", f"sha256:{'2b' * 32}")
OURS = {"revision": 3, "image": "sha256:1", "model": {"version": "42", "digest": None}, "runtime": "aiapp/0.1.0"}


def result(name: str, reason: Reason = Reason.NONE, message: str = "") -> CaseResult:
    case = Case(name, Origin.MODEL, Request("/score", "POST", b"", ""), Expectation())
    return CaseResult(case, reason, message, 0.01234)


def rendered(outcome: Outcome, mask: Any = NO_SECRETS) -> dict[str, Any]:
    content = render(outcome, RELEASE, mask)
    assert len(content) <= MAX_REPORT_BYTES
    document: dict[str, Any] = json.loads(content)
    return document


def test_all_that_is_known_is_told() -> None:
    results = (result("one"), result("two", Reason.CASE_FAILED, "is 1, expected 2"))
    comparison = Comparison(50, 1, 0.0125, "1 of 50 compared answers differ from what serves now: one")
    outcome = Outcome(Result.FAILED, Reason.CASE_FAILED, "1 of 2 cases failed", 1.23, results, OURS, comparison)
    assert rendered(outcome) == {
        "result": "Failed",
        "reason": "CaseFailed",
        "message": "1 of 2 cases failed",
        "cases": [
            {
                "name": "two",
                "from": "model",
                "ok": False,
                "ms": 12.3,
                "reason": "CaseFailed",
                "message": "is 1, expected 2",
            },
            {"name": "one", "from": "model", "ok": True, "ms": 12.3},
        ],
        "model": {"version": "42", "digest": RELEASE.model_digest},
        "app": OURS,
        "comparison": {
            "result": "Compared",
            "compared": 50,
            "flips": 1,
            "agreement": "98.0%",
            "latencyDeltaMs": 12.5,
            "message": "1 of 50 compared answers differ from what serves now: one",
        },
        "seconds": 1.2,
    }


def test_a_strangers_app_and_nothing_to_compare_with_are_left_out() -> None:
    told = rendered(Outcome(Result.PASSED, Reason.NONE, "3 of 3 cases passed", 1))
    assert "app" not in told
    assert "comparison" not in told
    assert told["reason"] == ""


def test_of_many_cases_the_failing_ones_are_kept_and_the_rest_is_counted() -> None:
    results = [result(f"case-{i}") for i in range(900)]
    results[777] = result("culprit", Reason.FLAPPING, "right 1 of 3 times")
    told = rendered(Outcome(Result.FAILED, Reason.FLAPPING, "x", 1, tuple(results)))
    assert told["cases"][0]["name"] == "culprit"
    assert [one["ok"] for one in told["cases"]] == [False] + [True] * (len(told["cases"]) - 1)
    assert len(told["cases"]) > 40
    assert len(told["cases"]) + told["omitted"] == 900


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=200) | st.sampled_from(["\0" * 800, '"' * 800, "😀" * 800])
RESULTS = st.builds(result, HOSTILE, st.sampled_from(list(Reason)), HOSTILE)
APPS = st.none() | st.fixed_dictionaries(
    {
        "revision": st.integers() | HOSTILE,
        "image": HOSTILE | st.none() | st.lists(st.integers()),
        "model": st.fixed_dictionaries({"version": HOSTILE, "digest": HOSTILE}),
        "runtime": HOSTILE,
    }
)
COMPARISONS = st.none() | st.builds(
    Comparison, st.integers(1, 1000), st.integers(0, 1), st.floats(-60, 60), HOSTILE, st.booleans()
)


@settings(deadline=None)  # of bytes, not of time
@given(message=HOSTILE, results=st.lists(RESULTS, max_size=20), app=APPS, comparison=COMPARISONS)
def test_a_report_is_whole_json_within_its_bounds_whatever_is_said(
    message: str, results: list[CaseResult], app: dict[str, Any] | None, comparison: Comparison | None
) -> None:
    outcome = Outcome(Result.FAILED, Reason.CASE_FAILED, message, 1e6, tuple(results), app, comparison)
    told = rendered(outcome)
    assert len(told["cases"]) + told.get("omitted", 0) == len(results)
    oks = [one["ok"] for one in told["cases"]]
    assert oks == sorted(oks)


SECRET = "pässword/7 of\nthe house"
ENV = {"AIAPP_GATE_MASKED": "DB_PASSWORD, API,FLAG,GONE", "DB_PASSWORD": SECRET, "API": "tr0ub4dor", "FLAG": "on"}
MASKING = secrets_mask(ENV)


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        "pässword/7 of",
        "the house",
        "p%C3%A4ssword%2F7%20of%0Athe%20house",
        "p\\u00e4ssword/7 of\\nthe house",
        base64.b64encode(SECRET.encode()).decode(),
        "tr0ub4dor",
        "Bearer eyJhbGciOi.x.y",
        "password=hunter2",
    ],
)
def test_secrets_are_nowhere_in_a_report(said: str) -> None:
    app = {**OURS, "image": f"echo {said}", "model": {"version": said, "digest": said}}
    results = (result(f"x {said}", Reason.CASE_FAILED, f"the answer is {said}!"),)
    comparison = Comparison(message=f"odd: {said}", skipped=True)
    told = json.dumps(
        rendered(Outcome(Result.FAILED, Reason.CASE_FAILED, said, 1, results, app, comparison), MASKING),
        ensure_ascii=False,
    )
    for secret in (said, "ssword/7", "the house", "tr0ub4dor", "eyJhbGciOi", "hunter2"):
        assert secret not in told
    assert "***" in told


@pytest.mark.parametrize(
    "said",
    [
        "p%c3%a4ssword%2f7+of%0athe+house",
        "p%C3%A4ssword/7%20of",
        json.dumps({"detail": json.dumps({"said": SECRET})}),
        base64.urlsafe_b64encode(b"<p&ss?>\xc3\xbf~~~'quoted'").decode(),
        "&lt;p&amp;ss?&gt;\xff~~~&#x27;quoted&#x27;",
        "&lt;p&amp;ss?&gt;\xff~~~'quoted'",
    ],
)
def test_a_secret_is_known_in_the_form_that_a_program_gives_it(said: str) -> None:
    mask = secrets_mask(ENV | {"FLAG": "<p&ss?>\xff~~~'quoted'"})
    told = mask(f"x {said} y")
    assert "***" in told
    for part in ("ssword", "PHAmc3M", "ss?", "quoted"):
        assert part not in told


@pytest.mark.parametrize("shown", range(4, len("tr0ub4dor and three")))
def test_an_answer_that_is_cut_within_a_secret_does_not_show_its_beginning(shown: int) -> None:
    mask = secrets_mask(ENV | {"API": "tr0ub4dor and three"})
    secret = "tr0ub4dor and three"[:shown]
    assert mask(f"the answer is {secret}..., expected 7... or 8") == "the answer is ***..., expected 7... or 8"


def test_a_megabyte_is_not_looked_through() -> None:
    told = MASKING("key" * 333_333)
    assert len(told) < 4096


def test_what_is_too_short_for_a_secret_is_left_in_every_other_word() -> None:
    assert MASKING("one of 3 depends on it") == "one of 3 depends on it"


def test_digests_stay_readable() -> None:
    assert NO_SECRETS(f"its image is {RELEASE.image}") == f"its image is {RELEASE.image}"
