"""A node on PostgreSQL whose ledger lies in partitions: what is archived leaves the disk, whatever comes between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from databases import repartition
from node.test_archiving import END, SYSTEM, _killed_at, first_text, grown, rows
from records.test_commit import PARTS
from safeconduct.exchange import archiving as jobs
from safeconduct.ledger.database import snapshot
from safeconduct.ledger.postgres import Postgres
from safeconduct.node.archiving import archive
from safeconduct.node.backups import verify_home
from safeconduct.node.cli import main
from safeconduct.records import databases, here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.databases import ledger_of, open_ledger
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.rebuild import fingerprint, rebuild

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
WIDTH = 256


@pytest.fixture
def home(host_home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A node whose partitions are as narrow as tiles."""
    monkeypatch.setattr(databases, "LEAVES", WIDTH)
    monkeypatch.setattr(jobs, "TILES", 1)
    monkeypatch.setattr(jobs, "PARTITIONS", 1)
    repartition(str(host_home.database), WIDTH)
    return host_home


@pytest.fixture
def beside(host_home: Home) -> Iterator[Postgres]:
    with closing(Postgres(str(host_home.database), "ledger", read_only=True)) as db:
        yield db


def starts(home: Home) -> list[int]:
    with closing(open_ledger(home, read_only=True)) as db:
        return [each.start for each in ledger_of(home, db).partitions.all()]


def size(db: Postgres) -> int:
    return int(db.execute("SELECT pg_database_size(current_database())").fetchone()[0])


def test_what_is_archived_is_off_the_disk_and_the_node_goes_on_as_it_was(
    home: Home, tmp_path: Path, beside: Postgres
) -> None:
    for node, writer, made in grown(home):
        assert starts(node) == [0, 256, 512, 768]
        before, root, text, taken = fingerprint(), writer.log.root(), first_text(writer, made), size(beside)
        done = archive(node, here.door(), tmp_path / "archive", size=599)
        assert (done.end, done.read) == (END, 0) and starts(node) == [512, 768]
        assert rows(node) == (END, 600 - END) and size(beside) < taken
        assert first_text(writer, made) == text and writer.log.root() == root
        assert rebuild(writer) == 600 and fingerprint() == before
        assert commit(SYSTEM, Draft("incident", PARTS)).index == 600
        asked = {
            "actor": {"person": "system", "roles": ["system"]},
            "record": made.record,
            "parts": ["summary"],
        }
        here.door().call("erase", {**asked, "reason": "asked for"})
        assert first_text(writer, made).startswith("[None, ")
    assert verify_home(Home.load(home.path)).broken is None


def test_a_reader_is_not_made_to_wait_and_the_disk_has_it_when_he_is_done(
    home: Home, tmp_path: Path, beside: Postgres
) -> None:
    for node, writer, _made in grown(home):
        with snapshot(beside):
            assert beside.execute("SELECT count(*) FROM ledger_leaf").fetchone() == (600,)
            assert archive(node, here.door(), tmp_path / "archive", size=599).read == 2
            assert starts(node) == [0, 256, 512, 768]
            assert commit(SYSTEM, Draft("incident", PARTS)).index == 600
            assert beside.execute("SELECT count(*) FROM ledger_leaf").fetchone() == (600,)
        for left in ([256, 512, 768], [512, 768]):
            writer._transact([lambda tx: {"more": jobs.give_back_in_time(tx)}])
            assert starts(node) == left


@pytest.mark.parametrize("step", ["within the transaction", "noted", "given back"])
def test_kill_9_loses_nothing(home: Home, tmp_path: Path, step: str) -> None:
    before = ""
    for _ in grown(home):
        before = fingerprint()
    _killed_at(home, tmp_path / "archive", step, 1)
    again = Home.load(home.path)
    verdict = verify_home(again)
    assert (verdict.broken, verdict.size, verdict.unseen) == (None, 600, 0)
    with Door.open(again) as door, here.at(again, door):
        assert door.writer is not None
        assert archive(again, door, tmp_path / "archive", size=599).end == END and starts(again) == [512, 768]
        rebuild(door.writer)
        assert fingerprint() == before


def test_a_ledger_of_an_earlier_version_works_on_and_is_put_into_partitions_by_compact(
    home: Home, tmp_path: Path, beside: Postgres
) -> None:
    repartition(str(home.database), None)
    before = root = ""
    for node, writer, _made in grown(home):
        before, root = fingerprint(), writer.log.root().hex()
        assert starts(node) == []
        refused = CliRunner().invoke(main, ["--home", str(home.path), "compact"])
        assert refused.exit_code != 0 and "stop it first" in refused.output
    told = CliRunner().invoke(main, ["--home", str(home.path), "compact"])
    assert told.output == "the ledger's 600 entries are its first partition, which goes on to entry 768\n"
    told = CliRunner().invoke(main, ["--home", str(home.path), "compact"])
    assert told.output == "the ledger is in partitions already: 1\n"
    with Door.open(home) as door, here.at(home, door):
        assert door.writer is not None and door.writer.log.root().hex() == root and fingerprint() == before
        rebuild(door.writer)
        assert fingerprint() == before
        assert commit(SYSTEM, Draft("incident", PARTS)).index == 600
        assert starts(home) == [0, 768]
        for _ in range(200):
            commit(SYSTEM, Draft("incident", PARTS))
        taken = size(beside)
        assert archive(home, door, tmp_path / "archive", size=800).end == 768 and starts(home) == [768, 1024]
        assert size(beside) < taken
    assert verify_home(Home.load(home.path)).broken is None
