"""Routes over a road network: the quickest one, and others that really differ from it.

Others are found by the penalty method: the roads of what was found are made to seem slower, in both directions,
and the search is done again (Chen, Bell, Bogenberger, "Reliable pretrip multipath planning and dynamic adaptation
for a centralized road navigation system", IEEE Trans. ITS 8(1), 2007; Bader, Dees, Geisberger, Sanders, "Alternative
route graphs in road networks", TAPAS 2011). What is found so is admitted by criteria after those of Abraham, Delling,
Goldberg, Werneck, "Alternative routes in road networks", ACM JEA 18, 2013: it shares little with each route admitted
before (`SHARED`), takes not much longer than the quickest (`LONGER`), and no part of it is a needless detour
(`DETOUR`). Times are by assumed speeds and know nothing of traffic, weather, checkpoints or danger.

Where edges have a burden besides their time, `options` also searches by time plus a multiple of the burden, for
multiples of growing size: each finds a way on the lower hull of what can be had of both (the Lagrangean relaxation of a
shortest path with a constraint: Handler, Zang, "A dual algorithm for the constrained shortest path problem", Networks
10, 1980). A way that lies within the hull is not found so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from safeconduct.geo.areas import AreaMap
from safeconduct.geo.fences import Fence
from safeconduct.geo.network import RoadNetwork
from safeconduct.geo.passing import Passed, TownIndex, passed_on
from safeconduct.geo.paths import Load, Paths, Stretch, Way
from safeconduct.geo.places import Places
from safeconduct.geo.snapping import EdgeIndex, Snap
from safeconduct.geo.sphere import Point, point, vectors

WITHIN = 50_000.0
"""Metres from a road within which a place is still reached by it."""
PENALTY = 1.4
"""How many times slower the roads of a found route seem in the next search."""
SEARCHES = 14
SHARED, LONGER, DETOUR = 0.7, 1.5, 2.0
"""Of the quickest time at most so much on shared roads; so many times as long; so many times the part replaced."""
MOST_ALTERNATIVES = 10
TRADES = tuple(float(each) for each in np.geomspace(0.1, 1000.0, 9))
"""How often a burden counts against time, in units of the quickest route's time by its burden."""
ALIKE = 0.9
"""Two routes are one where so much of the shorter one's time is on shared roads."""
LONGEST = 5.0


class NoRoute(LookupError):
    """There is no route. `reason`: `origin_off_road`, `destination_off_road`, `not_joined` or `avoided`."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Route:
    """A way from one place to another. `coordinates` are `(longitude, latitude)`, `reached_m` the metres of road at
    each of them: more than what is drawn where the roads are schematic.

    `schematic`: straight lines between towns, only to show which roads are meant: not for navigation. `source` and
    `licence` are to be shown with it. The metres off the road are those between a place and where its road begins.
    """

    distance_m: float
    duration_s: float
    coordinates: tuple[tuple[float, float], ...]
    roads: tuple[str, ...]
    passed: Passed
    schematic: bool
    source: str
    licence: str
    origin_off_road_m: float
    destination_off_road_m: float
    reached_m: tuple[float, ...] = ()

    def plain(self) -> dict[str, Any]:
        """What an itinerary holds of it."""
        return {
            "coordinates": [list(pair) for pair in self.coordinates],
            "distance_m": round(self.distance_m),
            "duration_s": round(self.duration_s),
            "source": self.source,
            "schematic": self.schematic,
        }


class RoadGraph:
    """A network ready for questions. Safe to ask from several threads: nothing in it changes."""

    def __init__(self, network: RoadNetwork, areas: AreaMap | None = None) -> None:
        self.network = network
        self.origin = network.origin
        self.places = Places(network.places)
        self._areas = areas
        self._towns = TownIndex(self.places)
        self._paths = Paths(network)
        self._index = EdgeIndex(network)

    def nearest(self, lat: float, lon: float, within: float = WITHIN) -> Snap | None:
        """The nearest position on a road, or None with no road so near. Raises GeometryError for no position."""
        found = self._index.nearest(point(lat, lon), within)
        return found[0] if found else None

    def routes(
        self,
        origin: tuple[float, float],
        destination: tuple[float, float],
        alternatives: int = 3,
        avoid_areas: Sequence[Fence] = (),
    ) -> list[Route]:
        """Up to that many routes between two (latitude, longitude), the quickest first.

        There are fewer where no other way differs enough. No route enters an area to avoid. Raises NoRoute with the
        reason, GeometryError for what is no position.
        """
        start, end = self._snapped(point(*origin), point(*destination))
        load = self._load(avoid_areas)
        quickest = self._paths.quickest(start, end, load)
        if quickest is None:
            if avoid_areas and self._paths.quickest(start, end, Load(self._paths)):
                raise NoRoute("avoided", "every way leads through an area that is to be avoided")
            raise NoRoute("not_joined", "no road of the file joins the two places")
        found = self._others(quickest, start, end, load, max(1, min(alternatives, MOST_ALTERNATIVES)))
        return [self._route(path, start, end) for path in found]

    def weighed(
        self, origin: tuple[float, float], destination: tuple[float, float], weights: npt.NDArray[np.float64]
    ) -> Route:
        """The route of least weight, by a weight of each edge (both directions alike) instead of its time.

        Raises NoRoute with the reason, GeometryError for what is no position, ValueError for what are no weights.
        """
        load = Load(self._paths, by_edge=self._for_edges(weights))
        start, end = self._snapped(point(*origin), point(*destination))
        return self._route(self._least(start, end, load), start, end)

    def options(
        self,
        origin: tuple[float, float],
        destination: tuple[float, float],
        burden: npt.NDArray[np.float64],
        alternatives: int = 3,
        longest: float = LONGER,
    ) -> list[Route]:
        """Routes that differ, the quickest first and the others by time: alternatives as `routes` has them, and those
        that carry less of a burden which edges have besides their time (in any unit, for an edge as a whole).

        None takes more than `longest` times as long as the quickest, 5 times at the most. Raises as `weighed` does.
        """
        burden = self._for_edges(burden)
        if not 1 <= longest <= LONGEST:
            raise ValueError(f"a detour is limited to 1 to {LONGEST:g} times the quickest")
        start, end = self._snapped(point(*origin), point(*destination))
        load = Load(self._paths)
        quickest = self._least(start, end, load)
        wanted = max(1, min(alternatives, MOST_ALTERNATIVES))
        found = self._others(quickest, start, end, load, wanted, longest)
        seconds = self._paths.seconds(quickest)
        carried = sum(abs(part.end - part.begin) * float(burden[part.edge]) for part in quickest)
        for trade in TRADES if carried > 0 else ():
            weights = self.network.seconds + trade * seconds / carried * burden
            lighter = self._least(start, end, Load(self._paths, by_edge=weights))
            if self._paths.seconds(lighter) > longest * seconds:
                break  # with a larger multiple it takes as long or longer
            if all(self._shared(lighter, other) <= ALIKE for other in found):
                found.append(lighter)
        found[1:] = sorted(found[1:], key=self._paths.seconds)
        return [self._route(path, start, end) for path in found]

    def _for_edges(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        checked = np.asarray(values, np.float64)
        if checked.shape != self.network.seconds.shape:
            raise ValueError("a value for each edge of the roads")
        if not (np.isfinite(checked).all() and bool((checked >= 0).all())):
            raise ValueError("what an edge weighs is a number, and not less than 0")
        return checked

    def _least(self, start: Snap, end: Snap, load: Load) -> Way:
        found = self._paths.quickest(start, end, load)
        if found is None:
            raise NoRoute("not_joined", "no road of the file joins the two places")
        return found

    def _others(
        self, quickest: Way, start: Snap, end: Snap, load: Load, wanted: int, longest: float = LONGER
    ) -> list[Way]:
        """The quickest way and up to `wanted` in all that differ from it and from one another, by time."""
        found = [quickest]
        latest = quickest
        for _ in range(SEARCHES if wanted > 1 and quickest else 0):
            load.penalise({part.edge for part in latest}, PENALTY)
            another = self._paths.quickest(start, end, load)
            if another is None:
                break
            latest = another
            if self._admitted(another, found, longest):
                found.append(another)
            if len(found) == wanted:
                break
        found[1:] = sorted(found[1:], key=self._paths.seconds)
        return found

    def _snapped(self, origin: Point, destination: Point) -> tuple[Snap, Snap]:
        """The nearest roads of both; hardly farther ones where only those are joined."""
        starts = self._index.nearest(origin, WITHIN)
        if not starts:
            raise NoRoute("origin_off_road", f"no road within {WITHIN / 1000:.0f} km of the origin")
        ends = self._index.nearest(destination, WITHIN)
        if not ends:
            raise NoRoute("destination_off_road", f"no road within {WITHIN / 1000:.0f} km of the destination")
        pairs = sorted(((a.off + b.off, n, m) for n, a in enumerate(starts) for m, b in enumerate(ends)))
        for _, n, m in pairs:
            if self._paths.joined(starts[n], ends[m]):
                return starts[n], ends[m]
        return starts[0], ends[0]

    def _load(self, avoid: Sequence[Fence]) -> Load:
        blocked: set[int] = set()
        for fence in avoid:
            segments = self._index.within(fence.rows())
            if len(segments):
                touched = fence.touches(*self._index.ends(segments))
                blocked.update(self._index.edges(segments[touched]).tolist())

        def open_part(part: Stretch) -> bool:
            lons, lats = zip(*self._paths.course(part), strict=True)
            course = vectors(lats, lons)
            return not any(bool(np.any(fence.touches(course[:-1], course[1:]))) for fence in avoid)

        return Load(self._paths, blocked, open_part)

    def _shared(self, path: Way, other: Way) -> float:
        """How much of the shorter one's time is on roads of both, 0 to 1; 1 where one of them has no length."""
        own, theirs = self._by_edge(path), self._by_edge(other)
        shorter = min(sum(own.values()), sum(theirs.values()))
        shared = sum(min(own[edge], theirs[edge]) for edge in own.keys() & theirs.keys())
        return shared / shorter if shorter > 0 else 1.0

    def _admitted(self, path: Way, found: Sequence[Way], longest: float) -> bool:
        """Whether a path differs enough from those found, and is no needless detour."""
        quickest = self._paths.seconds(found[0])
        if self._paths.seconds(path) > longest * quickest:
            return False
        own = self._by_edge(path)
        for other in found:
            theirs = self._by_edge(other)
            if sum(min(own[e], theirs[e]) for e in own.keys() & theirs.keys()) > SHARED * quickest:
                return False
        return self._straightforward(path, found[0])

    def _straightforward(self, path: Way, quickest: Way) -> bool:
        """Each part that leaves the quickest path and comes back to it is no more than so many times as long."""
        ends = (self._paths.seconds(path), self._paths.seconds(quickest))
        when = dict(self._paths.junctions(quickest))
        before = (0.0, 0.0)
        for own, theirs in [*((t, when[n]) for n, t in self._paths.junctions(path) if n in when), ends]:
            if theirs < before[1] - 1e-6 or own - before[0] > DETOUR * (theirs - before[1]) + 60:
                return False
            before = (own, theirs)
        return True

    def _by_edge(self, path: Way) -> dict[int, float]:
        found: dict[int, float] = {}
        for part in path:
            found[part.edge] = found.get(part.edge, 0.0) + self._paths.seconds([part])
        return found

    def _route(self, path: Way, start: Snap, end: Snap) -> Route:
        course, reached = self._paths.along(path)
        if len(course) < 2:
            here = (round(start.at.lon, 6), round(start.at.lat, 6))
            course, reached = [here, here], [0.0, 0.0]
        names = (self.network.names[int(self.network.name[part.edge])] for part in path)
        return Route(
            self._paths.metres(path),
            self._paths.seconds(path),
            tuple(course),
            tuple(dict.fromkeys(name for name in names if name)),
            passed_on(course, self._towns, self._areas),
            self.origin.schematic,
            self.origin.source,
            self.origin.licence,
            start.off,
            end.off,
            tuple(reached),
        )
