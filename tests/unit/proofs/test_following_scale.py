"""A sample of the apps that follow one account and one registry; all: `make prove NAME=following_scale`."""

import asyncio

from proofs.following_scale import Scale, measure

SAMPLE = Scale(apps=20, namespaces=2, folders=2, versions=20, interval=1, intervals=3)


def test_apps_that_ask_the_same_share_one_question_and_get_what_is_new() -> None:
    outcome = asyncio.run(measure(SAMPLE))
    assert outcome.failures == ()
    assert outcome.count == SAMPLE.apps
    assert outcome.figures["different_questions_to_each_source"] == 4
    assert 0 < outcome.figures["steady_requests_per_minute"]["store: listings"] <= 4 * 60 / 0.9 + 4
