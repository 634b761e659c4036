"""PURE: the downloads that go wrong, drawn from a seed, and what each may end with."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiapp_models.errors import Reason
from faults.script import STATUS_OF, WITHOUT_SERVER, Fault, Kind, Place

LARGEST_FILE: Final = 300 * 1024
SLOW: Final = frozenset({Kind.PARTIAL_THEN_HANG, Kind.NONE_THEN_HANG, Kind.TRICKLE})
"""Kinds that take the product's whole patience, so that they are drawn seldom and left out of samples."""

_CUTS: Final = (0, 25, 50, 99)
_ENDINGS: Final = tuple(kind for kind in Kind if "_THEN_" in kind.name and kind not in SLOW)
_UNREACHABLE: Final = frozenset({Reason.STORE_UNREACHABLE})
_DAMAGED: Final = frozenset({Reason.MODEL_CORRUPT})
_MISANSWERED: Final = frozenset({Reason.MODEL_CORRUPT, Reason.STORE_REFUSED, Reason.STORE_UNREACHABLE})
_OTHER_VERSION: Final = frozenset(
    {Reason.MODEL_CHANGED, Reason.MODEL_CORRUPT, Reason.MODEL_INCOMPLETE, Reason.UNSAFE_PATH, Reason.MODEL_TOO_LARGE}
)

REASONS: Final[Mapping[Kind, frozenset[Reason]]] = {
    **dict.fromkeys((Kind.BUSY, Kind.THROTTLED, Kind.BROKEN), _UNREACHABLE),
    **dict.fromkeys((Kind.SAS_EXPIRED, Kind.CLOCK_SKEW), frozenset({Reason.STORE_FORBIDDEN})),
    Kind.GONE: frozenset({Reason.MODEL_MISSING}),
    Kind.ARCHIVED: frozenset({Reason.MODEL_ARCHIVED}),
    Kind.CHANGED: frozenset({Reason.MODEL_CHANGED}),
    **dict.fromkeys((*_ENDINGS, *SLOW), _UNREACHABLE),
    **dict.fromkeys((Kind.HALF_AS_SUCCESS, Kind.EXTRA_BYTES, Kind.RANGE_MISLABELLED), _MISANSWERED),
    **dict.fromkeys((Kind.FLIPPED_BIT, Kind.SWAPPED, Kind.WRONG_RANGE), _DAMAGED),
    Kind.LISTED_EMPTY: frozenset({Reason.MODEL_MISSING}),
    **dict.fromkeys((Kind.LISTED_PARTLY, Kind.LISTED_PAST), frozenset({Reason.MODEL_INCOMPLETE})),
    **dict.fromkeys((Kind.REFUSED, Kind.NO_NAME, Kind.STRANGER), _UNREACHABLE),
}
"""What a download that met a fault may be refused with."""

WORDS: Final[Mapping[Kind, str]] = {
    Kind.SAS_EXPIRED: "SAS expired",
    Kind.CLOCK_SKEW: "clock",
    Kind.ARCHIVED: "archive",
    Kind.REFUSED: "refuses the connection",
    Kind.NO_NAME: "does not resolve",
    Kind.STRANGER: "not trusted",
}
"""What the words must say besides the reason, where the fault is the only one."""

_DRAWN: Final[Mapping[Place, Mapping[Kind, float]]] = {
    Place.LISTING: {
        **dict.fromkeys(STATUS_OF.keys() - {Kind.CHANGED, Kind.ARCHIVED, Kind.GONE}, 1.0),
        **dict.fromkeys((*_ENDINGS, Kind.FLIPPED_BIT), 1.0),
        **dict.fromkeys((Kind.LISTED_EMPTY, Kind.LISTED_PARTLY, Kind.LISTED_PAST), 2.0),
        **dict.fromkeys(WITHOUT_SERVER, 0.5),
        Kind.NONE_THEN_HANG: 0.2,
    },
    Place.MARKER: {
        **dict.fromkeys((Kind.BUSY, Kind.CHANGED, Kind.GONE, *_ENDINGS), 1.0),
        **dict.fromkeys((Kind.HALF_AS_SUCCESS, Kind.FLIPPED_BIT, Kind.SWAPPED, Kind.EXTRA_BYTES), 1.0),
        Kind.PARTIAL_THEN_HANG: 0.2,
    },
    Place.BODY: {
        **dict.fromkeys(STATUS_OF, 0.7),
        **dict.fromkeys(_ENDINGS, 2.0),
        **dict.fromkeys((Kind.HALF_AS_SUCCESS, Kind.EXTRA_BYTES, Kind.RANGE_MISLABELLED, Kind.WRONG_RANGE), 3.0),
        **dict.fromkeys((Kind.FLIPPED_BIT, Kind.SWAPPED), 5.0),
        **dict.fromkeys((Kind.PARTIAL_THEN_HANG, Kind.NONE_THEN_HANG), 0.4),
        Kind.TRICKLE: 0.1,
    },
}
"""How often each kind is drawn, by the answers that it can strike."""


@dataclass(frozen=True, slots=True)
class Case:
    """One download: what the store holds and what goes wrong."""

    number: int
    files: Mapping[str, bytes]
    faults: tuple[Fault, ...]
    tls: bool

    @property
    def slow(self) -> bool:
        return any(fault.kind in SLOW for fault in self.faults)

    @property
    def elsewhere(self) -> Kind | None:
        """The kind that leads the client to somewhere else than the server, if one was drawn."""
        return next((fault.kind for fault in self.faults if fault.kind in WITHOUT_SERVER), None)

    def reasons(self) -> frozenset[Reason]:
        """Return what the download may be refused with."""
        allowed = set[Reason]()
        for fault in self.faults:
            allowed |= REASONS[fault.kind]
            if fault.place is Place.MARKER:
                allowed |= _OTHER_VERSION
            if fault.kind is Kind.FLIPPED_BIT and fault.place is Place.LISTING:  # the bit may be in anything listed
                allowed |= _OTHER_VERSION | _MISANSWERED | {Reason.MODEL_MISSING, Reason.NO_SPACE}
        return frozenset(allowed)

    def words(self) -> str:
        """Return what the message must say, empty if that is open."""
        return WORDS.get(self.faults[0].kind, "") if len(self.faults) == 1 else ""


def case(seed: int, number: int) -> Case:
    """Draw one download; the same for the same seed and number."""
    draw = random.Random(f"{seed}:{number}")  # noqa: S311 - drawn again by whoever looks into a failure
    names = ["model.npz", "labels/names.json", "labels/empty", "weights/part 1.bin", "weights/part-2.bin"]
    sizes = [_size(draw) for _ in range(draw.randint(1, len(names)))]
    files = {name: draw.randbytes(size) for name, size in zip(names, sizes, strict=False)}
    places = draw.choices((Place.LISTING, Place.MARKER, Place.BODY), (2, 2, 8), k=draw.choice((1, 1, 1, 2, 3)))
    faults = tuple(_fault(draw, place, len(files)) for place in places)
    return Case(number, files, faults, tls=draw.random() < 0.2)


def _size(draw: random.Random) -> int:
    return max(1, int(LARGEST_FILE ** draw.random()))


def _fault(draw: random.Random, place: Place, files: int) -> Fault:
    kinds = _DRAWN[place]
    kind = draw.choices(tuple(kinds), tuple(kinds.values()))[0]
    skip = draw.randrange(files) if place is Place.BODY else 0
    return Fault(kind, place, at=draw.choice(_CUTS), skip=skip, times=draw.choice((1, 1, 2, None)))
