"""Holds outlive the records of the releases that made them."""

from datetime import UTC, datetime

from aiapp_operator.reasons import Reason
from aiapp_operator.release.holds import carried, digests
from aiapp_operator.release.ledger import Inputs, Ledger, Release
from aiapp_operator.release.notes import Hold, Notes
from aiapp_operator.state import Part, ResolvedImage, Stream

BAD = "sha256:" + "b" * 64
HOLD = Hold(Part.IMAGE, BAD, "1.1.0", Reason.GATE_FAILED, "revision 2: wrong", datetime(2026, 11, 23, tzinfo=UTC))


def release(number: int, *holds: Hold) -> Release:
    ref = f"contoso.azurecr.io/digits:{number}"
    inputs = Inputs(ResolvedImage(ref, f"sha256:{number:064x}"), None, {})
    return Release(number, f"digits-{number}", inputs, ref, {}, Notes(holds=holds))


def test_a_hold_is_kept_by_the_newest_record_when_its_own_leaves() -> None:
    bad, newer = release(2, HOLD), release(3)
    record = carried(Ledger((release(1), bad, newer), 3), [bad])
    assert [hold.digest for hold in record.releases[-1].notes.older_holds] == [BAD]
    assert record.releases[-1].notes.older_holds[0].message == ""
    without = Ledger(tuple(each for each in record.releases if each.number != 2), 3)
    assert digests(without)[Stream.IMAGE] == {BAD}


def test_a_record_without_holds_leaves_nothing() -> None:
    record = Ledger((release(1), release(2), release(3)), 3)
    assert carried(record, [record.releases[0]]) == record
