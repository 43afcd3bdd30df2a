"""A node on PostgreSQL brought back to a moment, in earnest or on trial, in a server folder of its own.

The server that the node has used is not touched. What is brought back is verified whole, and what a restore of files
would not bring back either is taken out of it, before anything may write to it: tables, positions, sessions.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from safeconduct.exchange.cadence import cosigned
from safeconduct.exchange.delivery import restored_mark
from safeconduct.exchange.identity import feed_origin, ledger_origin
from safeconduct.ledger.database import DatabaseFault, columns, sweep, transaction
from safeconduct.ledger.log import Log
from safeconduct.ledger.postgres import Postgres
from safeconduct.node.backups import Manifest, Verdict, refuse_unseen, verify_home
from safeconduct.node.base_backups import Base
from safeconduct.node.recovery import copied, moment_of, recovered, within
from safeconduct.node.restore_drill import Clock, Drill, begins_with, feed_holds, since, tables_made
from safeconduct.node.server_programs import owned
from safeconduct.records.databases import claim, ledger_of, open_feed, open_ledger
from safeconduct.records.erased import LEDGER, NAME, erased_in, note_erased, read_erased, strike_out
from safeconduct.records.home import Home, HomeError, backup_folder
from safeconduct.records.shadow import SCHEMA
from safeconduct.records.stillness import standing_still

_SESSIONS = ("django_session", "people_cache", "usersessions_usersession")
"""What would let someone in, or counts who failed to."""


@dataclass(frozen=True)
class Wanted:
    """A base backup, how far it is to be brought (None: as far as the archive goes), and where the archive is."""

    folder: Path
    archive: Path | None = None
    at: str | None = None


def restore(home: Home, wanted: Wanted, data: Path, erased: Path | None = None) -> Verdict:
    """Make a server folder at `data`, which is not there yet, with this home's databases as they were at a moment.

    The home is marked: whatever writer starts first on it erases again what was erased since, and adds nothing to
    what a partner has seen before that partner has said how far it has seen. Raises HomeError, and then leaves nothing.
    """
    manifest, base, moment = _looked_at(home, wanted)
    with standing_still(home):
        _nobody_writes(home)
        copied(wanted.folder, data, base)
        try:
            with recovered(data, base, wanted.archive, moment) as socket:
                there = _at(home, base, socket)
                verdict, _ = _verified(there, manifest)
                _emptied(there)
        except BaseException:
            shutil.rmtree(data, ignore_errors=True)
            raise
        known = set(read_erased(home))
        told = [each for source in (wanted.folder / NAME, erased) if source for each in erased_in(source)]
        note_erased(home, [each for each in dict.fromkeys(told) if each not in known])
        home.restored.touch(mode=0o600)
        for partner in home.partners:
            home.feed(partner).mkdir(mode=0o700, parents=True, exist_ok=True)
            restored_mark(home, partner).touch(mode=0o600)
    return verdict


def drill(
    home: Home,
    folder: Path | None = None,
    archive: Path | None = None,
    at: str | None = None,
    scratch: Path | None = None,
) -> Drill:
    """Bring a backup (None: the latest that was noted) back on trial, on a server below `scratch` that goes with the
    trial. The node is only read. Raises HomeError that says what does not hold."""
    latest = folder or backup_folder(home)
    if latest is None:
        raise HomeError("no backup of this node was noted; name one with --backup FOLDER")
    wanted = Wanted(latest, archive, at)
    clock = Clock()
    manifest, base, moment = _looked_at(home, wanted)
    with tempfile.TemporaryDirectory(prefix="restore-drill-", dir=scratch) as place:
        owned(Path(place))
        data = Path(place) / "server"
        with clock.step() as said:
            copied(wanted.folder, data, base)
            said.append("copied into a scratch folder; each file is the one that pg_basebackup wrote")
        with _timed(clock, data, base, wanted, moment) as socket:
            there = _at(home, base, socket)
            with clock.step() as said:
                verdict, heads = _verified(there, manifest)
                said.append(
                    f"{verdict.size:,} ledger entries: every leaf, every part that has its key, and the tree above "
                    f"them hold; {heads:,} cosigned heads fit"
                )
            with clock.step() as said:
                struck = _erase_again(home, wanted.folder, there)
                said.append(f"{struck:,} parts that were erased since are erased in the copy, too")
            with clock.step() as said:
                lost, feeds = _compare(home, there)
                said.append("the ledger and the feeds of this node begin with it")
            with clock.step() as said:
                _emptied(there)
                copy = Path(place) / "home"
                copy.mkdir(mode=0o700)
                replace(there, path=copy).save()
                said.append(f"tables made again from {tables_made(home, copy):,} entries")
    return Drill(
        wanted.folder,
        replace(manifest, size=verdict.size),
        tuple(clock.steps),
        lost is not None,
        lost or {},
        feeds,
    )


def _looked_at(home: Home, wanted: Wanted) -> tuple[Manifest, Base, datetime | None]:
    manifest, base = Manifest.of(wanted.folder), Base.of(wanted.folder)
    if manifest.party != home.party:
        raise HomeError(f"this backup is of {manifest.party}, the home is of {home.party}")
    return manifest, base, moment_of(wanted.at, base) if wanted.at else None


def _nobody_writes(home: Home) -> None:
    """Raises HomeError while a writer, on whichever machine, holds the database that node.toml names."""
    try:
        with closing(open_ledger(home, read_only=True)) as db:
            if not claim(db):
                raise HomeError("a writer is at work on the database that node.toml names; stop it first")
    except DatabaseFault:
        return  # a server that is gone is what a restore is for


@contextmanager
def _timed(clock: Clock, data: Path, base: Base, wanted: Wanted, moment: datetime | None) -> Iterator[Path]:
    serving = recovered(data, base, wanted.archive, moment)
    with clock.step() as said:
        socket = serving.__enter__()
        said.append(f"log replayed up to {wanted.at or 'its end'}")
    try:
        yield socket
    finally:
        serving.__exit__(None, None, None)


def _at(home: Home, base: Base, socket: Path) -> Home:
    """The home whose databases are those that are served at this socket."""
    places = {
        "database": within(socket, base.owner, base.database),
        "feeds_database": within(socket, base.feeds_owner, base.feeds_database),
    }
    kept = home.without("database_web", "backup_role").settings
    return replace(home, settings={**kept, **places})


def _verified(there: Home, manifest: Manifest) -> tuple[Verdict, int]:
    """Check ledger and feeds whole; what the ledger is, and how many cosigned heads fit."""
    verdict = verify_home(there)
    if verdict.broken is not None:
        raise HomeError(
            f"the ledger that was brought back is damaged at index {verdict.broken}: {verdict.why}"
        )
    refuse_unseen(verdict)
    with closing(Postgres(str(there.database), "ledger", read_only=True)) as db:
        log = Log(db, "ledger", ledger_origin(there.party))
        if log.size < manifest.size or log.root_at(manifest.size) != base64.b64decode(manifest.root):
            raise HomeError(
                "the ledger that was brought back is not the one that the backup's manifest names"
            )
        heads = 0
        for partner in sorted(there.partners):
            with closing(open_feed(there, partner, read_only=True)) as feed:
                if columns(feed, "feed_leaf"):
                    heads += feed_holds(feed, partner, log)
    return verdict, heads


def _emptied(there: Home) -> None:
    """Take out what no backup brings back: tables, which the ledger explains; positions; what would let someone in."""
    with closing(Postgres(str(there.database), "accounts")) as db:
        for schema in ("reading", "tables", SCHEMA):
            db.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        positions = db.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'positions'"
        ).fetchall()
        for table in [name for (name,) in positions] + [each for each in _SESSIONS if columns(db, each)]:
            db.execute(f"TRUNCATE {table} CASCADE")


def _erase_again(home: Home, folder: Path, there: Home) -> int:
    lists = dict.fromkeys([*read_erased(home), *erased_in(folder / NAME)])
    with closing(Postgres(str(there.database), "ledger")) as db:
        log = ledger_of(there, db)
        with transaction(db):
            struck, _ = strike_out(db, log, LEDGER, lists)
        sweep(db, *log.tables)
    return struck


def _compare(home: Home, there: Home) -> tuple[dict[str, int] | None, dict[str, tuple[int, int]]]:
    """What the running ledger and feeds have that the copy has not; None where no server answers."""
    feeds: dict[str, tuple[int, int]] = {}
    try:
        running = open_ledger(home, read_only=True)
    except DatabaseFault:
        return None, feeds
    with closing(running), closing(Postgres(str(there.database), "ledger", read_only=True)) as db:
        held, log = (ledger_of(home, each) for each in (db, running))
        begins_with(log, held.size, held.root(), "ledger")
        lost = dict(since(log, held.size))
    for partner in sorted(there.partners):
        name = feed_origin(home.party, partner)
        held_in, own_in = (open_feed(each, partner, read_only=True) for each in (there, home))
        with closing(held_in) as copy, closing(own_in) as own:
            if columns(copy, "feed_leaf") and columns(own, "feed_leaf"):
                held, log = Log(copy, "feed", name), Log(own, "feed", name)
                begins_with(log, held.size, held.root(), f"feed to {partner}")
                seen = cosigned(home, partner).feed_size
                feeds[partner] = log.size - held.size, max(0, seen - held.size)
    return lost, feeds
