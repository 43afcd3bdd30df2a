"""Quickest paths over a network, from a position on one road to a position on another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from safeconduct.geo.arcs import Arcs
from safeconduct.geo.network import SCALE, RoadNetwork
from safeconduct.geo.snapping import Snap
from safeconduct.geo.sphere import of_vector, separations, vectors

AT_NODE = 0.5
"""Metres from a junction within which a position is the junction."""
LONGER_THAN_STRAIGHT = 1.5


class Stretch(NamedTuple):
    """A part of an edge, from one fraction of its course to another; backwards where `begin` is the larger."""

    edge: int
    begin: float
    end: float


Way = list[Stretch]


class Load:
    """What roads weigh in one search: their time, more for penalised ones, endlessly much for blocked ones.

    `open_part` says of a part of a blocked edge whether it can be used all the same. `by_edge`: a weight of each edge
    instead of its time, in both directions.
    """

    def __init__(
        self,
        paths: Paths,
        blocked: Iterable[int] = (),
        open_part: Callable[[Stretch], bool] | None = None,
        by_edge: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self._paths = paths
        self._by_edge = paths.network.seconds if by_edge is None else by_edge
        self._blocked = set(blocked)
        self._open_part = open_part
        self._factor: dict[int, float] = {}
        self.weights = paths.seconds_by_arc if by_edge is None else paths.by_arc(by_edge)
        if self._blocked:
            self.weights = self.weights.copy()
            for edge in self._blocked:
                for arc in paths.arcs_of(edge):
                    self.weights[arc] = math.inf

    def penalise(self, edges: Iterable[int], factor: float) -> None:
        """Make edges seem slower, in both directions."""
        if self.weights is self._paths.seconds_by_arc:
            self.weights = self.weights.copy()
        for edge in edges:
            self._factor[edge] = self._factor.get(edge, 1.0) * factor
            for arc in self._paths.arcs_of(edge):
                self.weights[arc] *= factor

    def cost(self, part: Stretch) -> float:
        """What a part of an edge weighs."""
        if part.edge in self._blocked and not (self._open_part and self._open_part(part)):
            return math.inf
        share = abs(part.end - part.begin)
        return share * float(self._by_edge[part.edge]) * self._factor.get(part.edge, 1.0)


class Paths:
    """The directed graph of a network: an arc for each direction of each edge."""

    def __init__(self, network: RoadNetwork) -> None:
        self.network = network
        both = np.flatnonzero(~network.one_way)
        self._edges = len(network.tail)
        self._edges_of_arcs = np.concatenate((np.arange(self._edges), both))
        self._edge_of = self._edges_of_arcs.tolist()
        self._back = np.full(self._edges, -1, np.int64)
        self._back[both] = self._edges + np.arange(len(both))
        self._arcs = Arcs(
            len(network.node_lat),
            np.concatenate((network.tail, network.head[both])),
            np.concatenate((network.head, network.tail[both])),
        )
        self.seconds_by_arc = self.by_arc(network.seconds)
        self._metres_by_arc = self.by_arc(network.metres)
        self.part_of = self._arcs.parts()
        """For each node the number of the part of the network within which one gets there and back."""

    def by_arc(self, by_edge: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What each edge weighs, for each direction of it."""
        weights: npt.NDArray[np.float64] = by_edge[self._edges_of_arcs]
        return weights

    def arcs_of(self, edge: int) -> tuple[int, ...]:
        back = int(self._back[edge])
        return (edge,) if back < 0 else (edge, back)

    def joined(self, a: Snap, b: Snap) -> bool:
        """Whether one surely gets from one edge to the other and back."""
        tail = self.network.tail
        return bool(self.part_of[tail[a.edge]] == self.part_of[tail[b.edge]])

    def quickest(self, start: Snap, end: Snap, load: Load) -> Way | None:
        """The path of least weight, or None where there is none."""
        ways = [self._direct(start, end, load)] if start.edge == end.edge else []
        entries = self._entries(end)
        targets = [node for node, _ in entries]
        likely = self._likely(start, end, load)
        for node, leaves in self._exits(start):
            found = self._arcs.least(node, targets, load.weights, likely)
            for (_, arrives), arcs in zip(entries, found, strict=True):
                if arcs is not None:
                    weight = float(load.weights[arcs].sum())
                    weight += sum(load.cost(part) for part in (leaves, arrives) if part)
                    ways.append((weight, [p for p in (leaves, *map(self._along, arcs), arrives) if p]))
        weight, path = min(ways, key=lambda way: way[0], default=(math.inf, []))
        return path if weight < math.inf else None

    def _likely(self, start: Snap, end: Snap, load: Load) -> float:
        """What a path of ordinary roads would weigh that is half as long again as the straight line."""
        open_ = np.isfinite(load.weights)
        metres = float(self._metres_by_arc[open_].sum())
        straight = float(separations(*(vectors([at.at.lat], [at.at.lon]) for at in (start, end)))[0])
        return (
            LONGER_THAN_STRAIGHT * straight * float(load.weights[open_].sum()) / metres
            if metres
            else math.inf
        )

    def _along(self, arc: int) -> Stretch:
        edge = self._edge_of[arc]
        return Stretch(edge, 0.0, 1.0) if arc < self._edges else Stretch(edge, 1.0, 0.0)

    def _direct(self, start: Snap, end: Snap, load: Load) -> tuple[float, Way]:
        part = Stretch(start.edge, start.fraction, end.fraction)
        if start.fraction > end.fraction and self.network.one_way[start.edge]:
            return math.inf, []
        return load.cost(part), [part] if part.begin != part.end else []

    def _exits(self, at: Snap) -> list[tuple[int, Stretch | None]]:
        """Junctions at which one can be after leaving a position, and the part of its edge to there."""
        tail, head, slack = self._ends(at.edge)
        if at.fraction <= slack:
            return [(tail, None)]
        if at.fraction >= 1 - slack:
            return [(head, None)]
        exits: list[tuple[int, Stretch | None]] = [(head, Stretch(at.edge, at.fraction, 1.0))]
        if not self.network.one_way[at.edge]:
            exits.append((tail, Stretch(at.edge, at.fraction, 0.0)))
        return exits

    def _entries(self, at: Snap) -> list[tuple[int, Stretch | None]]:
        tail, head, slack = self._ends(at.edge)
        if at.fraction <= slack:
            return [(tail, None)]
        if at.fraction >= 1 - slack:
            return [(head, None)]
        entries: list[tuple[int, Stretch | None]] = [(tail, Stretch(at.edge, 0.0, at.fraction))]
        if not self.network.one_way[at.edge]:
            entries.append((head, Stretch(at.edge, 1.0, at.fraction)))
        return entries

    def _ends(self, edge: int) -> tuple[int, int, float]:
        n = self.network
        return int(n.tail[edge]), int(n.head[edge]), min(0.5, AT_NODE / float(n.metres[edge]))

    def seconds(self, path: Way) -> float:
        return sum(abs(p.end - p.begin) * float(self.network.seconds[p.edge]) for p in path)

    def metres(self, path: Way) -> float:
        return sum(abs(p.end - p.begin) * float(self.network.metres[p.edge]) for p in path)

    def junctions(self, path: Way) -> list[tuple[int, float]]:
        """Junctions at the ends of the parts of a path, each with the seconds from its start."""
        n, reached, found = self.network, 0.0, []
        for number, part in enumerate(path):
            if number == 0 and part.begin in (0.0, 1.0):
                found.append((int(n.head[part.edge] if part.begin else n.tail[part.edge]), 0.0))
            reached += abs(part.end - part.begin) * float(n.seconds[part.edge])
            if part.end in (0.0, 1.0):
                found.append((int(n.head[part.edge] if part.end else n.tail[part.edge]), reached))
        return found

    def along(self, path: Way) -> tuple[list[tuple[float, float]], list[float]]:
        """Longitudes and latitudes along a path, and at each the metres of road from the start: by the lengths of the
        edges, which are more than what is drawn where the roads are schematic."""
        found: list[tuple[float, float]] = []
        owner: list[int] = []
        for number, part in enumerate(path):
            for pair in self.course(part):
                if not found or found[-1] != pair:
                    found.append(pair)
                    owner.append(number)
        if len(found) < 2:
            return found, [0.0] * len(found)
        lons, lats = zip(*found, strict=True)
        line = vectors(lats, lons)
        step, part_of = separations(line[:-1], line[1:]), np.array(owner[1:])
        told = np.array([self.metres([part]) for part in path])
        drawn = np.bincount(part_of, weights=step, minlength=len(path))
        step *= np.divide(told, drawn, out=np.ones(len(path)), where=drawn > 0)[part_of]
        return found, [0.0, *np.cumsum(step).tolist()]

    def course(self, part: Stretch) -> list[tuple[float, float]]:
        """Longitudes and latitudes along a part of an edge, in its direction."""
        n = self.network
        first, last = int(n.first[part.edge]), int(n.last[part.edge])
        chosen = np.arange(first, last + 1) if first <= last else np.arange(first, last - 1, -1)
        lats, lons = n.course_lat[chosen] / SCALE, n.course_lon[chosen] / SCALE
        begin, end = sorted((part.begin, part.end))
        if (begin, end) != (0.0, 1.0):
            lats, lons = _cut(lats, lons, begin, end)
        pairs = [(round(float(lon), 6), round(float(lat), 6)) for lon, lat in zip(lons, lats, strict=True)]
        return pairs if part.begin <= part.end else pairs[::-1]


def _cut(lats: np.ndarray, lons: np.ndarray, begin: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """The part of a course between two fractions of its length."""
    v = vectors(lats, lons)
    reached = np.concatenate(([0.0], np.cumsum(separations(v[:-1], v[1:]))))
    low, high = begin * reached[-1], end * reached[-1]
    inner = (reached > low) & (reached < high)
    ends = []
    for at in (low, high):
        number = min(max(int(np.searchsorted(reached, at, side="right")) - 1, 0), len(reached) - 2)
        share = (at - reached[number]) / max(reached[number + 1] - reached[number], 1e-9)
        ends.append(of_vector((1 - share) * v[number] + share * v[number + 1]))
    cut_lats = np.concatenate(([ends[0].lat], lats[inner], [ends[1].lat]))
    return cut_lats, np.concatenate(([ends[0].lon], lons[inner], [ends[1].lon]))
