"""A node on PostgreSQL goes back to a moment: what was erased stays so, and no second history is signed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import postgres
import ready
from databases import KeyPlaces, Places
from exchange.nodes import Node, make_parties, own_connections, pull
from exchange.test_epochs import circle, frozen, resume, titled, titles
from safeconduct.ledger.postgres import Postgres
from safeconduct.node import base_backups, server_programs
from safeconduct.node.base_backups import DATA, Base, backup
from safeconduct.node.point_in_time import Wanted, drill, restore
from safeconduct.node.recovery import moment_of
from safeconduct.node.replicas import log_archive
from safeconduct.records import databases
from safeconduct.records.home import Home, HomeError

CANARY = "ErasedCanary-83"
pytestmark = pytest.mark.files("brings the servers it needs")


class Archiving(postgres.Server):
    """A server whose write-ahead log goes to a folder beside it, as `replica-config` says."""

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    def settings(self) -> dict[str, str]:
        home = Home(self.folder, "pk", "host", "H", {}, {"database": "postgresql://a@/b"})
        given = log_archive(home, str(self.archive)).splitlines()
        lines = dict(line.split(" = ", 1) for line in given[1:] if " = " in line and line[0].islower())
        return {
            **super().settings(),
            **{name: value.strip("'") for name, value in lines.items()},
            "max_wal_senders": "4",
        }

    def _serve(self, **given: str) -> None:
        self.archive.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.archive, *postgres._servant())
        super()._serve(**given)

    def archived(self) -> None:
        """Wait until everything up to now is in the archive."""
        ((name,),) = self.ask("SELECT pg_walfile_name(pg_switch_wal())")
        end = time.monotonic() + 90
        while not (self.archive / name).exists():
            assert time.monotonic() < end, "nothing is archived"
            time.sleep(0.05)


class Story:
    """A host on the server and its partner; a backup; a moment; what came after it, seen by the partner."""

    def __init__(self, server: Archiving, world: Path, place: str) -> None:
        self.server, self.world, self.place = server, world, place
        self.host, self.partner = Node(world / "pk"), Node(world / "cn")
        self.folder = world / "backup"

    def begin(self) -> None:
        secret = {**titled("kept"), "response": {"units": CANARY, "text": CANARY}}
        self.gone = self.host.commit("incident", secret, levels={"response": 2}).record
        self.host.publish()
        pull(self.partner, self.host)
        pull(self.host, self.partner)
        _migrated(self.world / "accounts", self.place)
        with closing(Postgres(self.place, "tables")) as db:
            db.execute("CREATE TABLE seen (words TEXT)")
            db.execute("INSERT INTO seen VALUES (?)", (CANARY,))
        with closing(Postgres(self.place, "accounts")) as db:
            db.execute("INSERT INTO django_session VALUES (?, ?, now())", (CANARY, CANARY))
        self.size = backup(self.host.home, self.folder)
        self.host.commit("incident", titled("before the moment"))
        self.at, self.size_then = self.now(), self.host.writer.log.size
        self.host.commit("incident", titled("after the moment"))
        self.host.system("erase", record=self.gone, reason="asked for")
        with closing(Postgres(self.place, "tables")) as db:
            db.execute("DELETE FROM seen")
        pull(self.partner, self.host)
        pull(self.host, self.partner)
        self.server.archived()

    def now(self) -> str:
        ((found,),) = self.server.ask("SELECT clock_timestamp()")
        return found.astimezone(UTC).isoformat()

    def wanted(self, **other: Any) -> Wanted:
        return replace(Wanted(self.folder, self.server.archive, self.at), **other)


def _migrated(folder: Path, place: str) -> None:
    """Accounts and tables as a node's writer makes them, by a process that has its databases there."""
    home = Home.create(folder, "pk", "host", "Host Party", database=place)
    code = f"""
from pathlib import Path
from safeconduct.node.django_start import migrate, start_django
from safeconduct.records.home import Home
start_django(Home.load(Path({str(home.path)!r})))
migrate()
"""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SAFECONDUCT", "DJANGO"))}
    subprocess.run([sys.executable, "-c", code], env=kept, check=True, timeout=300)


@pytest.fixture(scope="module")
def server() -> Iterator[Archiving]:
    folder = postgres.folder_for(ready.RUN)
    made = Archiving(folder.with_name(f"{folder.name}-{os.getpid()}"))
    try:
        made.start()
        made.ask(f"ALTER ROLE {postgres.OWNER} REPLICATION")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def story(server: Archiving, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    def fill(folder: Path) -> None:
        with own_connections():
            make_parties(prepared, folder)

    world = tmp_path_factory.mktemp("point") / "world"
    ready.copy(ready.shared("three-parties", fill), world)
    home = Home.load(world / "pk")
    keys = KeyPlaces()
    place = Places(server).of(home)
    settings = {**home.settings, "feeds_database": place, "keys_database": keys.of(home)}
    replace(home, settings=settings).save()

    def address(of: Home) -> str | None:
        # The tables of this process's nodes are files, whatever their ledger is.
        return of.database or (place if of.path == home.path else None)

    with pytest.MonkeyPatch.context() as patch, own_connections():
        for module in (databases, base_backups):
            patch.setattr(module, "address", address)
        made = Story(server, world, place)
        made.begin()
        yield made
        for node in (made.partner, made.host):
            node.close()
    keys.drop()


@pytest.fixture
def place(story: Story) -> Iterator[Path]:
    """Where a server folder can be made that the server's user reaches."""
    made = story.server.folder / "restored"
    made.mkdir(exist_ok=True)
    server_programs.owned(made)
    yield made
    shutil.rmtree(made)


def test_on_trial_it_goes_back_to_the_moment_and_says_what_would_be_lost(story: Story, place: Path) -> None:
    done = drill(story.host.home, story.folder, story.server.archive, story.at, place)
    told = "\n".join(done.lines())
    assert done.manifest.size == story.size_then > story.size
    assert done.compared and done.lost["version"] == 1
    assert done.lost["erasure"] == 1 + len(done.feeds), "the record's own, and what each partner is asked for"
    assert "every leaf" in told and "tables made again" in told and "3 erasures" in told
    assert done.feeds["cn"][0] == done.feeds["cn"][1] > 0, "what the partner has and could give back"
    assert list(place.iterdir()) == [], "nothing is left of the trial"
    whole = drill(story.host.home, story.folder, story.server.archive, None, place)
    assert whole.manifest.size == story.host.writer.log.size and not whole.lost
    alone = drill(story.host.home, story.folder, None, None, place)
    assert alone.manifest.size == story.size


@pytest.mark.parametrize("fault", ["missing", "cut"])
def test_a_segment_that_is_missing_or_cut_off_is_named(story: Story, place: Path, fault: str) -> None:
    archive = place / "archive"
    shutil.copytree(story.server.archive, archive)
    start = next(
        line.partition("(file ")[2][:24]
        for line in (story.folder / DATA / "backup_label").read_text().splitlines()
        if line.startswith("START WAL")
    )
    beside = {path.name for path in (story.folder / DATA / "pg_wal").iterdir()}
    segments = sorted(p.name for p in archive.iterdir() if len(p.name) == 24 and p.name > start)
    lost = next(name for name in segments if name not in beside)
    if fault == "missing":
        (archive / lost).unlink()
        # There are later ones, so that it is not taken for the end.
        shutil.copy(story.server.archive / lost, archive / f"{lost[:-2]}{int(lost[-2:], 16) + 1:02X}")
    else:
        os.truncate(archive / lost, 1_000_000)
    server_programs.owned(archive)
    for at in (None, story.at):
        with pytest.raises(HomeError, match=lost):
            drill(story.host.home, story.folder, archive, at, place)
    assert [path.name for path in place.iterdir()] == ["archive"]


def test_wrong_input_is_refused_in_words_and_leaves_nothing(
    story: Story, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, base = story.host.home, Base.of(story.folder)
    early = (datetime.fromisoformat(base.since) - timedelta(minutes=1)).isoformat()
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for text, why in (
        ("yesterday", "no moment"),
        ("2024-10-06T23:00:00", "zone"),
        (early, "older"),
        (late, "past"),
    ):
        with pytest.raises(HomeError, match=why):
            moment_of(text, base)
    with pytest.raises(HomeError, match="does not reach that moment"):
        drill(home, story.folder, story.server.archive, story.now(), place)
    with pytest.raises(HomeError, match="--archive"):
        drill(home, story.folder, None, story.at, place)
    with pytest.raises(HomeError, match="no folder that the user of the server can read"):
        drill(home, story.folder, tmp_path / "absent", story.at, place)
    with pytest.raises(HomeError, match="running"):
        restore(home, story.wanted(), place / "data")
    with pytest.raises(HomeError, match="not empty"):
        backup(home, story.folder)

    spoilt = tmp_path / "spoilt"
    shutil.copytree(story.folder, spoilt, symlinks=True)
    said = json.loads((spoilt / "server.json").read_text())
    (spoilt / "server.json").write_text(json.dumps({**said, "version": 7}))
    with pytest.raises(HomeError, match="PostgreSQL 7 is"):
        drill(home, spoilt, None, None, place)
    (spoilt / "server.json").write_text(json.dumps(said))
    victim = next(p for p in sorted((spoilt / DATA / "base").rglob("*")) if p.is_file() and p.stat().st_size)
    victim.write_bytes(b"\xff" + victim.read_bytes()[1:])
    with pytest.raises(HomeError, match="damaged"):
        drill(home, spoilt, None, None, place)
    (spoilt / "backup.json").unlink()
    with pytest.raises(HomeError, match="no backup"):
        drill(home, spoilt, None, None, place)
    for other, why in (
        ({"keys_database": story.place}, "every key"),
        ({"feeds_database": None}, "one moment"),
    ):
        with pytest.raises(HomeError, match=why):
            backup(replace(home, settings={**home.settings, **other}), tmp_path / "another")
    if os.geteuid() == 0:
        monkeypatch.setattr(server_programs, "PROGRAMS_USER", "nobody-at-all")
        with pytest.raises(HomeError, match="does not run as root"):
            server_programs.servant()
    assert list(place.iterdir()) == [] and not (tmp_path / "another").exists()


def test_restored_to_the_moment_what_was_erased_stays_so_and_both_go_on(
    story: Story, place: Path, prepared: Path
) -> None:
    host, partner = story.host, story.partner
    host.close()
    (place / "kept").mkdir()
    with pytest.raises(HomeError, match="there already"):
        restore(host.home, story.wanted(), place / "kept")
    assert (place / "kept").exists(), "what is there is not touched"
    verdict = restore(host.home, story.wanted(), place / "data")
    assert verdict.broken is None and verdict.size > story.size
    brought = b"".join(p.read_bytes() for p in (place / "data" / "base").rglob("*") if p.is_file())
    assert CANARY.encode() not in brought, "neither its tables nor its sessions come back"

    story.server._control("stop", "-m", "fast")
    (story.server.folder / "data").rename(story.server.folder / "data-before")
    (place / "data").rename(story.server.folder / "data")
    story.server.serve()
    shutil.copyfile(prepared / "tables.sqlite3", host.home.tables)
    for left in host.home.tables.parent.glob("tables.sqlite3-*"):
        left.unlink()
    fresh = Node(host.home.path)
    host.home, host.writer, host.door = fresh.home, fresh.writer, fresh.door

    assert sorted(titles(host)) == ["before the moment"], (
        "what was erased is erased again, what came after is not there"
    )
    row = host.row(story.gone)
    assert row is None or not row.values()
    size = host.feed("cn").size
    host.commit("incident", titled("before any contact"))
    assert host.feed("cn").size == size, "nothing is signed before the partner has said what it has"
    raw = partner.feed("pk").bundle(host.have("cn"), 1000).pack()
    assert host.ingest("cn", raw)["status"] == "frozen"
    assert frozen(host, "cn").startswith("restored from an older backup")
    assert frozen(partner, "pk") == "", "no two histories were signed"
    resume(partner, host, story.world)
    circle(host, partner)
    assert sorted(titles(partner)) == ["Bomb against a convoy", "before any contact", "before the moment"]
    (lost,) = [row for row in partner.of_kind("incident", "pk") if row.withdrawn and row.values()]
    assert lost.values()["summary"]["title"] == "after the moment", "the partner is told not to use it"
