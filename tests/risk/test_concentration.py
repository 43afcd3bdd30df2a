"""Concentration: the coefficient by its closed forms and laws, the curve against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.risk.concentration import SHARES, concentration, gini, of_counts
from safeconduct.risk.events import Events

COUNTS = st.lists(st.integers(1, 40), min_size=1, max_size=40)


def of(*counts: int) -> float:
    found = gini(np.array(counts, np.int64))
    assert found is not None
    return found


def test_the_most_equal_spread_is_no_concentration_and_one_place_is_the_most() -> None:
    assert of(1, 1, 1, 1) == of(7, 7, 7) == of(1, 1, 0, 0, 0, 0) == pytest.approx(0.0)
    assert of(10, 0, 0, 0) == pytest.approx(0.75)
    assert of(4, *[0] * 96) == pytest.approx(0.75), "four events have at most four places"


@given(COUNTS, st.integers(0, 300))
def test_of_empty_places_only_as_many_count_as_there_are_events(counts: list[int], empty: int) -> None:
    """Bernasco and Steenbeek: once there are more places than events, further empty ones change nothing."""
    enough = [*counts, *[0] * max(0, sum(counts) - len(counts))]
    assert of(*enough, *[0] * empty) == pytest.approx(of(*enough))


@given(st.lists(st.integers(0, 60), min_size=2, max_size=25).filter(lambda c: sum(c) >= len(c)))
def test_with_enough_events_it_is_ginis_mean_difference(counts: list[int]) -> None:
    differences = sum(abs(a - b) for a in counts for b in counts)
    assert of(*counts) == pytest.approx(differences / (2 * len(counts) * sum(counts)), abs=1e-12)


def test_what_is_told_of_incidents_counts_in_the_places_that_stayed_empty() -> None:
    def told(*counts: int) -> float | None:
        return of_counts(np.array(counts, np.int64), np.full(len(counts), 250.0)).gini

    assert told(50) == pytest.approx(1 - 1 / 50), "all in one cell is the most, not the least"
    assert told(25, 25) == pytest.approx(1 - 2 / 50)
    assert told(*[1] * 50) == pytest.approx(0), "each in a cell of its own"
    assert told(1) == 0


@given(COUNTS, st.integers(0, 300))
def test_what_is_told_needs_no_border_of_the_area(counts: list[int], more: int) -> None:
    hit = np.array(counts, np.int64)
    area_with_room = np.concatenate((hit, np.zeros(sum(counts) - len(counts) + more, np.int64)))
    assert of_counts(hit, np.full(len(hit), 250.0)).gini == pytest.approx(gini(area_with_room), abs=1e-9)


@given(COUNTS, st.integers(0, 2**32))
def test_the_points_are_the_fewest_cells_that_hold_the_share(counts: list[int], seed: int) -> None:
    many = np.array(counts, np.int64)
    area = np.random.default_rng(seed).uniform(200, 300, len(many))
    found = of_counts(many, area)
    falling = sorted(counts, reverse=True)
    for share, point in zip(SHARES, found.points, strict=True):
        assert sum(falling[: point.cells]) >= share * sum(counts) > sum(falling[: point.cells - 1])
        assert 200 * point.cells <= point.area_km2 <= 300 * point.cells
    across, held = np.array(found.curve).T
    assert found.curve[0] == (0, 0) and found.curve[-1] == (1, 1)
    assert (np.diff(held) <= np.r_[1, np.diff(held)[:-1]] + 1e-12).all(), "the fullest cell first"
    assert (held >= across - 1e-12).all()


def test_places_that_are_only_roughly_known_are_left_out() -> None:
    rows = [(18_000, 24.86, 67.01, 1, 1)] * 6 + [(18_001, 30.2, 67.0, 2, 3)] * 2
    rough = [(18_002, 27.0, 66.0, 3, 1), (18_003, float("nan"), float("nan"), 7, 5)]
    found = concentration(Events.of(rows + rough))
    assert (found.events, found.cells) == (8, 2)
    assert found.area_km2 == pytest.approx(500, rel=0.3)
    assert found.points[1].cells == 1 and found.points[2].cells == 2
    nothing = concentration(Events.of(rough))
    assert nothing.gini is None and nothing.points == () and nothing.curve == ((0.0, 0.0),)


def test_a_cell_without_an_event_is_refused() -> None:
    with pytest.raises(ValueError):
        of_counts(np.array([1, 0]), np.array([250.0, 250.0]))
