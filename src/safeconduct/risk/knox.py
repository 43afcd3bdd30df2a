"""Near repeats: whether incidents close in space come close in time more often than chance would bring them.

Knox (1964), "The detection of space-time interactions", Applied Statistics 13, counts the pairs of events that are
near one another in both. Townsley, Homel and Chaseling (2003) and Johnson et al. (2007) read the table of bands for
near repeats; Townsley, Johnson and Ratcliffe (2008) found them among insurgent attacks. Here the days are shuffled
among the events of one calendar year, so that neither a slow trend nor the places' own popularity passes for a
repeat. The count to be expected under that shuffle is exact; only its p value is drawn.

Only events whose place and day are exactly known can say anything: two events of one district at its centroid are not
near one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from safeconduct.risk.days import date_of
from safeconduct.risk.events import EXACT, Bools, Events, Floats, Ints

SPACE = (0.01, 5.0, 15.0, 30.0)
"""Upper ends of the bands of distance, km. The first is one place: ten metres, closer than coordinates are told."""
TIME = ((0, 2), (3, 7), (8, 14), (15, 30), (31, 90))
PERMUTATIONS, FEWEST_PERMUTATIONS = 999, 99
WORK = 60_000_000
"""Pairs times shuffles: about a second. More pairs are shuffled less often, and the table says how often."""
MOST_PAIRS = 1_500_000
FEWEST_EVENTS = 20
SIGNIFICANT = 0.05
RADIUS_KM = 6371.0088
_FAR = len(TIME)
_LONGEST = 2 * 366


@dataclass(frozen=True)
class Cell:
    """Pairs seen in a band of distance and of time, pairs to be expected, their ratio (None where none are expected)
    and the share of shuffles with as many pairs or more."""

    observed: int
    expected: float
    ratio: float | None
    p: float

    @property
    def more(self) -> bool:
        return self.p <= SIGNIFICANT


@dataclass(frozen=True)
class Knox:
    """`rows[band of distance][band of time]`. `events`: how many exact ones it rests on, of all that were given;
    `coinciding`: the share of those that stand at the very coordinates of another, as town centres do. `since_year`:
    the first year taken, later than the first event's where there were more pairs than can be shuffled in time."""

    events: int
    coinciding: float
    since_year: int
    permutations: int
    rows: tuple[tuple[Cell, ...], ...]


def exact(events: Events) -> Bools:
    """Which events have a known place and a known day."""
    found: Bools = (events.place == EXACT) & (events.time == EXACT) & ~np.isnan(events.lat)
    return found


def knox(events: Events, seed: int = 0) -> Knox:
    """The near-repeat table of the exact events among these. The same events and seed give the same table.

    Without 20 exact events there are no rows.
    """
    used = events.where(exact(events))
    coinciding = _coinciding(used)
    year = np.array([date_of(day).year for day in used.day], np.int64)
    if len(used) < FEWEST_EVENTS:
        return Knox(len(used), coinciding, int(year[0]) if len(year) else 0, 0, ())
    first, second, band, since = _pairs(used, year)
    taken = year >= since
    shift = len(year) - int(taken.sum())
    first, second, year, day = first - shift, second - shift, year[taken], used.day[taken]
    observed = _tally(day, first, second, band)
    expected = _expected(day, year, first, second, band)
    count = max(FEWEST_PERMUTATIONS, min(PERMUTATIONS, WORK // max(len(first), 1)))
    reached = _reached(day, year, (first, second, band), observed, count, seed)
    rows = tuple(
        tuple(
            Cell(int(o), float(e), float(o / e) if e > 0 else None, float((1 + r) / (1 + count)))
            for o, e, r in zip(*line, strict=True)
        )
        for line in zip(observed, expected, reached, strict=True)
    )
    return Knox(len(day), coinciding, since, count, rows)


def _coinciding(events: Events) -> float:
    if not len(events):
        return 0.0
    _, which, many = np.unique(np.c_[events.lat, events.lon], axis=0, return_inverse=True, return_counts=True)
    return float((many[which.ravel()] > 1).mean())


Pairs = tuple[Ints, Ints, npt.NDArray[np.int8]]


def _pairs(events: Events, year: Ints) -> tuple[Ints, Ints, npt.NDArray[np.int8], int]:
    """Each pair within the largest distance and in the same or in neighbouring years, its band of distance; and the
    first year that was taken.

    Pairs of years further apart can never come within 90 days, however days are shuffled within years. From the
    last year backwards, until a year would bring more pairs than can be shuffled; the last is taken whole.
    """
    from scipy.spatial import cKDTree

    points = _on_sphere(events.lat, events.lon)
    reach = 2 * math.sin(SPACE[-1] / RADIUS_KM / 2)
    found: list[npt.NDArray[np.intp]] = []
    held, later, since = 0, None, 0
    for each in np.unique(year)[::-1]:
        numbers = np.flatnonzero(year == each)
        tree = cKDTree(points[numbers])
        some = [numbers[tree.query_pairs(reach, output_type="ndarray")]]
        if later is not None and each + 1 == later[0]:
            near = tree.sparse_distance_matrix(later[2], reach, output_type="coo_matrix")
            some.append(np.c_[numbers[near.row], later[1][near.col]])
        held += sum(map(len, some))
        if found and held > MOST_PAIRS:
            break
        found += some
        later, since = (each, numbers, tree), int(each)
    both = np.concatenate(found) if found else np.empty((0, 2), np.intp)
    first, second = both[:, 0].astype(np.int64), both[:, 1].astype(np.int64)
    chord = np.sqrt(np.square(points[first] - points[second]).sum(axis=1))
    km = 2 * RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1.0))
    return first, second, np.searchsorted(SPACE[:-1], km, side="left").astype(np.int8), since


def _on_sphere(lat: Floats, lon: Floats) -> Floats:
    lat, lon = np.radians(lat), np.radians(lon)
    points: Floats = np.c_[np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    return points


def _time_bands() -> npt.NDArray[np.int8]:
    """By days apart, the band of time; `_FAR` beyond the last."""
    bands = np.full(_LONGEST, _FAR, np.int8)
    for number, (low, high) in enumerate(TIME):
        bands[low : high + 1] = number
    return bands


_BANDS = _time_bands()


def _tally(day: Ints, first: Ints, second: Ints, band: npt.NDArray[np.int8]) -> Ints:
    """Pairs by band of distance and of time."""
    width = _FAR + 1
    apart = _BANDS[np.abs(day[first] - day[second])]
    table = np.bincount(band.astype(np.intp) * width + apart, minlength=len(SPACE) * width)
    found: Ints = table.reshape(len(SPACE), width)[:, :_FAR].astype(np.int64)
    return found


def _expected(day: Ints, year: Ints, first: Ints, second: Ints, band: npt.NDArray[np.int8]) -> Floats:
    """The mean of `_tally` over all shuffles of days within years.

    Shuffled, a pair of one year has the days of any two of its events, a pair of neighbouring years those of any
    one of each, all equally likely.
    """
    table = np.zeros((len(SPACE), _FAR))
    years = {int(each): day[year == each] for each in np.unique(year)}
    low, high = np.minimum(year[first], year[second]), np.maximum(year[first], year[second])
    for earlier in years:
        for later in (earlier, earlier + 1):
            chosen = (low == earlier) & (high == later)
            if not chosen.any():
                continue
            by_space = np.bincount(band[chosen], minlength=len(SPACE))
            table += np.outer(by_space, _chances(years[earlier], years[later], earlier == later))
    return table


def _chances(one: Ints, other: Ints, same: bool) -> Floats:
    """The chance of each band of time for the days of two different events."""
    start = min(int(one.min()), int(other.min()))
    length = max(int(one.max()), int(other.max())) - start + 1
    a, b = (np.bincount(each - start, minlength=length).astype(np.float64) for each in (one, other))
    chances = np.zeros(_FAR)
    for number, (low, high) in enumerate(TIME):
        for days in range(low, min(high, length - 1) + 1):
            pairs = float(a[: length - days] @ b[days:])
            if days:
                pairs += float(b[: length - days] @ a[days:])
            elif same:
                pairs -= len(one)
            chances[number] += pairs
    chances /= len(one) * (len(one) - 1) if same else len(one) * len(other)
    return chances


def _reached(day: Ints, year: Ints, pairs: Pairs, observed: Ints, count: int, seed: int) -> Ints:
    """In how many of so many shuffles each cell had as many pairs as were observed, or more."""
    draw = np.random.default_rng(seed)
    first, second, band = pairs
    # Days apart from -731 to 731 and the band of distance make one number, which is counted: no pass over the pairs
    # for the size or the band of their distance in time.
    width = 2 * _LONGEST - 1
    base = band.astype(np.int64) * width + _LONGEST - 1
    fold = np.zeros((width, _FAR + 1))
    fold[np.arange(width), _BANDS[np.abs(np.arange(width) - _LONGEST + 1)]] = 1
    fold = fold[:, :_FAR]
    reached = np.zeros(observed.shape, np.int64)
    one, other = np.empty_like(first), np.empty_like(second)
    for _ in range(count):
        # Years ascend, so that sorting by year and chance leaves each year's events in its own stretch.
        shuffled = day[np.argsort(year + draw.random(len(year)))]
        shuffled.take(first, out=one, mode="clip")
        shuffled.take(second, out=other, mode="clip")
        one -= other
        one += base
        table = np.bincount(one, minlength=len(SPACE) * width).reshape(len(SPACE), width)
        reached += table @ fold >= observed
    return reached
