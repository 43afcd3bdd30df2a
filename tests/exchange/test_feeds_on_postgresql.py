"""Feeds in a PostgreSQL database of their own: their role sees nothing else, and their server may go away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import ready
from databases import Places, on_postgresql
from safeconduct.exchange.cadence import cosigned
from safeconduct.exchange.identity import Card
from safeconduct.exchange.tls import client_context
from safeconduct.ledger.database import DatabaseFault, columns
from safeconduct.ledger.postgres import Postgres
from safeconduct.node import processes
from safeconduct.records.databases import open_feed, set_feed_aside
from safeconduct.records.home import Home

from .nodes import INCIDENT, Node, pull
from .test_link import run, served, status

Pair = tuple[Node, Node]


@pytest.fixture
def places(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    with on_postgresql(request, monkeypatch) as made:
        yield made


@pytest.fixture
def feeds(places: Places, nodes: Pair) -> Pair:
    return nodes


def test_a_partner_hears_that_it_is_to_come_again_when_the_database_went_away(
    feeds: Pair, places: Places
) -> None:
    host, partner = feeds
    name = places.of_home[host.home.path].partition("@/")[2].partition("?")[0]
    host.commit("incident", INCIDENT)
    pull(partner, host)
    assert cosigned(host.home, "cn").feed_entries == partner.have("pk") > 0
    answered: list[int] = []

    async def main() -> None:
        card = Card.of(partner.home.partners["pk"].card)
        context = client_context(partner.home, card.certificate)
        async with served(host.home) as url:
            answered.append((await status(url, context))[0])
            end = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
            ready.server().ask(end)
            answered.extend([(await status(url, context))[0] for _ in range(2)])

    run(main)
    assert answered == [200, 503, 200]


def test_the_role_of_the_feeds_reads_nothing_of_the_node() -> None:
    places = Places()
    own, _ = places.new(), places.new()
    server = ready.server()
    if not server.ask("SELECT 1 FROM pg_roles WHERE rolname = 'safeconduct_feeds'"):
        server.ask("CREATE ROLE safeconduct_feeds LOGIN")
    server.ask(f"GRANT CREATE ON DATABASE {places.names[1]} TO safeconduct_feeds")
    ledger = Postgres(own, "ledger")
    ledger.execute("CREATE TABLE ledger_leaf (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL)")
    theirs = Postgres(server.address(places.names[1], "safeconduct_feeds"), "feed_cn")
    theirs.execute("CREATE TABLE signed (size INTEGER PRIMARY KEY)")
    theirs.close()
    intruder = Postgres(server.address(places.names[0], "safeconduct_feeds"), "ledger", read_only=True)
    with pytest.raises(DatabaseFault, match="UndefinedTable"):
        intruder.execute("SELECT * FROM ledger_leaf")
    with pytest.raises(DatabaseFault, match="permission denied"):
        intruder.execute("SELECT * FROM ledger.ledger_leaf")
    intruder.close()
    ledger.close()
    server.drop(places.names)


@pytest.mark.parametrize(
    ("process", "known"),
    [
        ("writer", {"database", "database_web", "feeds_database"}),
        ("feed", {"feeds_database"}),
        ("courier", set()),
        ("notifier", set()),
    ],
)
def test_a_process_that_speaks_to_strangers_forgets_the_way_to_other_databases(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch, process: str, known: set[str]
) -> None:
    addresses = {name: f"postgresql://here/{name}" for name in ("database", "database_web", "feeds_database")}
    replace(bare_home, settings={**bare_home.settings, **addresses}).save()
    given: list[Home] = []
    monkeypatch.setitem(processes.PROCESSES, process, given.append)
    monkeypatch.setattr("sys.argv", ["processes", process, str(bare_home.path)])
    monkeypatch.setattr("os.setpgid", lambda *_: None)
    monkeypatch.setattr("gc.disable", lambda: None)
    processes.main()
    assert {name for name in given[0].settings if name in addresses} == known
    assert given[0].settings["signatories"] == bare_home.settings["signatories"]


def test_the_feed_of_a_former_partner_is_set_aside_or_gone(tmp_path: Path) -> None:
    places = Places()
    address = places.new()
    home = Home.create(tmp_path / "pk", "pk", "host", "Host Party", feeds_database=address)
    for destroy, left in ((False, {"size"}), (True, {"size"})):
        with closing(open_feed(home, "a-b", appends=True)) as feed:
            assert columns(feed, "signed") == set(), "a feed that is made anew begins empty"
            feed.execute("CREATE TABLE signed (size INTEGER PRIMARY KEY)")
        set_feed_aside(home, "a-b", "pk-ab", destroy)
        with closing(Postgres(address, "parted_a-b_pk-ab")) as kept:
            assert columns(kept, "signed") == left, "what was set aside before stays"
    with closing(open_feed(home, "a-b", appends=True)) as feed:
        assert columns(feed, "signed") == set()
    ready.server().drop(places.names)
