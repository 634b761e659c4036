from datetime import UTC, datetime, timedelta

from aiapp_operator.patience import Patience
from aiapp_operator.state import Key

KEY, NOW = Key("vision", "digits"), datetime(2026, 11, 23, 12, tzinfo=UTC)


def _after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_an_answer_is_kept_until_it_is_due() -> None:
    patience = Patience()
    patience.note(KEY, "image", "generation 1", "refused")
    patience.keep_until(KEY, _after(60))
    assert patience.kept(KEY, "image", "generation 1", _after(59)) == "refused"
    assert patience.kept(KEY, "image", "generation 1", _after(60)) is None


def test_an_answer_to_something_else_does_not_count() -> None:
    patience = Patience()
    patience.note(KEY, "image", "generation 1", "refused")
    assert patience.kept(KEY, "image", "generation 2", NOW) is None
    assert patience.kept(KEY, "model", "generation 1", NOW) is None
    assert patience.kept(Key("vision", "other"), "image", "generation 1", NOW) is None


def test_a_later_run_does_not_put_off_what_an_earlier_one_noted() -> None:
    patience = Patience()
    patience.note(KEY, "image", 1, "refused")
    patience.keep_until(KEY, _after(60))
    patience.note(KEY, "model", 1, "missing")
    patience.keep_until(KEY, _after(120))
    assert patience.kept(KEY, "image", 1, _after(61)) is None
    assert patience.kept(KEY, "model", 1, _after(61)) == "missing"


def test_the_next_due_is_the_earliest_that_is_still_to_come() -> None:
    patience = Patience()
    assert patience.next_due(KEY, NOW) is None
    patience.note(KEY, "image", 1, "refused")
    patience.keep_until(KEY, _after(60))
    patience.note(KEY, "model", 1, "missing")
    patience.keep_until(KEY, _after(120))
    assert patience.next_due(KEY, NOW) == 60
    assert patience.next_due(KEY, _after(60)) == 60
    assert patience.next_due(KEY, _after(120)) is None


def test_what_went_well_and_apps_that_are_gone_are_forgotten() -> None:
    patience = Patience()
    patience.note(KEY, "image", 1, "refused")
    patience.note(KEY, "model", 1, "missing")
    patience.drop(KEY, "image")
    assert patience.kept(KEY, "image", 1, NOW) is None
    assert patience.kept(KEY, "model", 1, NOW) == "missing"
    patience.forget(KEY)
    assert patience.kept(KEY, "model", 1, NOW) is None
