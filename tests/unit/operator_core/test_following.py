"""What a policy takes, and which of it is the newest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiapp_operator import following
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.findings import read_spec
from aiapp_operator.following import Policy, Version, newer, nothing_matches, ranked
from aiapp_operator.state import Problem, Severity
from stand_ins.app_cluster import an_app

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REPOSITORY = "contoso.azurecr.io/digits"


def names(listed: list[str], policy: Policy) -> list[str]:
    return [version.name for version in ranked([Version(name) for name in listed], policy)]


@pytest.mark.parametrize(
    ("policy", "listed", "expected"),
    [
        pytest.param(Policy("SemVer"), ["1.9.0", "1.10.0", "1.2.3"], ["1.10.0", "1.9.0", "1.2.3"], id="by number"),
        pytest.param(Policy("SemVer"), ["v1.2.0", "1.3.0"], ["1.3.0", "v1.2.0"], id="a v before it"),
        pytest.param(Policy("SemVer"), ["1.4", "1", "latest", "1.4.0.1", "01.4.0"], [], id="only whole versions"),
        pytest.param(Policy("SemVer"), ["2.0.0-rc.1", "1.0.0"], ["1.0.0"], id="no pre-release"),
        pytest.param(
            Policy("SemVer", ">=2.0.0-rc.1"),
            ["2.0.0-rc.2", "2.0.0-rc.10"],
            ["2.0.0-rc.10", "2.0.0-rc.2"],
            id="pre-releases that the range names",
        ),
        pytest.param(Policy("SemVer", "1.x"), ["2.0.0", "1.5.0", "0.9.0"], ["1.5.0"], id="within the range"),
        pytest.param(
            Policy("SemVer", "1.2.x || >=2.1 <3"),
            ["1.2.9", "1.3.0", "2.0.0", "2.1.0", "3.0.0"],
            ["2.1.0", "1.2.9"],
            id="within one of two ranges",
        ),
        pytest.param(
            Policy("SemVer", "", "^(?P<v>.*)-prod$"),
            ["1.0.0-prod", "2.0.0-test", "3.0.0"],
            ["1.0.0-prod"],
            id="the part that the pattern names",
        ),
        pytest.param(Policy("Numerical"), ["9", "10", "08"], ["10", "9", "08"], id="numbers, not text"),
        pytest.param(Policy("Numerical"), ["1.5", "1.25", "2"], ["2", "1.5", "1.25"], id="decimals"),
        pytest.param(Policy("Numerical"), ["-1", "1e9", "0x10", "٣", "", "1.", ".5", "NaN"], [], id="nothing else"),
        pytest.param(Policy("Numerical"), ["9" * 64, "1" + "0" * 64], ["9" * 64], id="64 digits and no more"),
        pytest.param(
            Policy("Numerical", "", r"build-(?P<v>\d+)"),
            ["build-9", "build-10", "10", "xbuild-11"],
            ["build-10", "build-9"],
            id="a pattern matches the whole name",
        ),
        pytest.param(
            Policy("Numerical", "", r"\d{8}"), ["20261123", "1"], ["20261123"], id="a pattern without a group"
        ),
        pytest.param(Policy("Numerical", "", "x(?P<v>1)?"), ["x", "x1"], ["x1"], id="a group that is not there"),
        pytest.param(Policy("Tag"), ["main"], [], id="Tag has no order"),
    ],
)
def test_ranked(policy: Policy, listed: list[str], expected: list[str]) -> None:
    assert names(listed, policy) == expected
    assert names(listed[::-1], policy) == expected


def at(name: str, **later: float) -> Version:
    return Version(name, NOON + timedelta(**later))


class TestLastModified:
    POLICY = Policy("LastModified")

    def test_is_by_time_then_by_name(self) -> None:
        versions = [at("41"), at("43", seconds=1), at("42"), Version("44")]
        assert [version.name for version in ranked(versions, self.POLICY)] == ["43", "42", "41"]

    def test_a_version_is_not_newer_than_itself_by_a_part_of_a_second(self) -> None:
        assert not newer(at("42", milliseconds=900), at("42"), self.POLICY)
        assert not newer(at("41", milliseconds=900), at("42"), self.POLICY)
        assert newer(at("43"), at("42", milliseconds=900), self.POLICY)

    def test_a_time_of_another_zone_is_the_same_time(self) -> None:
        abroad = Version("41", datetime.fromisoformat("2026-11-23T13:00:00+01:00"))
        assert not newer(abroad, at("41"), self.POLICY)
        assert newer(at("41", seconds=1), abroad, self.POLICY)

    def test_without_a_time_nothing_is_newer_and_everything_is_newer_than_it(self) -> None:
        assert not newer(Version("43"), at("42"), self.POLICY)
        assert newer(at("42"), Version("43"), self.POLICY)


class TestNewer:
    @pytest.mark.parametrize(
        ("candidate", "than", "expected"),
        [
            ("1.10.0", "1.9.0", True),
            ("1.9.0", "1.10.0", False),
            ("1.9.0", "1.9.0", False),
            ("v1.9.0", "1.9.0", False),  # the same version by another name is no news
            ("2.0.0", "1.9.0", False),  # out of range
            ("1.0.0", "2.0.0", True),  # what runs is out of range
            ("1.0.0", "main", True),
            ("main", "main", False),
        ],
    )
    def test_is_strict_and_by_the_policy(self, candidate: str, than: str, expected: bool) -> None:
        assert newer(Version(candidate), Version(than), Policy("SemVer", "1.x")) is expected


POLICIES = st.builds(
    Policy,
    st.sampled_from(["SemVer", "Numerical", "LastModified", "Tag"]),
    st.sampled_from(["", "1.x", ">=1.0.0-a", "^0.1"]),
    st.sampled_from(["", "v?(?P<v>.*)", "[0-9.]+"]),
)
PARTS = st.sampled_from(["0", "1", "2", "10", "v", ".", "-", "a", "rc.1", "+b"])
NAMES = st.one_of(st.from_regex(r"v?[0-2]\.[0-2]\.[0-2](-a)?", fullmatch=True), st.lists(PARTS).map("".join))
TIMES = st.none() | st.integers(0, 3).map(lambda second: NOON + timedelta(seconds=second))
VERSIONS = st.builds(Version, NAMES, TIMES)


@given(st.lists(VERSIONS, max_size=8), POLICIES, st.randoms(use_true_random=False))
def test_a_listing_has_one_order_however_it_is_listed(versions: list[Version], policy: Policy, chance: Any) -> None:
    shuffled = [*versions]
    chance.shuffle(shuffled)
    order = ranked(versions, policy)
    assert [version.name for version in ranked(shuffled, policy)] == [version.name for version in order]
    for older, younger in zip(order[1:], order, strict=False):
        assert not newer(older, younger, policy)


@given(VERSIONS, VERSIONS, VERSIONS, POLICIES)
def test_newer_is_an_order(one: Version, two: Version, three: Version, policy: Policy) -> None:
    assert not newer(one, one, policy)
    if newer(one, two, policy):
        assert not newer(two, one, policy)
        if newer(two, three, policy):
            assert newer(one, three, policy)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
def test_no_range_pattern_or_name_is_too_odd_to_be_judged(text: str, pattern: str, name: str) -> None:
    policy = Policy("SemVer", text, pattern)
    if not following.problem(policy):
        ranked([Version(name), Version("1.2.3")], policy)


def test_a_pattern_costs_time_in_proportion_to_the_name() -> None:
    # The classic that takes a backtracking engine hours.
    assert names(["a" * 4096 + "!"], Policy("Numerical", "", "(a*)*b")) == []


class TestPoliciesOfASpec:
    def test_none_where_everything_is_named(self) -> None:
        app = AIApp.parse(an_app())
        assert following.image_policy(app) is None
        assert following.model_policy(app) is None

    def test_none_where_the_image_brings_its_model(self) -> None:
        assert following.model_policy(AIApp.parse(an_app(modelVersion=None, modelSource=None))) is None

    @pytest.mark.parametrize("version", [None, "latest"])
    def test_the_latest_model_is_the_last_modified_unless_told(self, version: str | None) -> None:
        app = AIApp.parse(an_app(modelVersion=version))
        assert following.model_policy(app) == Policy("LastModified", interval=timedelta(minutes=5))

    def test_as_the_spec_says(self) -> None:
        image = {"type": "SemVer", "range": "1.x", "pattern": "^v(?P<v>.*)$", "interval": "90s"}
        app = AIApp.parse(an_app(image=REPOSITORY, imagePolicy=image))
        expected = Policy("SemVer", "1.x", "^v(?P<v>.*)$", timedelta(seconds=90))
        assert following.image_policy(app) == expected
        assert str(expected) == "SemVer 1.x of names like ^v(?P<v>.*)$"
        assert following.repository(app) == REPOSITORY

    @pytest.mark.parametrize(
        ("spec", "words"),
        [
            pytest.param(
                {"image": REPOSITORY, "imagePolicy": {"type": "SemVer", "range": "newest"}},
                "spec.imagePolicy: range 'newest' is no range of semantic versions: write it such as 1.x",
                id="range",
            ),
            pytest.param(
                {"image": REPOSITORY, "imagePolicy": {"type": "Numerical", "pattern": "(("}},
                "spec.imagePolicy: pattern '((' is no regular expression that RE2 reads: missing )",
                id="pattern",
            ),
            pytest.param(
                {"modelVersion": None, "modelPolicy": {"type": "Numerical", "pattern": r"(?=x)y"}},
                "spec.modelPolicy: pattern '(?=x)y' is no regular expression that RE2 reads: invalid perl operator",
                id="what only other engines read",
            ),
        ],
    )
    def test_that_cannot_be_read_are_for_whoever_writes_the_spec(self, spec: dict[str, Any], words: str) -> None:
        problem = read_spec(an_app(**spec))
        assert isinstance(problem, Problem)
        assert (problem.severity, problem.reason) == (Severity.STALLED, "InvalidSpec")
        assert words in problem.message


class TestNothingMatches:
    def test_says_what_is_there_instead(self) -> None:
        problem = nothing_matches(REPOSITORY, ["main", "dev", "a", "b"], Policy("SemVer", "1.x"))
        assert (problem.severity, problem.reason) == (Severity.WAITING, "NoMatchingVersion")
        assert problem.message.startswith(
            f"{REPOSITORY} has nothing that SemVer 1.x takes: it lists 4 names, such as b, dev, main; "
        )

    def test_one_name_is_a_name(self) -> None:
        problem = nothing_matches(REPOSITORY, ["main"], Policy("SemVer", "1.x"))
        assert "it lists 1 name, such as main; " in problem.message

    def test_says_that_there_is_nothing(self) -> None:
        problem = nothing_matches(REPOSITORY, [], Policy("SemVer", "1.x"))
        assert problem.message.startswith(f"{REPOSITORY} lists nothing that could be followed: ")
