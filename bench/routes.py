"""Route queries per second against bare igraph on the same graph.

The bare limit of a route is one `get_shortest_path` between two junctions. Ours finds the roads nearest to two
positions first, and tells course, towns and districts afterwards.
"""

from __future__ import annotations

import argparse
import random
import time
from array import array
from importlib.resources import as_file, files

import igraph
import numpy as np

from bench.measure import heading, side_by_side
from safeconduct.geo.network import SCALE, Lines, Origin, RoadNetwork
from safeconduct.geo.roads import read
from safeconduct.geo.routing import NoRoute, RoadGraph
from safeconduct.geo.speeds import Road


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--side", type=int, default=300, help="junctions a side of the grid (default: %(default)s)"
    )
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    heading("Routes")
    with as_file(files("safeconduct.node.demonstration")) as folder:
        schematic = read(folder / "roads" / "roads_schematic_pak.geojson")
    routes("schematic roads", schematic, 60, given.pairs)
    routes(f"grid of {given.side**2:,} junctions", grid(given.side), 6, given.pairs)


def routes(title: str, network: RoadNetwork, count: int, pairs: int) -> None:
    begun = time.perf_counter()
    graph = RoadGraph(network)
    built = time.perf_counter() - begun
    draw = random.Random(1)
    chosen = [tuple(draw.sample(range(len(network.node_lat)), 2)) for _ in range(count)]
    at = [
        (float(a) / SCALE, float(b) / SCALE) for a, b in zip(network.node_lat, network.node_lon, strict=True)
    ]
    bare, seconds = _bare(network)
    print(f"{title}: {len(network.tail):,} edges, ready in {built:.2f} s")

    def plain() -> int:
        for a, b in chosen:
            bare.get_shortest_path(a, b, weights=seconds, output="epath")
        return count

    for alternatives in (1, 3):

        def ours(wanted: int = alternatives) -> int:
            for a, b in chosen:
                try:
                    graph.routes(at[a], at[b], wanted)
                except NoRoute:
                    continue
            return count

        print(side_by_side(ours, plain, pairs).line(f"routes, {alternatives} asked for", "igraph"))


def grid(side: int) -> RoadNetwork:
    """A country of crossings a kilometre or so apart, with roads of several speeds, one in ten of them one way."""
    draw = random.Random(2)
    lines = Lines()
    lat = [round((25 + n * 0.01) * SCALE) for n in range(side)]
    lon = [round((65 + n * 0.01) * SCALE) for n in range(side)]

    def road() -> Road:
        return Road("primary", draw.choice((30.0, 45.0, 60.0, 90.0)), int(draw.random() < 0.1))

    for y in range(side):
        for x in range(side):
            if x + 1 < side:
                lines.add(array("q", (y * side + x, y * side + x + 1)), road())
            if y + 1 < side:
                lines.add(array("q", (y * side + x, y * side + side + x)), road())
    rows, columns = np.array(lat, np.int32), np.array(lon, np.int32)
    return lines.network(
        lambda keys: (rows[keys // side], columns[keys % side], np.ones(len(keys), bool)), Origin("made up")
    )


def _bare(network: RoadNetwork) -> tuple[igraph.Graph, list[float]]:
    both = np.flatnonzero(~network.one_way)
    forth = np.stack((network.tail, network.head), axis=-1)
    arcs = np.concatenate((forth, forth[both][:, ::-1]))
    seconds = np.concatenate((network.seconds, network.seconds[both])).tolist()
    return igraph.Graph(n=len(network.node_lat), edges=arcs, directed=True), seconds


if __name__ == "__main__":
    main()
