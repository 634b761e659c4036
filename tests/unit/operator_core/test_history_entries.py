"""What became of the releases, and what each of them changed."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aiapp_operator.release import transcript
from aiapp_operator.release.history import change, entries, failure
from aiapp_operator.release.ledger import Inputs, Ledger, Release
from aiapp_operator.release.notes import Notes
from aiapp_operator.state import GateResult, Manifest, Problem, ResolvedImage, ResolvedModel, Severity
from stand_ins.app_cluster import NOON, digest

SECOND = timedelta(seconds=1)
CRASHING = Problem(Severity.WAITING, "Crashing", "pod digits-2-0 ended with exit code 1")
FAILING = Problem(Severity.WAITING, "CaseFailed", "1 of 3 cases failed")
PASSED = Notes(gate=GateResult.PASSED, asked=NOON, gated=NOON + 20 * SECOND)
STARTED = replace(PASSED, started=NOON + 30 * SECOND)
RELEASED = replace(STARTED, released=NOON + 75 * SECOND, change="model 40 -> 41", requested_by="kubectl")


def a_release(number: int, image: str = "1.4.1", model: str | None = "41", **config: str) -> Release:
    ref = f"contoso.azurecr.io/digits:{image}"
    inputs = Inputs(
        ResolvedImage(ref, digest(ref)), ResolvedModel(model, digest(model), 18_764, NOON) if model else None, config
    )
    return Release(number, f"digits-{inputs.identity}", inputs, ref, {"inputs": inputs.to_json(), "template": {}})


class TestChange:
    def test_of_the_first_release_is_what_it_is_made_of(self) -> None:
        assert change(None, a_release(1, PORT="8080")) == "image 1.4.1, model 41"

    def test_of_both_streams_and_the_config_names_all_three(self) -> None:
        old, new = a_release(1), a_release(2, image="1.4.2", model="42", PORT="8081")
        assert change(old, new) == "image 1.4.1 -> 1.4.2, model 41 -> 42, config changed"

    def test_of_one_stream_names_the_other_once(self) -> None:
        assert change(a_release(1), a_release(2, model="42")) == "image 1.4.1, model 41 -> 42"

    def test_of_the_config_alone(self) -> None:
        assert change(a_release(1), a_release(2, PORT="8081")) == "image 1.4.1, model 41, config changed"

    def test_to_an_image_that_brings_its_model(self) -> None:
        assert change(a_release(1), a_release(2, model=None)) == "image 1.4.1, model 41 -> none"

    def test_of_a_tag_that_moved_tells_its_two_images_apart(self) -> None:
        old, new = a_release(1), a_release(2)
        moved = replace(new, inputs=replace(new.inputs, image=ResolvedImage(new.ref, digest("pushed again"))))
        before, after = old.inputs.image.digest[:19], digest("pushed again")[:19]
        assert change(old, moved) == f"image 1.4.1 ({before}) -> 1.4.1 ({after}), model 41"


def an_entry(notes: Notes, *under_way: int) -> Manifest | None:
    """Return what the history says of the one release that there is."""
    release = replace(a_release(7), notes=notes)
    return next(iter(entries(Ledger((release,), running=7), frozenset(under_way))), None)


class TestEntries:
    def test_a_release_that_serves_has_its_change_its_seconds_and_who_asked(self) -> None:
        assert an_entry(RELEASED, 7) == {
            "revision": 7,
            "image": "contoso.azurecr.io/digits:1.4.1",
            "modelVersion": "41",
            "change": "model 40 -> 41",
            "gate": "Passed",
            "result": "Released",
            "time": "2026-11-23T12:01:15Z",
            "by": "kubectl",
            "seconds": 45,
        }

    def test_a_gate_that_failed_counts_from_when_it_was_asked_for(self) -> None:
        notes = Notes(gate=GateResult.FAILED, asked=NOON, gated=NOON + 20 * SECOND, gate_problem=FAILING)
        found = an_entry(notes)
        assert found is not None
        assert (found["result"], found["reason"], found["seconds"]) == ("GateFailed", "CaseFailed", 20)
        assert found["message"] == "1 of 3 cases failed"

    def test_one_that_was_undone_says_why(self) -> None:
        found = an_entry(replace(RELEASED, undone=NOON + 90 * SECOND, undone_problem=CRASHING), 7)
        assert found is not None
        assert (found["result"], found["reason"], found["seconds"]) == ("RolledBack", "Crashing", 60)
        assert found["message"] == "pod digits-2-0 ended with exit code 1"

    def test_one_that_passed_and_never_went_out_is_superseded(self) -> None:
        found = an_entry(PASSED)
        assert found is not None
        assert (found["result"], "seconds" in found) == ("Superseded", False)

    @pytest.mark.parametrize("notes", [PASSED, STARTED])
    def test_one_that_is_under_way_has_no_entry_yet(self, notes: Notes) -> None:
        assert an_entry(notes, 7) is None

    def test_one_that_was_never_tried_has_none(self) -> None:
        assert an_entry(Notes(asked=NOON)) is None

    def test_one_that_came_back_has_no_seconds_as_only_its_first_start_is_on_record(self) -> None:
        found = an_entry(replace(RELEASED, baked=NOON + 80 * SECOND, released=NOON + 600 * SECOND), 7)
        assert found is not None
        assert "seconds" not in found

    def test_the_last_ten_are_kept_newest_first(self) -> None:
        releases = [
            replace(a_release(number), notes=replace(RELEASED, released=NOON + number * SECOND))
            for number in range(1, 15)
        ]
        found = entries(Ledger(tuple(releases), running=14), frozenset())
        assert [entry["revision"] for entry in found] == list(range(14, 4, -1))


class TestForeignWords:
    def test_a_secret_in_what_others_say_is_masked(self) -> None:
        words = "refused: password=hunter2-and-more"
        problem = Problem(Severity.WAITING, "CaseFailed", words)
        report = a_report(cases=[{"name": "a-seven", "ok": False, "message": words}], message=words)
        notes = Notes(gate=GateResult.FAILED, gated=NOON, gate_problem=problem, report=report, requested_by=words)
        shown = json.dumps(an_entry(notes)) + failure(notes) + transcript.summary(report)
        assert "refused" in shown
        assert "hunter2" not in shown

    def test_the_first_case_that_failed_is_named_once(self) -> None:
        case = {"name": "a-seven", "from": "model", "ok": False, "message": "expected 7, got 3"}
        notes = Notes(gate=GateResult.FAILED, gated=NOON, gate_problem=FAILING, report=a_report(cases=[case]))
        assert failure(notes) == "1 of 3 cases failed; case a-seven of the model: expected 7, got 3"
        said = replace(FAILING, message="a-seven: expected 7, got 3")
        assert failure(replace(notes, gate_problem=said)) == "a-seven: expected 7, got 3"

    def test_a_comparison_is_shown_as_numbers_of_our_own(self) -> None:
        compared = {"result": "Compared", "compared": 60, "flips": 3, "agreement": "99.9%", "latencyDeltaMs": -1.26}
        expected = {"compared": 60, "flips": 3, "agreement": "95.0%", "latencyDelta": "-1.3ms"}
        assert transcript.comparison(a_report(comparison=compared)) == expected
        summary = transcript.summary(a_report(comparison=compared, message="3 of 3 cases passed"))
        assert summary == "3 of 3 cases passed, 3 of 60 labels flipped"

    @pytest.mark.parametrize(
        "comparison",
        [
            {"result": "Skipped", "compared": 60, "flips": 0},
            {"result": "Compared", "compared": 0, "flips": 0},
            {"result": "Compared", "compared": 60, "flips": 61},
            {"result": "Compared", "compared": "60", "flips": 0},
            {"result": "Compared", "compared": True, "flips": True},
            {"result": "Compared", "compared": 10**9, "flips": 0},
            ["Compared"],
            None,
        ],
    )
    def test_a_comparison_that_cannot_be_is_none(self, comparison: Any) -> None:
        assert transcript.comparison(a_report(comparison=comparison)) == {}

    @pytest.mark.parametrize(
        "report",
        [
            *("", "no JSON", "[]", "7", "null", "[" * 4000, '{"message": 7}', '{"cases": {"ok": false}}'),
            *('{"cases": [7, null, {"ok": "false"}]}', '{"message": "' + "x" * 20_000 + '"}'),
        ],
    )
    def test_a_transcript_that_cannot_be_read_says_nothing(self, report: str) -> None:
        assert (transcript.summary(report), transcript.first_failure(report)) == ("", ("", ""))
        assert transcript.comparison(report) == {}

    @pytest.mark.parametrize("delta", ["NaN", "Infinity", "-Infinity", "1e300", '"3"', "true"])
    def test_a_latency_that_is_no_number_of_milliseconds_is_left_out(self, delta: str) -> None:
        report = f'{{"comparison": {{"result": "Compared", "compared": 2, "flips": 0, "latencyDeltaMs": {delta}}}}}'
        assert transcript.comparison(report) == {"compared": 2, "flips": 0, "agreement": "100.0%"}


def a_report(**fields: Any) -> str:
    """Return what a gate leaves to read."""
    return json.dumps({"result": "Passed", **fields})
