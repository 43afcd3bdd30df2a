"""Who holds a journey: at every second exactly one unit, whatever order the words arrive in."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.journeys.standing import Handover, Leg, clock

LEGS = [
    Leg(1, "karachi-police", 0.0, 100.0),
    Leg(2, "levies", 100.0, 200.0),
    Leg(3, "gwadar-police", 200.0, 300.0),
]


def holder_at(legs: list[Leg], handovers: list[Handover], moment: float) -> str:
    """The unit that the clock names last at a moment; "" where there is none."""
    held = clock(legs, handovers, moment)
    return held[-1].unit if held else ""


def test_the_giving_unit_holds_until_the_other_has_taken() -> None:
    given = [Handover(2, given=100.0)]
    assert holder_at(LEGS, given, 150.0) == "karachi-police"
    taken = [Handover(2, given=100.0, taken=130.0)]
    assert [holder_at(LEGS, taken, at) for at in (129.9, 130.0)] == ["karachi-police", "levies"]


def test_nobody_holds_before_the_first_leg_begins() -> None:
    assert holder_at(LEGS, [], -1.0) == "" and clock([], [], 10.0) == []


def test_a_word_that_is_missing_between_leaves_no_gap() -> None:
    held = clock(LEGS, [Handover(3, taken=210.0)], 400.0)
    assert [(each.unit, each.since, each.until) for each in held] == [
        ("karachi-police", 0.0, 210.0),
        ("gwadar-police", 210.0, None),
    ]


def test_a_handover_to_a_leg_that_is_none_changes_nothing() -> None:
    assert holder_at(LEGS, [Handover(9, taken=1.0), Handover(1, taken=1.0)], 50.0) == "karachi-police"


numbers = st.lists(st.integers(1, 12), min_size=1, max_size=6, unique=True)
seconds = st.floats(-100, 2_000, allow_nan=False)
words = st.builds(Handover, st.integers(0, 13), st.none() | seconds, st.none() | seconds)


@given(numbers, st.lists(words, max_size=12), st.integers(0, 1_500), st.randoms(use_true_random=False))
def test_at_every_second_exactly_one_unit_holds(
    sequences: list[int], handovers: list[Handover], now: int, shuffle: random.Random
) -> None:
    legs = [Leg(number, f"unit-{number}", 10.0 * number, 10.0 * number + 10) for number in sequences]
    start = 10.0 * min(sequences)
    held = clock(legs, handovers, now)
    if now < start:
        assert held == []
        return
    assert held[0].since == start and held[-1].until is None
    assert all(a.until == b.since and a.since < a.until for a, b in pairwise(held) if a.until is not None)
    assert all(each.until is not None for each in held[:-1]), "no overlap"
    for second in range(int(start), now + 1, 7):
        holders = [
            each for each in held if each.since <= second and (each.until is None or second < each.until)
        ]
        assert len(holders) == 1, "no gap"
        assert holder_at(legs, handovers, second) == holders[0].unit, "what is past does not change"
    mixed_legs, mixed = legs[:], handovers[:] + handovers[:2]
    shuffle.shuffle(mixed_legs)
    shuffle.shuffle(mixed)
    assert clock(mixed_legs, mixed, now) == held, "in whatever order, and however often, it is heard"
