"""Which of the fences contain a position: many at once against bare shapely on the same shapes, and one by one.

Polygons of 12 corners, 0.2 to 2 km wide, in a square of one degree, and positions all over it. The bare limit is
shapely on degrees as if the earth were flat: a tree of boxes and prepared polygons. Ours is exact on the sphere.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
import numpy.typing as npt
import shapely

from bench.measure import heading, side_by_side
from safeconduct.geo.fences import Area, FenceSet
from safeconduct.geo.sphere import Point

AIM_MANY, AIM_ONE_US = 0.8, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fences", type=int, default=5_000)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--singles", type=int, default=200_000, help="positions that are asked one by one")
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    heading(f"{given.points:,} positions, {given.fences:,} fences")
    draw = np.random.default_rng(7)
    rings = polygons(draw, given.fences)
    lat, lon = 33.3 + draw.random(given.points), 72.6 + draw.random(given.points)
    begun = time.perf_counter()
    own = FenceSet({n: Area([[[Point(y, x) for x, y in ring]]], repair=True) for n, ring in enumerate(rings)})
    made = time.perf_counter() - begun
    own.containing_many(lat[:1], lon[:1])
    print(f"areas made in {made:.2f} s, their cells in {time.perf_counter() - begun - made:.2f} s")
    many(own, rings, lat, lon, given.pairs)
    one_by_one(own, lat, lon, min(given.singles, given.points))


def many(
    own: FenceSet[int],
    rings: list[npt.NDArray[np.float64]],
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    pairs: int,
) -> None:
    flat = shapely.make_valid(np.array([shapely.Polygon(ring) for ring in rings]))
    tree = shapely.STRtree(flat)
    shapely.prepare(flat)
    found = {}
    points = len(lat)
    for batch, number in ((1_000, points), (100_000, points)):

        def bare(size: int = batch, number: int = number) -> int:
            hits = 0
            for n in range(0, number, size):
                x, y = lon[n : n + size], lat[n : n + size]
                at, box = tree.query(shapely.points(x, y))
                hits += int(shapely.contains_xy(flat[box], x[at], y[at]).sum())
            found["flat"] = hits
            return number

        def ours(size: int = batch, number: int = number) -> int:
            found["sphere"] = sum(
                len(own.containing_many(lat[n : n + size], lon[n : n + size])[0])
                for n in range(0, number, size)
            )
            return number

        compared = side_by_side(ours, bare, pairs)
        print(compared.line(f"positions in fences, {batch:,} at once", "shapely", str(AIM_MANY)))
        apart = abs(found["sphere"] - found["flat"]) / max(1, found["flat"])
        print(
            f"   {found['sphere']:,} inside on the sphere, {found['flat']:,} on a flat map ({apart:.2%} apart)"
        )


def one_by_one(
    own: FenceSet[int], lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], count: int
) -> None:
    where = [Point(*each) for each in zip(lat[:count].tolist(), lon[:count].tolist(), strict=True)]
    own.containing(where[0])
    took, hits, clock = [], 0, time.perf_counter_ns
    for at in where:
        begun = clock()
        hits += len(own.containing(at))
        took.append(clock() - begun)
    took.sort()
    middle, late = took[len(took) // 2] / 1e3, took[math.ceil(len(took) * 0.99) - 1] / 1e3
    print(
        f"one position   p50 {middle:.1f} us   p99 {late:.1f} us   aim p99 {AIM_ONE_US} us   {hits:,} inside"
    )
    together = len(own.containing_many(lat[:count], lon[:count])[0])
    if together != hits:
        raise SystemExit(f"asked one by one {hits:,} are inside, asked together {together:,}")


def polygons(draw: np.random.Generator, count: int) -> list[npt.NDArray[np.float64]]:
    rings = []
    for _ in range(count):
        lat, lon, radius = 33.3 + draw.random(), 72.6 + draw.random(), (0.2 + 1.8 * draw.random() ** 3) / 111
        turns = np.sort(draw.random(12)) * 2 * math.pi
        reach = radius * (0.7 + 0.3 * draw.random(12))
        lons = lon + reach * np.cos(turns) / math.cos(math.radians(33.7))
        rings.append(np.stack((lons, lat + reach * np.sin(turns)), axis=-1))
    return rings


if __name__ == "__main__":
    main()
