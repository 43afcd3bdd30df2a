"""A node whose keys are in a database: another machine takes over with nothing but node.toml, and erasure holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from databases import KeyPlaces, Places, keys_on_postgresql, on_postgresql
from safeconduct.exchange.feed import Feed
from safeconduct.ledger.keystore import KeyStoreRefused
from safeconduct.ledger.postgres import Postgres
from safeconduct.node import processes
from safeconduct.node.backups import verify_home
from safeconduct.records import databases
from safeconduct.records.databases import destroy_keys, keep_apart, open_keys
from safeconduct.records.entries import SEALED, unpack
from safeconduct.records.erased import read_erased
from safeconduct.records.home import Home, HomeError

from .nodes import INCIDENT, Node, pull

Pair = tuple[Node, Node]


@pytest.fixture
def places(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    with on_postgresql(request, monkeypatch) as made:
        yield made


@pytest.fixture
def keys(places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyPlaces]:
    with keys_on_postgresql(monkeypatch) as made:
        yield made


@pytest.fixture
def apart(keys: KeyPlaces, nodes: Pair) -> Pair:
    return nodes


def again(node: Node, path: Path) -> None:
    fresh = Node(path)
    node.home, node.writer, node.door = fresh.home, fresh.writer, fresh.door


def test_a_machine_without_the_files_takes_over_and_what_was_erased_stays_so(
    apart: Pair, places: Places, keys: KeyPlaces, tmp_path: Path
) -> None:
    host, partner = apart
    files = [host.home.keys / "parts", host.home.feed("cn") / "keys"]
    before = [file.read_bytes() for file in files]
    kept, gone = (host.commit("incident", INCIDENT, levels={"response": 2}).record for _ in range(2))
    pull(partner, host)
    pull(host, partner)
    assert [file.read_bytes() for file in files] == before, "no key is in a file any more"
    with pytest.raises(KeyStoreRefused, match="another writer"):
        open_keys(host.home, write=True)
    host.close()

    other = tmp_path / "other"
    shutil.copytree(host.home.path, other)
    for name in ("keys/parts", "keys/erased", "feeds/cn/keys"):
        (other / name).unlink(missing_ok=True)
    places.of_home[other] = places.of_home[host.home.path]
    keys.of_home[other] = keys.of_home[host.home.path]
    again(host, other)
    assert verify_home(host.home).broken is None
    host.system("erase", record=gone, reason="asked for")
    pull(partner, host)
    pull(host, partner)
    log = host.writer.log
    parts = [
        part
        for entry in log.entries(0, log.size)
        if b'"kind":"incident"' in entry.leaf
        for part in unpack(entry.body or b"")
        if part.state == SEALED
    ]
    assert parts and all(host.writer.keystore.key(part.slot) for part in parts)
    assert host.row(kept) is not None and not set((host.row(gone) or {}).values())
    assert {each.log for each in read_erased(host.home)} >= {"ledger", "feed/cn"}
    assert not (other / "keys" / "parts").exists() and not (other / "keys" / "erased").exists()
    with closing(Feed(host.home, "cn")) as served:
        assert served.bundle(0, 500).entries, "the process that serves the feed opens what it discloses"
    fresh = host.commit("incident", INCIDENT).index
    assert verify_home(host.home).size > fresh and verify_home(host.home).broken is None


def test_keys_never_lie_with_what_they_seal(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = places.new(), places.new()
    home = Home.create(tmp_path / "pk", "pk", "host", "Host Party", database=own, keys_database=other)
    monkeypatch.setattr(databases, "address", lambda home: home.database)
    monkeypatch.setattr(databases, "feeds_address", lambda home: home.feeds_database)
    open_keys(home, write=True).close()
    named = f"{own}&application_name=another"
    for setting in ("database", "feeds_database"):
        same = Home.create(tmp_path / setting, "pk", "host", "H", **{setting: own, "keys_database": named})
        with pytest.raises(HomeError, match=f"same database as {setting}"):
            open_keys(same, write=True)
        with closing(Postgres(other, "parts")) as db:
            keep_apart(same, db)
    with closing(Postgres(own, "parts", read_only=True)) as db:
        assert db.execute("SELECT to_regclass('parts.counts')").fetchone() == (None,)


def test_the_keys_of_a_former_partner_are_gone(places: Places, tmp_path: Path) -> None:
    home = Home.create(tmp_path / "pk", "pk", "host", "Host Party", keys_database=places.new())
    with open_keys(home, "a-b", write=True) as store:
        store.take()
    destroy_keys(home, "a-b")
    with pytest.raises(FileNotFoundError):
        open_keys(home, "a-b")


def test_each_process_knows_the_way_to_no_more_keys_than_it_needs(tmp_path: Path) -> None:
    given = {"keys_database": "postgresql://here/keys", "keys_database_feed": "postgresql://f@here/keys"}
    home = Home.create(tmp_path / "pk", "pk", "host", "Host Party", **given)
    known = {name: {*processes.own(home, name).settings} for name in processes.ORDER}
    assert known["writer"] == {*given} and known["feed"] == {"keys_database_feed"}
    assert not any(known[name] for name in ("web", "field", "courier", "notifier"))
    alone = Home.create(tmp_path / "cn", "cn", "partner", "P", keys_database="postgresql://here/keys")
    assert processes.own(alone, "feed").settings == {"keys_database_feed": "postgresql://here/keys"}


def test_a_node_whose_keys_were_moved_does_not_go_on_with_the_files(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "pk", "pk", "host", "Host Party")
    open_keys(home, write=True).close()
    databases.keys_moved_mark(home).touch()
    with pytest.raises(HomeError, match="keys_database"):
        open_keys(home, write=True)
