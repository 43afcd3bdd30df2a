"""A road network as arrays: put together from lines, kept in one compressed file, read back.

Lines meet where one ends on a position of another, or where two share a position; there each is cut. A line that
only crosses another on the map does not meet it: it may be a bridge.
"""

from __future__ import annotations

import json
import os
import zipfile
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from safeconduct.geo.places import MOST as MOST_PLACES
from safeconduct.geo.places import Place
from safeconduct.geo.speeds import KMH, Road
from safeconduct.geo.sphere import separations, vectors

SCALE = 1e7
"""Positions are kept as whole numbers of 1e-7 degrees (about a centimetre), as OpenStreetMap does."""
MOST_POINTS = 40_000_000
MOST_EDGES = 4_000_000
FORMAT = 1
CLASSES = tuple(KMH)

Ints: TypeAlias = npt.NDArray[Any]
Locate: TypeAlias = Callable[[Ints], tuple[Ints, Ints, npt.NDArray[np.bool_]]]
"""From keys of positions to latitudes and longitudes (whole 1e-7 degrees), and which of them are known."""


class RoadsError(ValueError):
    """A file that holds no roads, or not in a way that can be read; the text says why."""


@dataclass(frozen=True)
class Origin:
    """Where a file's content comes from. `schematic`: drawn to show which towns are joined, not for navigation."""

    source: str
    licence: str = ""
    schematic: bool = False
    imported: str = ""


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """Nodes where roads meet or end, and edges between them with their course. Lengths in metres, times in seconds.

    Edge `e` runs from node `tail[e]` to `head[e]` along the positions `first[e]` to `last[e]` of the course;
    `one_way[e]`: only in that direction.
    """

    node_lat: Ints
    node_lon: Ints
    tail: Ints
    head: Ints
    first: Ints
    last: Ints
    metres: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]
    one_way: npt.NDArray[np.bool_]
    road_class: Ints
    name: Ints
    course_lat: Ints
    course_lon: Ints
    names: tuple[str, ...]
    places: tuple[Place, ...]
    origin: Origin
    bbox: tuple[float, ...] = ()
    """West, south, east, north, in degrees, of the positions as numbers."""

    @property
    def kilometres(self) -> float:
        return float(self.metres.sum()) / 1000

    def save(self, path: Path) -> None:
        """Write by an atomic rename, so that whoever reads has the old network or the new one."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if _is_array(getattr(self, f.name))}
        told = {
            "format": FORMAT,
            "names": self.names,
            "places": [place.plain() for place in self.places],
            "origin": asdict(self.origin),
            "bbox": self.bbox,
        }
        arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        try:
            with temporary.open("wb") as target:
                np.savez_compressed(target, allow_pickle=False, **arrays)
                target.flush()
                os.fsync(target.fileno())
            temporary.chmod(0o600)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> RoadNetwork:
        """Read what `save` wrote. Raises RoadsError for anything else, OSError where there is no file."""
        try:
            with np.load(path, allow_pickle=False) as held:
                arrays = {name: held[name] for name in held.files}
            told = json.loads(arrays.pop("told").tobytes())
            if told["format"] != FORMAT:
                raise RoadsError(f"{path.name} is of another version: import the roads again")
            places = tuple(Place(**{**p, "others": tuple(p.get("others", ()))}) for p in told["places"])
            names, bbox = tuple(told["names"]), tuple(told["bbox"])
            network = cls(**arrays, names=names, places=places, origin=Origin(**told["origin"]), bbox=bbox)
        except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError) as fault:
            if isinstance(fault, RoadsError):
                raise
            raise RoadsError(f"{path.name} is damaged: import the roads again") from fault
        network._check(path)
        return network

    def _check(self, path: Path) -> None:
        edges, nodes, positions = len(self.tail), len(self.node_lat), len(self.course_lat)
        by_edge = ("head", "first", "last", "metres", "seconds", "one_way", "road_class", "name")
        right = all(len(getattr(self, name)) == edges for name in by_edge) and edges > 0
        right = right and len(self.node_lon) == nodes and len(self.course_lon) == positions
        for ends, most in ((("tail", "head"), nodes), (("first", "last"), positions)):
            right = right and all(0 <= getattr(self, n).min() <= getattr(self, n).max() < most for n in ends)
        if not right or not bool(np.all(self.seconds > 0)):
            raise RoadsError(f"{path.name} is damaged: import the roads again")


class Lines:
    """Collects lines of a file, position by position key, until `network` puts them together."""

    def __init__(self) -> None:
        self._keys = array("q")
        self._counts = array("l")
        self._roads: list[Road] = []
        self._known: dict[Road, Road] = {}
        self.places: list[Place] = []
        self.skipped = 0

    def __len__(self) -> int:
        return len(self._roads)

    @property
    def keys(self) -> Ints:
        """The distinct keys, sorted."""
        return np.unique(np.frombuffer(self._keys, np.int64)) if self._keys else np.empty(0, np.int64)

    def add(self, keys: array[int], road: Road) -> None:
        """One line. Raises RoadsError when there are more than can be held."""
        if len(keys) < 2:
            self.skipped += 1
            return
        if len(self._keys) + len(keys) > MOST_POINTS:
            raise RoadsError(f"more than {MOST_POINTS:,} positions: take an extract of a smaller region")
        self._keys.extend(keys)
        self._counts.append(len(keys))
        self._roads.append(self._known.setdefault(road, road))

    def add_place(self, place: Place) -> None:
        if len(self.places) < MOST_PLACES:
            self.places.append(place)

    def network(self, locate: Locate, origin: Origin) -> RoadNetwork:
        """Cut the lines where they meet. Raises RoadsError if no road is left."""
        keys = np.frombuffer(self._keys, np.int64) if self._keys else np.empty(0, np.int64)
        line = np.repeat(np.arange(len(self._counts)), np.frombuffer(self._counts, np.dtype("l")))
        lat, lon, known = locate(keys)
        run = line + np.cumsum(~known)
        keys, line, run, lat, lon = (a[known] for a in (keys, line, run, lat, lon))
        repeated = np.zeros(len(keys), bool)
        repeated[1:] = (keys[1:] == keys[:-1]) & (run[1:] == run[:-1])
        keys, line, run, lat, lon = (a[~repeated] for a in (keys, line, run, lat, lon))
        if len(keys) < 2:
            raise RoadsError("the file holds no road that a vehicle can use")
        cuts, node = _cuts(keys, run)
        joined = run[cuts[1:]] == run[cuts[:-1]]
        first, last = cuts[:-1][joined], cuts[1:][joined]
        metres = _lengths(lat, lon, line, run, first, last, self._roads)
        seconds = metres / np.array([r.kmh for r in self._roads])[line[first]] * 3.6 if len(first) else metres
        kept = (node[first] != node[last]) & (metres > 0)
        if not kept.any():
            raise RoadsError("the file holds no road that a vehicle can use")
        if np.count_nonzero(kept) > MOST_EDGES:
            raise RoadsError(f"more than {MOST_EDGES:,} pieces of road: take an extract of a smaller region")
        return self._arrays(
            node, line, lat, lon, first[kept], last[kept], metres[kept], seconds[kept], origin
        )

    def _arrays(
        self,
        node: Ints,
        line: Ints,
        lat: Ints,
        lon: Ints,
        first: Ints,
        last: Ints,
        metres: Ints,
        seconds: Ints,
        origin: Origin,
    ) -> RoadNetwork:
        roads = [self._roads[n] for n in line[first]]
        names = sorted({road.name for road in roads})
        number = {name: n for n, name in enumerate(names)}
        back = np.array([road.direction < 0 for road in roads])
        first, last = np.where(back, last, first), np.where(back, first, last)
        used, ends = np.unique(np.concatenate((node[first], node[last])), return_inverse=True)
        at = np.zeros(len(used), np.intp)
        at[ends] = np.concatenate((first, last))
        corners = (lon[at].min(), lat[at].min(), lon[at].max(), lat[at].max())
        return RoadNetwork(
            node_lat=lat[at],
            node_lon=lon[at],
            tail=ends[: len(first)].astype(np.int32),
            head=ends[len(first) :].astype(np.int32),
            first=first.astype(np.int32),
            last=last.astype(np.int32),
            metres=metres,
            seconds=seconds,
            one_way=np.array([road.direction != 0 for road in roads]),
            road_class=np.array([CLASSES.index(road.road_class) for road in roads], np.uint8),
            name=np.array([number[road.name] for road in roads], np.int32),
            course_lat=lat,
            course_lon=lon,
            names=tuple(names),
            places=tuple(self.places),
            origin=origin,
            bbox=tuple(float(corner) / SCALE for corner in corners),
        )


def _cuts(keys: Ints, run: Ints) -> tuple[Ints, Ints]:
    """Where lines are cut: at their ends and at positions that occur more than once. And each position's number."""
    _, node, count = np.unique(keys, return_inverse=True, return_counts=True)
    ends = np.ones(len(keys), bool)
    ends[1:-1] = (run[1:-1] != run[:-2]) | (run[1:-1] != run[2:])
    meets = count > 1
    meets[node[ends]] = True
    return np.flatnonzero(meets[node]), node


def _lengths(lat: Ints, lon: Ints, line: Ints, run: Ints, first: Ints, last: Ints, roads: list[Road]) -> Ints:
    """Metres of each edge; where a line tells its own length, its edges share in it as drawn."""
    step = np.zeros(len(lat))
    for begin in range(0, len(lat) - 1, 1_000_000):
        end = min(begin + 1_000_001, len(lat))
        v = vectors(lat[begin:end] / SCALE, lon[begin:end] / SCALE)
        step[begin + 1 : end] = separations(v[:-1], v[1:])
    step[1:][run[1:] != run[:-1]] = 0.0
    reached = np.cumsum(step)
    metres: Ints = reached[last] - reached[first]
    told = np.array([road.metres or 0.0 for road in roads])
    drawn = np.bincount(line, weights=step, minlength=len(roads))
    factor = np.divide(told, drawn, out=np.ones(len(roads)), where=(told > 0) & (drawn > 0))
    shared: Ints = metres * factor[line[first]]
    return shared


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)
