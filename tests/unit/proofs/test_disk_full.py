"""A sample of the full disks; all of them: `make prove NAME=disk_full`."""

from proofs import running
from proofs.disk_full import prove

SAMPLE = 41


def test_a_full_disk_is_named_and_left_clean_at_every_byte() -> None:
    outcome = prove(SAMPLE, running.SEED)
    assert outcome.failures == ()
    assert outcome.count == SAMPLE
