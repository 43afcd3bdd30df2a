"""Near repeats: pairs against brute force, the expectation against every shuffle, planted repeats found."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.risk import knox as module
from safeconduct.risk.events import Events
from safeconduct.risk.knox import SPACE, TIME, knox

ROW = st.tuples(
    st.integers(17_900, 18_700),
    st.floats(24.0, 24.5),
    st.floats(66.8, 67.3),
    st.sampled_from([1, 1, 1, 1, 2, 3]),
    st.sampled_from([1, 1, 1, 1, 2]),
)


def km(events: Events, i: int, j: int) -> float:
    """Haversine."""
    lat, lon = np.radians(events.lat), np.radians(events.lon)
    a = (
        np.sin((lat[j] - lat[i]) / 2) ** 2
        + np.cos(lat[i]) * np.cos(lat[j]) * np.sin((lon[j] - lon[i]) / 2) ** 2
    )
    return float(2 * module.RADIUS_KM * np.arcsin(np.sqrt(a)))


def brute(events: Events, day: list[int]) -> np.ndarray:
    table = np.zeros((len(SPACE), len(TIME)), int)
    for i in range(len(events)):
        for j in range(i):
            apart, days = km(events, i, j), abs(day[i] - day[j])
            row = next((n for n, end in enumerate(SPACE) if apart <= end), None)
            column = next((n for n, (low, high) in enumerate(TIME) if low <= days <= high), None)
            if row is not None and column is not None:
                table[row, column] += 1
    return table


@settings(max_examples=20, deadline=None)
@given(st.lists(ROW, min_size=20, max_size=40))
def test_pairs_are_those_of_brute_force(rows: list[tuple[int, float, float, int, int]]) -> None:
    events = Events.of(rows)
    used = events.where(module.exact(events))
    found = knox(events)
    assert found.events == len(used)
    if len(used) >= 20:
        seen = [[cell.observed for cell in line] for line in found.rows]
        assert (np.array(seen) == brute(used, used.day.tolist())).all()
        assert all(0 < cell.p <= 1 for line in found.rows for cell in line)
    else:
        assert found.rows == ()


def test_what_is_expected_is_the_mean_over_every_shuffle_within_years(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four events of one year and three of the next: 4! times 3! shuffles, each with its pairs."""
    monkeypatch.setattr(module, "FEWEST_EVENTS", 2)
    monkeypatch.setattr(module, "PERMUTATIONS", 4_000)
    day = [18_200, 18_240, 18_258, 18_261, 18_263, 18_266, 18_300]
    place = [
        (24.80, 67.00),
        (24.81, 67.01),
        (24.80, 67.00),
        (24.95, 67.10),
        (24.82, 67.02),
        (24.80, 67.00),
        (24.9, 67.0),
    ]
    events = Events.of([(d, lat, lon, 1, 1) for d, (lat, lon) in zip(day, place, strict=True)])
    shuffles = [
        brute(events, [*first, *second])
        for first in permutations(day[:4])
        for second in permutations(day[4:])
    ]
    found = knox(events, seed=5)
    expected = np.array([[cell.expected for cell in line] for line in found.rows])
    assert expected == pytest.approx(np.mean(shuffles, axis=0), abs=1e-12)
    seen = brute(events, day)
    reached = np.mean([each >= seen for each in shuffles], axis=0)
    told = np.array([[cell.p for cell in line] for line in found.rows])
    assert told == pytest.approx(reached, abs=0.035), "four standard errors of 4,000 shuffles"


def test_within_one_year_the_expectation_is_knoxs_own() -> None:
    """Knox (1964): pairs near in space, times pairs near in time, by all pairs."""
    draw = np.random.default_rng(2)
    rows = [
        (18_300 + int(d), 24.8 + y, 67.0 + x, 1, 1)
        for d, y, x in zip(
            draw.integers(0, 200, 60), draw.uniform(0, 0.4, 60), draw.uniform(0, 0.4, 60), strict=True
        )
    ]
    events = Events.of(rows)
    found = knox(events)
    pairs = 60 * 59 / 2
    apart = np.abs(events.day[:, None] - events.day[None, :])[np.triu_indices(60, 1)]
    near = [
        sum(end > km(events, i, j) >= (SPACE[n - 1] if n else 0) for i in range(60) for j in range(i))
        for n, end in enumerate(SPACE)
    ]
    for n, line in enumerate(found.rows):
        for (low, high), cell in zip(TIME, line, strict=True):
            assert cell.expected == pytest.approx(near[n] * ((apart >= low) & (apart <= high)).sum() / pairs)


def planted(repeats: int) -> Events:
    draw = np.random.default_rng(4)
    rows = [
        (17_600 + int(d), 24.8 + y, 67.0 + x, 1, 1)
        for d, y, x in zip(
            draw.integers(0, 1_000, 150), draw.uniform(0, 2, 150), draw.uniform(0, 2, 150), strict=True
        )
    ]
    return Events.of([*rows, *((d + 1, lat + 0.01, lon, 1, 1) for d, lat, lon, _, _ in rows[:repeats])])


def test_planted_repeats_are_found_and_none_where_there_are_none() -> None:
    near = knox(planted(25)).rows[1][0]
    assert near.ratio is not None and near.ratio > 5 and near.more
    assert sum(cell.more for line in knox(planted(0)).rows for cell in line) <= 4
    assert knox(planted(25), seed=1) == knox(planted(25), seed=1)


def test_towns_that_stand_for_their_events_are_told() -> None:
    rows = [(18_000 + n, 24.8, 67.0, 1, 1) for n in range(30)] + [
        (18_100 + n, 25 + n / 10, 67.0, 1, 1) for n in range(10)
    ]
    assert knox(Events.of(rows)).coinciding == pytest.approx(0.75)
    assert knox(Events.of([])).coinciding == 0.0 and knox(Events.of([])).rows == ()


def test_events_that_are_near_no_other_are_among_those_it_rests_on() -> None:
    lone = (10_957, 36.0, 74.0, 1, 1)
    found = knox(Events.of([lone, *((18_000 + n, 24.8, 67.0, 1, 1) for n in range(25))]))
    assert found.events == 26 and found.since_year == 2000


def test_too_many_pairs_leave_earlier_years_out_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAIRS", 3_000)
    draw = np.random.default_rng(1)
    events = Events.of([(int(d), 24.8, 67.0, 1, 1) for d in draw.integers(16_436, 17_532, 200)])
    found = knox(events)
    assert found.since_year > 2015
    latest = events.where(
        events.day >= (np.datetime64(f"{found.since_year}-01-01") - np.datetime64("1970-01-01")).astype(int)
    )
    assert found.events == len(latest)
    assert [cell.observed for cell in found.rows[0]] == brute(latest, latest.day.tolist())[0].tolist()
