"""The counts beside the words: what a reader may see, near enough and known well enough; nothing else is counted."""

from __future__ import annotations

import time
from typing import Any

from assessment.srm_nodes import (
    SITE,
    Node,
    Nodes,
    person,
    site_of,
)
from safeconduct.assessment.srm_context import DAY, NEAR_KM, Place, context_of, places_of
from safeconduct.geo.sphere import Point, destination, distance
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.records.release import release
from safeconduct.risk.counts import garwood
from safeconduct.risk.rates import rate_ratio

HERE = Point(24.8, 67.1)


def _incident(node: Node, days_ago: int, at: Point | None, level: int = 0, **where: Any) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - days_ago * DAY))
    placed = {"latitude": at.lat, "longitude": at.lon} if at else {}
    parts = {
        "summary": {"title": "Shots", "category": "attack"},
        "when": {"start": day, "time_precision": 1},
        "where": {"district": "Karachi", "geo_precision": 1, **placed, **where},
    }
    levels = {"summary": level, "when": level, "where": level}
    with node.active():
        draft = Draft("incident", parts, state="closed", levels=levels)
        commit(system_subject(node.home.party), draft, door=node.door)


def test_both_years_are_counted_within_the_distance_and_in_the_district(rooms: Nodes) -> None:
    host, partner = rooms
    site, _ = site_of(host, partner)
    told = [
        (1, 10.0),
        (200, 49.0),
        (364, 0.0),
        (365, 30.0),
        (700, 49.9),
        (729, 1.0),
        (730, 1.0),
        (2, 51.0),
        (400, 51.0),
    ]
    for number, (days, km) in enumerate(told):
        _incident(host, days, destination(HERE, number * 40.0, km * 1_000))
    _incident(host, 5, None)
    _incident(host, 6, HERE, geo_precision=4)
    _incident(host, 7, HERE, geo_precision=3)
    _incident(host, 8, HERE, district="Thatta")
    _incident(host, 9, HERE, level=3)
    officer = person(host, "officer", "security_officer", clearance=2)
    with host.active():
        coordinator = person(host, "c", "coordinator", clearance=2)
        context = context_of(coordinator, places_of("site", release(officer, site).parts))
    near = [(days, km) for days, km in told if km <= NEAR_KM and days < 730]
    point, district = context.counted
    now = sum(days < 365 for days, _ in near) + 1
    before = sum(days >= 365 for days, _ in near)
    assert (point.way, point.now.count, point.before.count) == ("point", now, before) == ("point", 4, 3)
    assert point.now.interval == garwood(4) and point.ratio == rate_ratio(3, 365, 4, 365)
    assert (district.way, district.now.count, district.before.count) == ("district", 6, 4)
    assert point.unplaced == 3 and district.unplaced == 1
    assert distance(HERE, destination(HERE, 0, 49_000)) < NEAR_KM * 1_000


def test_corners_that_are_none_count_nothing_and_a_polygon_counts_what_is_in_it(rooms: Nodes) -> None:
    host, _ = rooms
    _incident(host, 3, HERE)
    _incident(host, 3, Point(26.0, 67.1))
    reader = person(host, "c", "coordinator")
    box = [[67.0, 24.7], [67.2, 24.7], [67.2, 24.9], [67.0, 24.9]]
    crossed = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    with host.active():
        inside, nowhere = context_of(reader, [Place(boundary=box), Place(boundary=crossed)]).counted
        assert (inside.way, inside.now.count) == ("boundary", 1)
        assert nowhere.now.count == 0
        assert context_of(reader, [Place()]).counted == []
        assert places_of("site", {})[0].point is None and not places_of("movement", {})
        assert SITE["place"]["district"] in places_of("site", {"place": SITE["place"]})[0].districts
