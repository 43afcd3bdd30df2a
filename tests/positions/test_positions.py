"""Positions: kept apart from the ledger, from those who travel, for those who may read the itinerary, and then gone."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ready
from journeys.journey_node import Journeys, journeys, movement_parts
from safeconduct.agreement.policy import Subject
from safeconduct.node.backups import backup
from safeconduct.positions import keeping, reading
from safeconduct.positions.limits import POSITIONS_AT_ONCE, Allowance
from safeconduct.positions.reading import latest, may_follow, track
from safeconduct.positions.sending import AT_ONCE, BatchRefused, may_send, read_batch
from safeconduct.positions.store import Position, Store
from safeconduct.records.commit import Draft, commit
from safeconduct.records.home import Home
from safeconduct.records.refusals import NotFound


@pytest.fixture
def node(partner_home: Home) -> Iterator[Journeys]:
    with journeys(partner_home) as found:
        found.clock.now = time.time()
        yield found
    for store in reading._stores.values():
        store.close()
    reading._stores.clear()


@pytest.fixture
def traveller(node: Journeys) -> Subject:
    return node.person("mei", "protected_person")


def journey(node: Journeys, *assigned: str) -> str:
    return commit(node.system, Draft("movement", movement_parts(), assigned=assigned)).record


def fix(at: float, **more: Any) -> dict[str, Any]:
    return {"at": at, "latitude": 25.0, "longitude": 66.9, "accuracy_m": 12.0, **more}


def at(movement: str, when: float, person: str = "mei", latitude: float = 25.0) -> Position:
    return Position(movement, person, when, latitude, 66.9, 10.0)


@pytest.mark.usefixtures("carried")
def test_the_same_position_twice_is_one_and_the_newest_wins(node: Journeys) -> None:
    store, now = reading.store(), time.time()
    batch = [at("m1", now - 60), at("m1", now - 30, latitude=25.1), at("m2", now - 10)]
    assert store.put(batch) == 3
    assert store.put(batch) == 0
    assert store.put([at("m1", now - 45, latitude=30.0)]) == 1, "late, and so not the newest"
    assert store.latest(["m1", "m2", "m3"], 0)["m1"].latitude == 25.1
    assert [p.at for p in store.track("m1", 0, 10)] == [now - 60, now - 45, now - 30]
    assert store.movements() == ["m1", "m2"]
    store.tell(store.untold("m1"))
    assert store.untold("m1") == [] and len(store.untold("m2")) == 1


def test_who_travels_may_send_until_it_is_over(node: Journeys, traveller: Subject) -> None:
    own, other = journey(node, "mei"), journey(node, "somebody else")
    manager = node.person("zhao", "security_manager")
    assert may_send(traveller, own)
    assert not may_send(traveller, other) and not may_send(traveller, "no such movement")
    assert not may_send(manager, own), "who only watches does not move"
    assert not may_send(node.person("mei", "analyst")._replace(roles=frozenset({"analyst"})), own)
    row = node.row(own)
    commit(node.system, Draft("movement", {}, record=own, expected=row.version, state="arrived"))
    assert not may_send(traveller, own)


def test_what_is_wrong_in_a_batch_does_not_hold_up_the_rest(node: Journeys, traveller: Subject) -> None:
    movement, now = journey(node, "mei"), time.time()
    bad = [
        fix(now + 3_600),
        fix(now - 30 * 86_400),
        fix(now, accuracy_m=-1.0),
        fix(now, latitude=91.0),
        fix(now, longitude=float("inf")),
        fix(float("nan")),
        fix(now, latitude="25"),
        {"at": now},
        "fix",
        None,
        {**fix(now), "at": "yesterday"},
        {**fix(now), "at": "2026-01-01"},
        fix(now, heading=400.0),
    ]
    batch = read_batch(traveller, {"movement": movement, "positions": [fix(now - 5), *bad, fix(now - 1)]})
    assert len(batch.positions) == 2 and [n for n, _ in batch.refused] == list(range(1, len(bad) + 1))
    assert all(p.person == "mei" for p in batch.positions)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"movement": 5, "positions": []},
        {"movement": "m"},
        {"movement": "m", "positions": {}},
        {"movement": "m", "positions": [fix(0.0)] * (AT_ONCE + 1)},
        {"movement": "m", "positions": [fix(0.0)] * 10_000},
    ],
)
def test_what_is_no_batch_is_refused(node: Journeys, traveller: Subject, body: Any) -> None:
    with pytest.raises(BatchRefused):
        read_batch(traveller, body)


def test_only_who_may_read_the_itinerary_sees_where_it_is_and_that_is_noted(node: Journeys) -> None:
    movement, hidden = journey(node, "mei"), journey(node, "mei")
    now = time.time()
    reading.store().put([at(movement, now - 5), at(hidden, now - 5)])
    officer, warden = node.person("wu", "watch_officer"), node.person("li", "warden")
    before = node.writer.log.size
    assert latest(warden, [movement, hidden]) == {}
    assert node.writer.log.size == before
    assert set(latest(officer, [movement, "no such"])) == {movement}
    notes = node.writer.tables.all("SELECT parts FROM records_row WHERE kind = 'reading'", [])
    assert len(notes) == 1 and movement in notes[0][0] and "itinerary" in notes[0][0] and "wu" in notes[0][0]
    assert "notice" not in notes[0][0], "nothing is noted that was not shown"
    assert [p.movement for p in track(officer, movement)] == [movement]
    with pytest.raises(NotFound):
        track(warden, movement)
    with pytest.raises(NotFound):
        track(officer, "no such movement")
    assert may_follow(officer, movement) and not may_follow(warden, movement)
    assert not may_follow(officer, "no such movement")


def test_they_are_gone_when_their_time_is_over(node: Journeys) -> None:
    movement, now = journey(node, "mei"), time.time()
    canary = 12.345678901234
    old = now - 86_400 * keeping.DEFAULT_DAYS - 60
    reading.store().put([at(movement, old, latitude=canary), at(movement, now - 60)])
    assert latest(node.person("wu", "watch_officer"), [movement])[movement].at == now - 60
    node.clock.now = now
    node.writer.tick(keeping.forget_old)
    assert [p.at for p in reading.store().track(movement, 0, 10)] == [now - 60]
    for suffix in ("", "-wal"):
        path = node.home.positions.with_name(node.home.positions.name + suffix)
        assert struct.pack(">d", canary) not in (path.read_bytes() if path.exists() else b"")
    if node.home.database is not None:
        assert not [row for row in ready.rows_of(node.home, "positions") if canary in row]


def test_none_is_older_than_shown_even_before_the_sweep(node: Journeys) -> None:
    movement = journey(node, "mei")
    reading.store().put([at(movement, time.time() - 86_400 * keeping.DEFAULT_DAYS - 60)])
    officer = node.person("wu", "watch_officer")
    assert latest(officer, [movement]) == {} and track(officer, movement) == []


@pytest.mark.usefixtures("carried")
def test_a_movement_that_is_gone_leaves_no_positions(node: Journeys) -> None:
    reading.store().put([at("no such movement", time.time())])
    node.writer.tick(keeping.forget_old)
    assert reading.store().movements() == []


@pytest.mark.files("`backup` and `restore` copy files")
def test_backups_have_none(node: Journeys, tmp_path: Path) -> None:
    reading.store().put([at(journey(node, "mei"), time.time())])
    backup(node.home, tmp_path / "backup")
    assert not list((tmp_path / "backup").rglob("positions*"))


def test_a_phone_that_runs_wild_is_slowed_down() -> None:
    allowance = Allowance()
    passed = [allowance.batch("mei", now=0.0) for _ in range(100)].count(0)
    assert passed == 30 and allowance.batch("mei", now=1.0) > 0 and allowance.batch("wu", now=1.0) == 0
    assert allowance.batch("mei", now=60.0) == 0
    assert allowance.positions("mei", POSITIONS_AT_ONCE, now=0.0) == 0
    assert allowance.positions("mei", 10_000, now=0.0) > 0
    for n in range(25_000):
        allowance.batch(f"p{n}", now=2.0)


def test_a_store_is_opened_by_two_processes(node: Journeys) -> None:
    other = Store(node.home)
    assert reading.store().put([at("m", 1.0)]) == 1
    assert other.put([at("m", 1.0)]) == 0 and other.put([at("m", 2.0)]) == 1
    other.close()
