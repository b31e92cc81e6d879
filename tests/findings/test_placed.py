"""A place is one value; review.json holds it in three."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from iquest_review.findings.placed import Demoted, InThread, Place, PlacedFinding, Placement, demote, promote
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, Unplaced
from tests.support.outcomes import finding

LINE, REFUSED, OVER = Position("a.py", "a.py", None, 3), PlacementReason.REFUSED, PlacementReason.OVER_LIMIT
ADAPTER = TypeAdapter(PlacedFinding)
STORED: list[tuple[Place, dict[str, Any]]] = [
    (LINE, {"placement": "inline", "placement_reason": None}),
    (InThread(), {"placement": "inline", "placement_reason": None, "position": None}),
    (Demoted(LINE, OVER), {"placement": "summary", "placement_reason": "over IQUEST_MAX_FINDINGS"}),
    (Unplaced(REFUSED), {"placement": "summary", "placement_reason": "GitLab refused a thread here", "position": None}),
    (Unplaced(None), {"placement": "summary", "placement_reason": None, "position": None}),
]


@pytest.mark.parametrize(("place", "stored"), STORED, ids=[type(place).__name__ for place, _ in STORED])
def test_a_place_comes_back_from_the_three_values_that_hold_it(place: Place, stored: dict[str, Any]) -> None:
    placed = finding(place=place)

    written = ADAPTER.dump_python(placed, mode="json")

    assert {name: written[name] for name in stored} == stored
    assert (written["position"] is not None) is isinstance(place, Position | Demoted)
    assert ADAPTER.validate_json(ADAPTER.dump_json(placed), strict=True) == placed


@pytest.mark.parametrize(
    ("place", "moved"),
    [
        (LINE, Demoted(LINE, REFUSED)),
        (Demoted(LINE, OVER), Demoted(LINE, REFUSED)),
        (InThread(), Unplaced(REFUSED)),
        (Unplaced(None), Unplaced(REFUSED)),
    ],
)
def test_a_finding_in_the_note_keeps_its_position(place: Place, moved: Place) -> None:
    assert demote(place, REFUSED) == moved
    assert finding(place=moved).placement is Placement.SUMMARY


@pytest.mark.parametrize(
    ("place", "moved"),
    [(LINE, LINE), (Demoted(LINE, OVER), LINE), (InThread(), InThread()), (Unplaced(OVER), InThread())],
)
def test_a_finding_that_has_a_thread_is_inline(place: Place, moved: Place) -> None:
    assert promote(place) == moved
    assert finding(place=moved).placement is Placement.INLINE
