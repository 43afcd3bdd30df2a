"""Backup and restore of a node, and verification of a ledger without taking the writer's place."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from safeconduct.ledger.database import Database, open_database
from safeconduct.ledger.log import Log
from safeconduct.ledger.tiles import ArchiveRefused
from safeconduct.records.databases import has_ledger, ledger_of, needs_files, open_keys, open_ledger
from safeconduct.records.erased import NAME, copy_erased, erased_in, note_erased, read_erased
from safeconduct.records.home import Home, HomeError
from safeconduct.records.stillness import standing_still
from safeconduct.records.users import permit_all

MANIFEST = "backup.json"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself: whose it is, the ledger's size and root (base64), when it was made (ISO 8601;
    "" in one of an earlier version)."""

    party: str
    size: int
    root: str
    at: str = ""

    @classmethod
    def of(cls, folder: Path) -> Manifest:
        """Raises HomeError for a folder that is no complete backup: the manifest is written last."""
        try:
            found = json.loads((folder / MANIFEST).read_text("utf-8"))
            made = cls(found["party"], found["size"], found["root"], found.get("at", ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise HomeError(f"{folder} is no backup: {fault}") from fault
        if not (isinstance(made.party, str) and type(made.size) is int and isinstance(made.root, str)):
            raise HomeError(f"{folder} is no backup: {MANIFEST} is malformed")
        return made

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self)) + "\n")


@dataclass(frozen=True)
class Verdict:
    """`broken` is the first ledger index that does not hold and `why`; then `size` is how much does.

    `root` is base64, "" when broken. Of the first `unseen` entries, which lie in an archive that is not attached, only
    the hashes were looked at.
    """

    size: int
    root: str
    broken: int | None = None
    why: str = ""
    unseen: int = 0


def ledger_size(home: Home) -> int:
    """Entries in a home's ledger, whether or not its writer runs."""
    with closing(open_ledger(home, read_only=True)) as connection:
        return ledger_of(home, connection).size


def verify_home(home: Home, progress: Progress | None = None) -> Verdict:
    """Recompute a home's ledger from what is on the disk, and open every part whose key is still there."""
    if not has_ledger(home):
        raise HomeError(f"{home.path} has no ledger yet")
    with closing(open_ledger(home, read_only=True)) as connection:
        return _verify(connection, home, progress)


def _verify(connection: Database, home: Home, progress: Progress | None) -> Verdict:
    from safeconduct.records.following import fault_of_parts

    log = ledger_of(home, connection)
    fault: list[str] = []
    keystore = open_keys(home)

    def holds(leaf: bytes, body: bytes | None) -> bool:
        fault[:] = [why] if (why := fault_of_parts(keystore, leaf, body)) else []
        return not fault

    with keystore:
        try:
            broken = log.verify(progress, body_holds=holds)
        except ArchiveRefused as refused:
            raise HomeError(f"the archive that node.toml attaches does not hold: {refused}") from None
    root = base64.b64encode(log.root()).decode() if broken is None else ""
    why = fault[0] if fault else "the leaf, its hash or the tree above it was changed"
    size = log.size if broken is None else broken
    unseen = log.past.end if log.past.folder is None else 0
    return Verdict(size, root, broken, why if broken is not None else "", unseen)


def backup(home: Home, folder: Path) -> int:
    """Copy the node's databases, consistently, while it runs; returns the ledger's size.

    Not copied: the tables (the ledger explains them), the keys, the socket and the lock. The list of what was
    erased is: an older backup that is restored with it does not bring that back.
    """
    needs_files(home, "a backup")
    if folder.exists() and any(folder.iterdir()):
        raise HomeError(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Feeds before the ledger that tells of them: a copied feed never has an entry the copied ledger lacks.
    for source in reversed(databases(home)):
        if source != home.accounts:
            target = folder / source.relative_to(home.path)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _copy(source, target)
    copy_accounts(home, folder)
    shutil.copy2(home.path / "node.toml", folder / "node.toml")
    # Last, so that it tells of every erasure that a copied database does not know of yet.
    copy_erased(home, folder)
    return complete(home.party, folder)


def copy_accounts(home: Home, folder: Path) -> None:
    """Copy the accounts, where there are any, without what would let somebody in."""
    if home.accounts.exists():
        _copy(home.accounts, folder / home.accounts.name)
        _forget_sessions(folder / home.accounts.name)


def complete(party: str, folder: Path) -> int:
    """Write the manifest of a folder with the databases of a backup; returns the ledger's size."""
    with closing(open_database(folder / "ledger.sqlite3", read_only=True)) as connection:
        log = Log(connection, "ledger", f"{party}.safeconduct/ledger")
        size, root = log.size, base64.b64encode(log.root()).decode()
    Manifest(party, size, root, datetime.now(UTC).isoformat(timespec="seconds")).write(folder)
    return size


def restore(home: Home, folder: Path, erased: Path | None = None) -> int:
    """Put a backup's databases in the place of the home's and make the tables again, without what was erased since,
    as far as the lists of the home and of the backup tell, and that in the file `erased`.

    Raises HomeError when the backup is another party's, is damaged, or the node is running. What was there
    is kept beside, as `before-restore`. Nothing new goes to a partner until its next contact has shown that it
    has seen no more of this node than the backup has.
    """
    from safeconduct.exchange.delivery import restored_mark
    from safeconduct.node.django_start import migrate, start_django
    from safeconduct.records.writer import AlreadyRunning, Writer

    needs_files(home, "a restore")
    kept = home.path / "before-restore"
    if kept.exists():
        raise HomeError(f"{kept} is still there from an earlier restore; move it away first")
    check_copy(folder, home)
    with standing_still(home):
        for present in [*databases(home), home.tables]:
            for path in (present, Path(f"{present}-wal"), Path(f"{present}-shm")):
                if path.exists():
                    target = kept / path.relative_to(home.path)
                    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    path.replace(target)
        for source in sorted(folder.rglob("*.sqlite3")):
            place = source.relative_to(folder)
            target = home.accounts if place == Path(home.accounts.name) else home.path / place
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copy2(source, target)
            target.chmod(0o600)
        known = set(read_erased(home))
        told = [each for source in (folder / NAME, erased) if source for each in erased_in(source)]
        note_erased(home, [each for each in dict.fromkeys(told) if each not in known])
        home.restored.touch(mode=0o600)
        for partner in home.partners:
            restored_mark(home, partner).touch(mode=0o600)
    start_django(home)
    migrate()
    try:
        writer = Writer(home)
    except AlreadyRunning as fault:
        raise HomeError("the node was started before its restore was done") from fault
    size = writer.log.size
    writer.close()
    permit_all(home)
    return size


def check_copy(folder: Path, home: Home, progress: Progress | None = None) -> Manifest:
    """Verify a backup whole with the keys of a home. Raises HomeError when it is another party's or damaged."""
    manifest = Manifest.of(folder)
    if manifest.party != home.party:
        raise HomeError(f"this backup is of {manifest.party}, the home is of {home.party}")
    try:
        for copy in sorted(folder.rglob("*.sqlite3")):
            with closing(open_database(copy, read_only=True)) as connection:
                (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(f"{copy.name}: {found}")
        with closing(open_database(folder / "ledger.sqlite3", read_only=True)) as connection:
            verdict = _verify(connection, home, progress)
    except (sqlite3.DatabaseError, LookupError) as fault:
        raise HomeError(f"the backup's ledger cannot be read: {fault}") from fault
    if verdict.broken is not None:
        raise HomeError(f"the backup's ledger is damaged at index {verdict.broken}: {verdict.why}")
    if (verdict.size, verdict.root) != (manifest.size, manifest.root):
        raise HomeError("the backup's ledger is not the one that its manifest names")
    refuse_unseen(verdict)
    return manifest


def refuse_unseen(verdict: Verdict) -> None:
    """Raises HomeError for a ledger from which no tables could be made again: its beginning is not to be had."""
    if verdict.unseen:
        raise HomeError(
            f"the first {verdict.unseen:,} entries are in an archive, and tables are made again from all of them: "
            "name its folder as `archive` in node.toml"
        )


def databases(home: Home) -> list[Path]:
    """The databases of a home that a backup holds, the ledger first."""
    found = [home.ledger, home.accounts, *sorted((home.path / "feeds").glob("*/*.sqlite3"))]
    return [path for path in found if path.exists()]


def _forget_sessions(accounts: Path) -> None:
    """Take what would let someone in out of a copy of the accounts: sessions, and counts of failures."""
    with closing(sqlite3.connect(accounts, isolation_level=None)) as copy:
        copy.execute("PRAGMA secure_delete=ON")
        there = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in sorted(there & {"django_session", "people_cache", "usersessions_usersession"}):
            copy.execute(f"DELETE FROM {table}")  # noqa: S608  (a name from the list above)
        copy.execute("VACUUM")


def _copy(source: Path, target: Path) -> None:
    origin = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    copy = sqlite3.connect(target)
    try:
        origin.backup(copy)
    finally:
        copy.close()
        origin.close()
    target.chmod(0o600)
