"""Routes weighed by risk against bare igraph and scipy on the same graph, and the bootstrap of one journey.

The bare limit of a risk-weighted route is one `get_shortest_path` between two junctions with the same weights; scipy's
`dijkstra` from the one junction to all is what array programs have. Ours finds the roads nearest to two positions
first, and tells course, lengths and towns afterwards. The bootstrap draws the weeks of the record again and reckons the
figures of every way of a journey under each draw.
"""

from __future__ import annotations

import argparse
import csv
import random
import time
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import igraph
import numpy as np

from bench.measure import heading, side_by_side
from bench.routes import grid
from safeconduct.geo.network import SCALE, RoadNetwork
from safeconduct.geo.roads import read
from safeconduct.geo.routing import RoadGraph
from safeconduct.risk.days import day_named, day_of
from safeconduct.risk.events import Events
from safeconduct.risk.passage import Nearness
from safeconduct.risk.road_exposure import RoadExposure
from safeconduct.risk.ways import Asked, Past, ways

PUBLISHED = Path(__file__).resolve().parents[2] / "shared/data/ucdp_ged_pakistan_1989_2019.csv"
JOURNEYS = (("Karachi", "Gwadar"), ("Quetta", "Gwadar"), ("Islamabad", "Dasu"), ("Peshawar", "Quetta"))
DRAWS = 30
"""Of a whole network's edges at once: 300 would take a gigabyte."""
UNTIL = day_of(date(2020, 1, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--side", type=int, default=500, help="junctions a side of the grid (default: %(default)s)"
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--queries", type=int, default=6)
    parser.add_argument(
        "--events", type=Path, default=PUBLISHED, help="UCDP's columns; made up where there is none"
    )
    given = parser.parse_args()
    heading("Route risk")
    weighed(grid(given.side), given.queries, given.pairs)
    bootstrap(given.events, given.pairs)


def weighed(network: RoadNetwork, count: int, pairs: int) -> None:
    """One weighted query at a time, on a graph of a country's size."""
    begun = time.perf_counter()
    graph = RoadGraph(network)
    built = time.perf_counter() - begun
    begun = time.perf_counter()
    roads = RoadExposure.of(network)
    cut = time.perf_counter() - begun
    rates = np.random.default_rng(1).gamma(0.3, 1e-6, len(roads.cells))
    begun = time.perf_counter()
    burden = roads.expected(rates, Nearness())
    one = time.perf_counter() - begun
    begun = time.perf_counter()
    roads.expected(np.tile(rates, (DRAWS, 1)), Nearness())
    many = time.perf_counter() - begun
    weights = network.seconds + burden * (network.seconds.sum() / burden.sum())
    draw = random.Random(1)
    chosen = [tuple(draw.sample(range(len(network.node_lat)), 2)) for _ in range(count)]
    at = np.stack((network.node_lat / SCALE, network.node_lon / SCALE), axis=-1).tolist()
    print(
        f"grid of {len(network.node_lat):,} junctions, {len(network.tail):,} edges: ready in {built:.2f} s, cut by "
        f"cell in {cut:.2f} s, R of every edge in {one * 1000:.1f} ms, under {DRAWS} draws in {many:.2f} s"
    )
    bare, listed = _igraph(network, weights)
    table = _scipy(network, weights)

    def ours() -> int:
        for a, b in chosen:
            graph.weighed(tuple(at[a]), tuple(at[b]), weights)
        return count

    def by_igraph() -> int:
        for a, b in chosen:
            bare.get_shortest_path(a, b, weights=listed, output="epath")
        return count

    def by_scipy() -> int:
        from scipy.sparse.csgraph import dijkstra

        for a, _ in chosen:
            dijkstra(table, indices=a, return_predecessors=True)
        return count

    print(side_by_side(ours, by_igraph, pairs).line("risk-weighted route", "igraph", "0.67"))
    print(side_by_side(ours, by_scipy, pairs).line("risk-weighted route", "scipy, one to all"))
    begun = time.perf_counter()
    found = [graph.options(tuple(at[a]), tuple(at[b]), burden) for a, b in chosen[:2]]
    took = (time.perf_counter() - begun) / len(found)
    print(f"all options of a journey: {took:.1f} s, {sum(map(len, found)) / len(found):.1f} ways")


def bootstrap(file: Path, pairs: int) -> None:
    """300 draws of weeks, and the figures of each way of a journey under each."""
    with as_file(files("safeconduct.node.demonstration")) as folder:
        network = read(folder / "roads" / "roads_schematic_pak.geojson")
    graph, roads = RoadGraph(network), RoadExposure.of(network)
    events = published(file) if file.is_file() else made_up(network)
    print(f"schematic roads, {len(events):,} events ({'published' if file.is_file() else 'made up'})")
    for a, b in JOURNEYS:
        start, end = graph.places.find(a), graph.places.find(b)
        if start is None or end is None:
            continue
        asked = Asked(start.at, end.at, Nearness())
        times = []
        for _ in range(pairs):
            begun = time.perf_counter()
            past = Past.of(events, UNTIL)
            drawn = time.perf_counter() - begun
            found = ways(graph, roads, past, asked)
            times.append((time.perf_counter() - begun, drawn))
        whole, drawn = sorted(times)[len(times) // 2]
        quickest = found[0]
        print(
            f"{a} to {b}: {len(found)} ways, {whole * 1000:.0f} ms, of it 300 draws of the field {drawn * 1000:.0f} ms"
            f"   aim 1 s   quickest {quickest.exposed.kilometres:,.0f} km, R {quickest.events.value:.1e} "
            f"({quickest.events.low:.1e} to {quickest.events.high:.1e}), {quickest.year} / {quickest.ever} incidents"
        )
        for way in found[1:]:
            if (told := way.against) is not None:
                more = way.route.duration_s / quickest.route.duration_s - 1
                print(
                    f"    {way.exposed.kilometres:,.0f} km, {more:+.0%} time: {told.verdict}, ratio {told.ratio:.2f} "
                    f"({told.low:.2f} to {told.high:.2f}), lower in {told.lower:.0%}, {way.beyond_km:,.0f} km unknown"
                )


def published(file: Path) -> Events:
    with file.open(newline="", encoding="utf-8") as source:
        return Events.of(
            (
                day_named(row["date_start"]),
                float(row["latitude"]),
                float(row["longitude"]),
                int(row["where_prec"]),
                int(row["date_prec"]),
            )
            for row in csv.DictReader(source)
        )


def made_up(network: RoadNetwork, count: int = 6_000) -> Events:
    draw = random.Random(3)
    ends = list(zip(network.node_lat / SCALE, network.node_lon / SCALE, strict=True))
    return Events.of((UNTIL - draw.randrange(1, 7_000), *draw.choice(ends), 1, 1) for _ in range(count))


def _igraph(network: RoadNetwork, weights: Any) -> tuple[igraph.Graph, list[float]]:
    both = np.flatnonzero(~network.one_way)
    forth = np.stack((network.tail, network.head), axis=-1)
    arcs = np.concatenate((forth, forth[both][:, ::-1]))
    listed = np.concatenate((weights, weights[both])).tolist()
    return igraph.Graph(n=len(network.node_lat), edges=arcs, directed=True), listed


def _scipy(network: RoadNetwork, weights: Any) -> Any:
    from scipy.sparse import csr_array

    both = np.flatnonzero(~network.one_way)
    tail = np.concatenate((network.tail, network.head[both]))
    head = np.concatenate((network.head, network.tail[both]))
    size = len(network.node_lat)
    return csr_array((np.concatenate((weights, weights[both])), (tail, head)), shape=(size, size))


if __name__ == "__main__":
    main()
