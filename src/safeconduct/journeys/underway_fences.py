"""Where a journey is, held against where it should be: the route's corridor, Designated Areas, the site it leaves.

A position is no record, but what it means is: that a journey left its corridor or entered a Designated Area is
escalated, that it left the site it started from is word that it departed. Two fixes in a row must say so, each by more
than its own uncertainty (`geo.watching`); the same two bring it back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from safeconduct.geo.areas import AreaMap, AreasError
from safeconduct.geo.atlas import designated_file
from safeconduct.geo.fences import Area, Corridor, Fence, Perimeter
from safeconduct.geo.sphere import GeometryError, Point, of_geojson
from safeconduct.geo.watching import Crossing, Fix, Standing, step
from safeconduct.journeys.kinds import CHECK_IN, MOVEMENT
from safeconduct.journeys.raising import escalate
from safeconduct.journeys.underway_word import AHEAD_SECONDS
from safeconduct.notify.ladder import escalations, settle
from safeconduct.positions.seen import on_fixes
from safeconduct.records.commit import Draft, store
from safeconduct.records.events import log_event
from safeconduct.records.hooks import on_start
from safeconduct.records.moments import instant
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView, names_in
from safeconduct.records.transaction import Tx, iso

CORRIDOR, ORIGIN, AREA = "corridor", "origin", "area/"
GOING = ("under_way", "overdue")


@dataclass(frozen=True)
class _Fence:
    """A fence to watch, what is taken for known before the first fix, and how it is called on the escalation."""

    fence: Fence
    at_first: bool | None
    name: str = ""


@on_start
def make_table(tx: Tx) -> None:
    tx.db.execute(
        "CREATE TABLE IF NOT EXISTS journey_fence (movement TEXT NOT NULL, person TEXT NOT NULL, fence TEXT NOT NULL, "
        "standing TEXT NOT NULL, PRIMARY KEY (movement, person, fence)) WITHOUT ROWID"
    )


@on_fixes
def watch(tx: Tx, movement: str, person: str, fixes: Sequence[Fix]) -> None:
    """Hold fixes of one traveller, in the order of their time, against the fences of the movement."""
    row = tx.row(movement)
    if row is None or row.kind != MOVEMENT.name or row.withdrawn or row.state in MOVEMENT.final:
        return
    known = _standings(tx, movement, person)
    changed: dict[str, Standing] = {}
    for fix in fixes:
        for key, fence in _fences(tx, row, fix, known).items():
            before = known.get(key, Standing(inside=fence.at_first))
            after, crossing = step(fence.fence, before, fix)
            if after != before:
                known[key] = changed[key] = after
            if crossing is not None:
                _crossed(tx, movement, person, key, fence, crossing)
                row = tx.row(movement) or row
    tx.db.executemany(
        "INSERT INTO journey_fence VALUES (?, ?, ?, ?) "
        "ON CONFLICT (movement, person, fence) DO UPDATE SET standing = excluded.standing",
        [(movement, person, key, json.dumps(standing.plain())) for key, standing in changed.items()],
    )


def watch_check_in(tx: Tx, row: RowView) -> None:
    """The position that was stated with a check-in counts like any other."""
    values = row.values()
    position, word = values.get("position"), values.get("word")
    if position and word and instant(word["at"]).timestamp() <= tx.now + AHEAD_SECONDS:
        at = Point(position["latitude"], position["longitude"])
        watch(tx, row.about, _speaker(tx, row), [Fix(at, instant(word["at"]), position.get("accuracy_m"))])


def _speaker(tx: Tx, row: RowView) -> str:
    """Whose position a check-in states: the person here who said it, or the other party, which speaks for no phone."""
    if row.originator != tx.home.party:
        return f"{row.originator}/"
    return next(iter(sorted(names_in(row.assigned))), "")


def forget(tx: Tx, movement: str) -> None:
    """Nothing is watched any more, and no route stays in memory."""
    _corridor.cache_clear()
    tx.db.execute("DELETE FROM journey_fence WHERE movement = ?", (movement,))


def _standings(tx: Tx, movement: str, person: str) -> dict[str, Standing]:
    rows = tx.db.execute(
        "SELECT fence, standing FROM journey_fence WHERE movement = ? AND person = ?", (movement, person)
    )
    return {fence: Standing.of(json.loads(standing)) for fence, standing in rows.fetchall()}


def _fences(tx: Tx, row: RowView, fix: Fix, known: dict[str, Standing]) -> dict[str, _Fence]:
    """The fences that a fix may say something of."""
    found: dict[str, _Fence] = {}
    itinerary = row.values().get("itinerary") or {}
    if row.state in GOING:
        corridor = _corridor(row.id, row.version, row.parts) if itinerary.get("route") else None
        if corridor is not None:
            found[CORRIDOR] = _Fence(corridor, at_first=True)
        areas = _areas(designated_file(tx.home.path))
        if areas is not None:
            near = {f"{AREA}{area.name}" for area in areas.at(fix.at)}
            for key in near | {key for key in known if key.startswith(AREA)}:
                shape = areas.shape(key.removeprefix(AREA))
                if shape is not None:
                    found[key] = _Fence(shape, at_first=False, name=key.removeprefix(AREA))
    else:
        origin = _site(tx, (itinerary.get("origin") or {}).get("site", ""))
        if origin is not None:
            found[ORIGIN] = _Fence(origin, at_first=None)
    return found


@lru_cache(maxsize=500)
def _corridor(movement: str, version: int, parts: str) -> Corridor | None:
    """The corridor of a movement's route, made once for each version."""
    itinerary = json.loads(parts)["itinerary"]
    try:
        return Corridor(of_geojson(itinerary["route"]["coordinates"]), float(itinerary["corridor_m"]))
    except (GeometryError, KeyError, TypeError, ValueError) as fault:
        log_event("fence_wrong", fault=fault)
        return None


def _site(tx: Tx, site: str) -> Fence | None:
    """The perimeter of a site of the registry: its boundary, else its radius."""
    row = tx.row(site) if site else None
    place: dict[str, Any] = (
        (row.values().get("place") or {}) if row is not None and row.kind == "site" else {}
    )
    try:
        if place.get("boundary"):
            return Area.of_boundary(place["boundary"])
        if place.get("radius_m"):
            return Perimeter(Point(place["latitude"], place["longitude"]), float(place["radius_m"]))
    except (GeometryError, KeyError, TypeError, ValueError) as fault:
        log_event("fence_wrong", fault=fault)
    return None


_loaded: dict[Path, tuple[int, AreaMap | None]] = {}


def _areas(file: Path) -> AreaMap | None:
    """The Designated Areas of a node, read again when the file has changed; None where it has none."""
    try:
        stamp = file.stat().st_mtime_ns
    except OSError:
        return None
    held = _loaded.get(file)
    if held is None or held[0] != stamp:
        try:
            held = (stamp, AreaMap.load(file))
        except (AreasError, OSError) as fault:
            log_event("areas_unread", fault=fault)
            held = (stamp, None)
        _loaded[file] = held
    return held[1]


def _crossed(tx: Tx, movement: str, person: str, key: str, fence: _Fence, crossing: Crossing) -> None:
    row = tx.row(movement)
    if row is None:
        return
    since = crossing.since.timestamp()
    if key == ORIGIN:
        if not crossing.enters and row.originator == tx.home.party:
            _departed(tx, row, since)
        return
    reason, out_of_bounds = ("left_corridor", False) if key == CORRIDOR else ("entered_area", True)
    raised = [each for each in escalations(tx, movement) if _raised(each, reason, fence.name)]
    if crossing.enters is not out_of_bounds:
        # One who is back says nothing of another who is not.
        back = not _others_out(tx, movement, person, key, out_of_bounds)
        for each in raised if back else ():
            settle(tx, each, "back")
    elif not raised:
        escalate(tx, row, reason, since, fence.name)


def _others_out(tx: Tx, movement: str, person: str, key: str, out_of_bounds: bool) -> bool:
    """Whether any other of those who are followed was last where it should not be."""
    rows = tx.db.execute(
        "SELECT standing FROM journey_fence WHERE movement = ? AND fence = ? AND person <> ?",
        (movement, key, person),
    )
    return any(Standing.of(json.loads(told)).inside is out_of_bounds for (told,) in rows.fetchall())


def _raised(escalation: RowView, reason: str, name: str) -> bool:
    told = escalation.values().get("step") or {}
    return escalation.state == "raised" and (told.get("reason"), told.get("point", "")) == (reason, name)


def _departed(tx: Tx, row: RowView, since: float) -> None:
    """It has left the site it starts from: word of that, by its position."""
    word = {"at": iso(since), "entered": iso(tx.now), "category": "departed", "by": "position"}
    draft = Draft(CHECK_IN.name, {"word": word}, about=row.id)
    store(tx, system_subject(tx.home.party), "write", CHECK_IN, draft)
