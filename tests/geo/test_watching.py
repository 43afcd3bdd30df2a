"""Entering and leaving, with fixes as good or bad as phones give them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from safeconduct.geo import sphere
from safeconduct.geo.fences import Corridor, FenceSet, Perimeter
from safeconduct.geo.sphere import Point
from safeconduct.geo.watching import Crossing, Fix, Standing, Watcher, step

PORT = Point(24.77, 67.35)
FENCE = Perimeter(PORT, 1000)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fixes(distances: list[float], accuracy: float | None = 20) -> list[Fix]:
    return [
        Fix(sphere.destination(PORT, 90, d), NOON + timedelta(seconds=30 * n), accuracy)
        for n, d in enumerate(distances)
    ]


def walked(found: list[Fix], standing: Standing | None = None) -> tuple[Standing, list[Crossing]]:
    standing, crossings = standing or Standing(), []
    for fix in found:
        standing, crossing = step(FENCE, standing, fix)
        if crossing:
            crossings.append(crossing)
    return standing, crossings


def test_one_who_leaves_and_comes_back() -> None:
    standing, crossings = walked(fixes([0, 500, 1200, 1500, 1200, 900, 400]))
    assert [c.enters for c in crossings] == [False, True]
    assert crossings[0].since == NOON + timedelta(seconds=60)
    assert crossings[0].distance == pytest.approx(500, abs=0.1)
    assert standing.inside is True


def test_the_first_fix_says_where_somebody_is_and_nothing_more() -> None:
    assert walked(fixes([5000, 5000, 5000])) == (Standing(False, NOON + timedelta(seconds=60)), [])


def test_one_stray_fix_is_no_crossing() -> None:
    assert walked(fixes([0, 9000, 0, 9000, 0, 9000, 0]))[1] == []


def test_noise_at_the_edge_does_not_flap() -> None:
    """A guard at the gate, on the edge itself, for a day: fixes every 30 s with an accuracy of 30 m."""
    draw = random.Random(3)
    sigma = 30 / 1.515  # 68 % within 30 m
    crossings = []
    standing = Standing(True)
    for n in range(2880):
        at = sphere.destination(
            sphere.destination(PORT, 90, 1000 + draw.gauss(0, sigma)), 0, draw.gauss(0, sigma)
        )
        standing, crossing = step(FENCE, standing, Fix(at, NOON + timedelta(seconds=30 * n), 30))
        crossings += [crossing] if crossing else []
    assert crossings == []


def test_a_bad_fix_does_not_show_that_somebody_left() -> None:
    inside = Standing(True)
    assert walked(fixes([1400, 1400, 1400], accuracy=300), inside)[1] == []
    assert len(walked(fixes([1400, 1400, 1400], accuracy=100), inside)[1]) == 1
    assert walked(fixes([90_000, 90_000], accuracy=20_000), inside) == (inside, [])
    assert walked(fixes([1090, 1090], accuracy=None), inside)[1] == []
    assert len(walked(fixes([1110, 1110], accuracy=None), inside)[1]) == 1
    assert walked(fixes([1009, 1009], accuracy=0.001), inside)[1] == []


def test_late_and_doubled_fixes_change_nothing() -> None:
    first = fixes([0, 1500, 1500])
    standing, crossings = walked([first[0], first[1], first[1], first[0]])
    assert crossings == []
    assert walked([first[2]], standing)[1][0].since == first[1].moment


def test_what_is_known_outlives_the_process() -> None:
    standing, _ = walked(fixes([0, 1500]))
    assert Standing.of(standing.plain()) == standing
    assert standing.count == 1
    assert Standing.of(Standing().plain()) == Standing()


def test_a_watcher_of_many_fences() -> None:
    ahead = sphere.destination(PORT, 90, 30_000)
    fences = FenceSet({"port": FENCE, "route": Corridor([PORT, ahead], 2000), "end": Perimeter(ahead, 500)})
    watcher = Watcher(fences)
    told = []
    for n in range(31):
        fix = Fix(sphere.destination(PORT, 90, 1000.0 * n), NOON + timedelta(minutes=n), 10)
        told += [(key, crossing.enters) for key, crossing in watcher.see(fix)]
    told += [(k, c.enters) for k, c in watcher.see(Fix(ahead, NOON + timedelta(hours=1), 10))]
    assert told == [("port", False), ("end", True)]
    assert watcher.inside() == ["route", "end"]
    again = Watcher(fences, watcher.standings)
    assert again.inside() == ["route", "end"]
