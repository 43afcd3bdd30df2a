"""What a node has of roads and areas, for rooms that know its home and nothing of files.

The files are replaced by `save`; whoever asks next gets the new ones. Where a file is damaged, `faults` says so and
the rest works.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from safeconduct.geo.areas import AreaMap, AreasError
from safeconduct.geo.network import RoadNetwork, RoadsError
from safeconduct.geo.places import Places
from safeconduct.geo.routing import RoadGraph

FOLDER, ROADS, AREAS, DESIGNATED = "roads", "roads.npz", "areas.json", "designated.json"

_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Atlas:
    """Roads and areas of a node, None where it has none. `places` are the towns of the roads."""

    roads: RoadGraph | None
    areas: AreaMap | None
    places: Places
    faults: tuple[str, ...] = ()

    @classmethod
    def load(cls, home: Path) -> Atlas:
        """The atlas of a home, read again only when a file has changed."""
        stamp = tuple(_stamp(file) for file in (roads_file(home), areas_file(home)))
        with _lock:
            held = _held.get(home)
            if held is None or held[0] != stamp:
                held = _held[home] = (stamp, cls._read(home))
            return held[1]

    @classmethod
    def _read(cls, home: Path) -> Atlas:
        areas, network, faults = None, None, []
        try:
            areas = AreaMap.load(areas_file(home))
        except FileNotFoundError:
            pass
        except (AreasError, OSError) as fault:
            faults.append(str(fault))
        try:
            network = RoadNetwork.load(roads_file(home))
        except FileNotFoundError:
            pass
        except (RoadsError, OSError) as fault:
            faults.append(str(fault))
        roads = RoadGraph(network, areas) if network else None
        return cls(roads, areas, roads.places if roads else Places(), tuple(faults))


def roads_file(home: Path) -> Path:
    return home / FOLDER / ROADS


def areas_file(home: Path) -> Path:
    return home / FOLDER / AREAS


def designated_file(home: Path) -> Path:
    """The Designated Areas, apart from those that say where something is."""
    return home / FOLDER / DESIGNATED


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


_lock = threading.Lock()
_held: dict[Path, tuple[_Stamp, Atlas]] = {}
