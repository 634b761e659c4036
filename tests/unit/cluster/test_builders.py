"""How far a build is, in words."""

import pytest

from cluster.builders import step_reached


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "starting"),
        (["STEP 1/4: FROM scratch", "STEP 2/4: COPY a b"], "step 2 of 4"),
        (["[1/2] STEP 3/6: RUN pip", "Collecting flask"], "step 3 of 6 of stage 1 of 2"),
        (["echo STEP 1/1"], "starting"),
    ],
)
def test_step_reached(lines: list[str], words: str) -> None:
    assert step_reached(lines) == words
