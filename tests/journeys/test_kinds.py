"""The kinds of the room refuse what no journey can be."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.journeys.kinds import HANDOVER, LEG, MANIFEST_ENTRY, MOVEMENT
from safeconduct.records.kinds import PartRefused

NOTICE: dict[str, Any] = {
    "reference": "GP-1",
    "since": "2024-10-06T18:00:00+05:00",
    "until": "2024-10-06T23:30:00+05:00",
    "origin_district": "Karachi",
    "destination_district": "Gwadar",
    "persons": 4,
}
ITINERARY: dict[str, Any] = {
    "origin": {"place": "Karachi", "latitude": 24.9, "longitude": 67.1},
    "destination": {"place": "Gwadar"},
    "depart": "2024-10-06T18:00:00+05:00",
    "arrive": "2024-10-06T23:30:00+05:00",
}


def test_a_plain_notice_fits() -> None:
    parts = MOVEMENT.validate({"notice": NOTICE, "itinerary": ITINERARY})
    assert parts["notice"] and parts["notice"]["category"] == "single"


@pytest.mark.parametrize(
    "part, change",
    [
        ("notice", {"persons": 0}),
        ("notice", {"persons": 10_001}),
        ("notice", {"since": "2024-10-06"}),
        ("notice", {"since": "2024-10-06T18:00:00"}),
        ("notice", {"until": "2024-10-06T12:00:00+05:00"}),
        ("notice", {"since": "soon"}),
        ("notice", {"reference": ""}),
        ("notice", {"reference": "x" * 201}),
        ("notice", {"districts": ["x"] * 101}),
        ("notice", {"category": "convoy of doom"}),
        ("notice", {"unknown": 1}),
        ("itinerary", {"origin": {"place": "Karachi", "latitude": 24.9}}),
        ("itinerary", {"origin": {"place": "Karachi", "latitude": 94.9, "longitude": 0.0}}),
        ("itinerary", {"origin": {"place": "K", "latitude": float("nan"), "longitude": 0.0}}),
        ("itinerary", {"stops": [{"place": "x"}] * 51}),
        ("itinerary", {"arrive": "2024-10-06T17:00:00+05:00"}),
        ("itinerary", {"route": {"coordinates": [[0, 0]] * 5001, "distance_m": 1, "duration_s": 1}}),
        ("itinerary", {"route": {"coordinates": [[0, 0], [0, 91]], "distance_m": 1, "duration_s": 1}}),
        ("itinerary", {"corridor_m": 1}),
    ],
)
def test_what_no_movement_can_be_is_refused(part: str, change: dict[str, Any]) -> None:
    good = NOTICE if part == "notice" else ITINERARY
    with pytest.raises(PartRefused) as refused:
        MOVEMENT.validate({part: {**good, **change}})
    assert refused.value.errors[0][0] == part


def test_a_unit_cannot_forge_a_second_bearer() -> None:
    with pytest.raises(PartRefused):
        LEG.validate({"duty": {"unit": "a|b"}})
    with pytest.raises(PartRefused):
        LEG.validate({"duty": {"unit": ""}})


def test_which_states_end_a_record() -> None:
    assert MOVEMENT.final == ("arrived", "cancelled")
    assert HANDOVER.final == ("taken",)
    assert MANIFEST_ENTRY.inherits_bearers and LEG.assigns == ("duty", "unit")
