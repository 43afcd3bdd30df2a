"""The standard forecast: against the sentence that defines it, and the laws that any forecast must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.areas import scattered, square
from safeconduct.risk.grid import Grid
from safeconduct.risk.standard import STANDARD, expected, rate_field

GRID = square()
EVENTS = scattered(400, 1_200)
CELL = GRID.number(EVENTS.lat, EVENTS.lon)
origins = st.integers(10_000, 11_300)


def test_it_is_what_its_sentence_says() -> None:
    origin, lag, horizon = 11_000, 3, 7
    year = np.zeros(len(GRID))
    ever = np.zeros(len(GRID))
    for cell, day in zip(CELL.tolist(), EVENTS.day.tolist(), strict=True):
        if cell >= 0 and day < origin - lag:
            ever[cell] += 1
            year[cell] += day >= origin - lag - 365
    lain = GRID.kernel(STANDARD.sigma_km) @ ever
    share = 0.97 * lain / lain.sum() + 0.03 * GRID.area_km2 / GRID.area_km2.sum()
    by_hand = horizon * (0.7 * year / 365 + 0.3 * year.sum() / 365 * share)
    assert expected(GRID, CELL, EVENTS.day, origin, horizon, lag) == pytest.approx(by_hand)
    assert by_hand.sum() == pytest.approx(year.sum() * horizon / 365)


@given(origin=origins, lag=st.integers(0, 60))
def test_nothing_from_the_origin_on_or_within_the_lag_changes_it(origin: int, lag: int) -> None:
    known = EVENTS.day < origin - lag
    whole = expected(GRID, CELL, EVENTS.day, origin, 7, lag)
    cut = expected(GRID, CELL[known], EVENTS.day[known], origin, 7, lag)
    moved = np.where(known, CELL, 0)
    assert (whole == cut).all()
    assert (whole == expected(GRID, moved, EVENTS.day, origin, 7, lag)).all()


@given(origin=origins, seed=st.integers(0, 99))
def test_the_order_of_one_days_incidents_is_nothing_to_it(origin: int, seed: int) -> None:
    shuffled = np.lexsort((np.random.default_rng(seed).random(len(CELL)), EVENTS.day))
    one, other = (expected(GRID, cell, EVENTS.day, origin, 30) for cell in (CELL, CELL[shuffled]))
    assert (one == other).all()


@given(origin=st.integers(10_400, 11_300), cell=st.integers(0, len(GRID) - 1), ago=st.integers(1, 365))
def test_one_more_incident_of_the_year_raises_its_cell_and_the_sum(origin: int, cell: int, ago: int) -> None:
    day = origin - ago
    place = int(np.searchsorted(EVENTS.day, day))
    more = expected(GRID, np.insert(CELL, place, cell), np.insert(EVENTS.day, place, day), origin, 7)
    before = expected(GRID, CELL, EVENTS.day, origin, 7)
    assert more[cell] > before[cell]
    assert more.sum() == pytest.approx(before.sum() + 7 / 365)


@given(origin=origins, seed=st.integers(0, 99))
def test_rows_of_weights_are_each_what_they_are_alone(origin: int, seed: int) -> None:
    rows = np.random.default_rng(seed).poisson(1, (5, len(CELL))).astype(float)
    rows[0], rows[1] = 1.0, 0.0
    together = rate_field(GRID, CELL, EVENTS.day, origin, weights=rows)
    assert together.rate.shape == (5, len(GRID))
    assert together.elsewhere.shape == (5,)
    for number, row in enumerate(rows):
        alone = rate_field(GRID, CELL, EVENTS.day, origin, weights=row)
        assert alone.rate == pytest.approx(together.rate[number])
        assert alone.elsewhere == pytest.approx(together.elsewhere[number])
        repeated = np.repeat(np.arange(len(CELL)), row.astype(int))
        counted = rate_field(GRID, CELL[repeated], EVENTS.day[repeated], origin)
        assert counted.rate == pytest.approx(alone.rate)
    assert together.rate[0] == pytest.approx(rate_field(GRID, CELL, EVENTS.day, origin).rate)
    assert not together.rate[1].any()


def test_a_field_of_rates_answers_by_cell_and_says_what_lies_behind_it() -> None:
    origin = 11_200
    field = rate_field(GRID, CELL, EVENTS.day, origin)
    asked = np.array([GRID.cells[7], 1, GRID.cells[0]], np.uint64)
    rates, numbers = field.at(asked)
    assert numbers.tolist() == [7, -1, 0]
    assert rates.tolist() == [field.rate[7], float(field.elsewhere), field.rate[0]]
    year = int(((EVENTS.day >= origin - 365) & (EVENTS.day < origin)).sum())
    outside = int((CELL < 0).sum())
    assert (field.year.sum(), field.ever.sum()) == (year, int((EVENTS.day < origin).sum()) - outside)
    assert (field.rate * GRID.area_km2).sum() == pytest.approx(year / 365)
    assert 0 < float(field.elsewhere) <= field.rate.min() * (1 + 1e-9)


def test_without_incidents_and_without_an_area_it_expects_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert not expected(GRID, none, none, 11_000, 7).any()
    empty = Grid.around(np.zeros(0), np.zeros(0))
    assert expected(empty, none, none, 11_000, 7).shape == (0,)
    field = rate_field(empty, none, none, 11_000)
    assert field.at(np.array([5], np.uint64))[0].tolist() == [0.0]
