"""Positions by day on PostgreSQL: each where it belongs, a day gone with its bytes, and nothing else changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from journeys.journey_node import Journeys, journeys
from positions.test_positions import at, journey
from safeconduct.ledger.database import snapshot
from safeconduct.ledger.postgres import Postgres
from safeconduct.positions import keeping, reading
from safeconduct.positions.days import DAY, REST
from safeconduct.positions.store import OWN, Store
from safeconduct.records.home import Home

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def node(partner_home: Home) -> Iterator[Journeys]:
    with journeys(partner_home) as found:
        found.clock.now = time.time()
        yield found
    for store in [*reading._stores.values(), *keeping._stores.values()]:
        store.close()
    reading._stores.clear()
    keeping._stores.clear()


def days(store: Store) -> dict[str, int]:
    """How many positions each partition has."""
    names = [each.name for each in store._days._partitions.all()]
    return {
        name: int(store.db.execute(f"SELECT count(*) FROM ONLY {name}").fetchone()[0])
        for name in [*names, REST]
    }


def day(moment: float) -> str:
    return f"position_{int(moment // DAY)}"


def size(store: Store) -> int:
    found = store.db.execute(
        "SELECT CAST(sum(pg_total_relation_size(relid)) AS BIGINT) FROM pg_partition_tree('position')"
    )
    return int(found.fetchone()[0])


def tick(node: Journeys, now: float) -> None:
    node.clock.now = now
    node.writer._transact([lambda tx: {"again": keeping.forget_old(tx)}])


def start(node: Journeys, now: float) -> None:
    node.clock.now = now
    node.writer._transact(
        [lambda tx: keeping.make_store(tx) or {}, lambda tx: {"again": keeping.forget_old(tx)}]
    )


def test_each_lies_in_the_day_of_its_fix_and_days_are_there_before_they_begin(node: Journeys) -> None:
    now = (time.time() // DAY + 30) * DAY + 3600  # long after the day on which the home was made
    start(node, now)
    store = keeping.store_of(node.home)
    assert list(days(store)) == [day(now), day(now + DAY), day(now + 2 * DAY), REST]
    batch = [at("m1", now + hours * 3600) for hours in (-40, -2, 0, 22.5, 23.5, 60)]
    assert store.put(batch) == 6 and store.put(batch) == 0
    assert list(days(store).values()) == [2, 1, 1, 2], "two of days that nobody made wait in the rest"
    assert [p.at for p in store.track("m1", 0, 10)] == [p.at for p in batch]
    assert store.latest(["m1"], 0)["m1"].at == batch[-1].at and store.movements() == ["m1"]
    store.tell(store.untold("m1"))
    assert store.untold("m1") == []
    tick(node, now + 3 * DAY)
    assert day(now + 5 * DAY) in days(store)


def test_a_day_whose_term_is_over_gives_its_disk_back_and_readers_see_what_they_saw(node: Journeys) -> None:
    now = time.time() // DAY * DAY + 3600.0
    begun = now - 3 * DAY
    start(node, begun)
    store, own, gone = keeping.store_of(node.home), journey(node, "mei"), "no such movement"
    for back in (3, 2, 1, 0):
        tick(node, now - back * DAY if back else now - 3700)
        store.put([at(own, now - back * DAY - second) for second in range(0, 3600, 2)])
        store.put([at(gone, now - back * DAY - second) for second in range(0, 3600, 2)])
    seen, before = store.track(own, now - 2 * DAY, 10_000), size(store)
    assert days(store)[day(now - 3 * DAY)] == 0, "its rows went with the term, to the minute"
    tick(node, now)
    assert list(days(store)) == [day(now + DAY * more) for more in (-2, -1, 0, 1, 2)] + [REST]
    assert store.track(own, now - 2 * DAY, 10_000) == seen and store.movements() == [own]
    assert seen[0].at == now - 2 * DAY
    assert size(store) < before
    # A writer that was away for a week lets go of whole days, and of no row of them.
    dropped = [each.name for each in store._days._partitions.all()][:3]
    tick(node, now + 9 * DAY)
    assert not set(dropped) & set(days(store)) and store.movements() == []
    assert size(store) < before / 2


def test_a_day_stays_while_somebodys_term_is_longer_or_somebody_reads_it(
    node: Journeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() // DAY * DAY + 3600.0
    start(node, now)
    store, own = keeping.store_of(node.home), journey(node, "mei")
    store.put([at(own, now + second) for second in range(100)])
    far = [replace(at(own, now + second), party="pk", person="") for second in range(50)]
    store.receive(far, now + 5 * DAY)
    with monkeypatch.context() as longer:
        longer.setattr(keeping, "keep_days", lambda policy, originator: 5)
        tick(node, now + 4 * DAY)
    assert days(store)[day(now)] == 150 and len(store.track(own, 0, 200)) == 100
    tick(node, now + 4 * DAY)
    assert days(store)[day(now)] == 50 and store.track(own, 0, 100, [OWN]) == []
    assert len(store.track(own, 0, 100, ["pk"])) == 50
    reader = Store(node.home)
    with snapshot(reader.db):
        assert reader.db.execute("SELECT count(*) FROM position").fetchone() == (50,)
        tick(node, now + 7 * DAY)
        assert days(store)[day(now)] == 50, "somebody reads it"
    tick(node, now + 7 * DAY)
    assert day(now) not in days(store)
    reader.close()


def test_one_journey_that_is_erased_leaves_nothing_behind(node: Journeys) -> None:
    now = time.time()
    start(node, now)
    store = keeping.store_of(node.home)
    batch = [at("Kh7-forgotten", now + hours * 3600, person="Kh7-traveller") for hours in (-30, 0, 24)]
    store.put([*batch, at(journey(node, "mei"), now)])
    tick(node, now)
    assert sum(days(store).values()) == 1
    swept = "SELECT CAST(relname AS TEXT) FROM pg_stat_user_tables WHERE schemaname = 'positions' AND vacuum_count > 0"
    assert set(days(store)) <= {name for (name,) in store.db.execute(swept).fetchall()}


PLAIN = """
CREATE TABLE position (movement TEXT NOT NULL, person TEXT NOT NULL, at REAL NOT NULL, latitude REAL NOT NULL,
    longitude REAL NOT NULL, accuracy_m REAL, speed REAL, heading REAL, told INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (movement, person, at))
"""


def test_a_plain_table_of_an_earlier_version_is_taken_in_as_it_is_and_empties(node: Journeys) -> None:
    now = time.time() // DAY * DAY + 3600.0
    keeping.close_store(node.home)
    with closing(Postgres(str(node.home.database), "positions")) as db:
        for (name,) in db.execute(
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'positions'"
        ):
            db.execute(f"DROP TABLE IF EXISTS {name} CASCADE")
        db.execute(PLAIN)
        db.execute("CREATE INDEX position_at ON position (at)")
        db.execute("CREATE INDEX position_untold ON position (movement, at) WHERE told = 0")
        file = db.execute("SELECT pg_relation_filepath('position')").fetchone()
        own = journey(node, "mei")
        rows = [(own, "mei", now - 60.0 * minute, 25.0, 66.9) for minute in range(1000)]
        db.executemany(
            "INSERT INTO position (movement, person, at, latitude, longitude) VALUES (?, ?, ?, ?, ?)", rows
        )
    early = Store(node.home)  # of a process that came before the writer
    assert len(early.track(own, 0, 2000)) == 1000
    start(node, now)
    store = keeping.store_of(node.home)
    assert store.db.execute(f"SELECT pg_relation_filepath('{REST}')").fetchone() == file, "nothing is copied"
    assert days(store) == {day(now + DAY): 0, day(now + 2 * DAY): 0, REST: 1000}, (
        "this day stays where it began"
    )
    assert early.put([at(own, now + 1), at(own, now + DAY)]) == 2 and early.put([at(own, now)]) == 0
    assert days(store)[REST] == 1001 and days(store)[day(now + DAY)] == 1
    indexes = "SELECT CAST(indexname AS TEXT) FROM pg_indexes WHERE tablename = 'position' ORDER BY 1"
    assert store.db.execute(indexes).fetchall() == [
        ("position_at",),
        ("position_pkey",),
        ("position_untold",),
    ]
    tick(node, now + 2 * DAY + 7200)
    tick(node, now + 2 * DAY + 7200)
    assert days(store)[REST] == 0 and len(store.track(own, 0, 2000)) == 1
    assert store.db.execute(f"SELECT pg_relation_size('{REST}')").fetchone() == (0,)
    early.close()


def test_a_process_that_shows_records_has_the_whole_and_no_partition(
    node: Journeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    start(node, now)
    store = keeping.store_of(node.home)
    monkeypatch.setenv("SAFECONDUCT_PROCESS", "web")
    shows = Store(node.home)
    assert shows.db.execute("SELECT current_user").fetchone() == ("safeconduct_web",)
    assert shows.put([at("m1", now), at("m1", now - 9 * DAY)]) == 2
    shows.tell(shows.untold("m1"))
    assert len(shows.track("m1", 0, 10)) == 2 and shows.forget("m1", now - DAY) == 1
    for table in days(store):
        for sql in (f"SELECT count(*) FROM {table}", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match="42501"):
                shows.db.execute(sql)
    tick(node, now + 30 * DAY)
    assert shows.put([at("m1", now + 30 * DAY)]) == 1, "of days that were made since, too"
    shows.close()
