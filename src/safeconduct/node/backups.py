"""Backup and restore of a node, and verification of a ledger without taking the writer's place."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from safeconduct.ledger.keystore import KeyStore
from safeconduct.ledger.log import Log, open_database
from safeconduct.ledger.parts import digest
from safeconduct.records.home import Home, HomeError

MANIFEST = "backup.json"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Verdict:
    """`broken` is the first ledger index that does not hold and `why`; then `size` is how much does.

    `root` is base64, "" when broken.
    """

    size: int
    root: str
    broken: int | None = None
    why: str = ""


def ledger_size(home: Home) -> int:
    """Entries in a home's ledger, whether or not its writer runs."""
    with closing(open_database(home.ledger, read_only=True)) as connection:
        return Log(connection, "ledger", f"{home.party}.safeconduct/ledger").size


def verify_home(home: Home, progress: Progress | None = None) -> Verdict:
    """Recompute a home's ledger from what is on the disk, and open every part whose key is still there."""
    if not home.ledger.exists():
        raise HomeError(f"{home.path} has no ledger yet")
    connection = open_database(home.ledger, read_only=True)
    try:
        return _verify(connection, home, progress)
    finally:
        connection.close()


def _verify(connection: sqlite3.Connection, home: Home, progress: Progress | None) -> Verdict:
    from safeconduct.records.transaction import open_body

    log = Log(connection, "ledger", f"{home.party}.safeconduct/ledger")
    fault: list[str] = []
    keystore = KeyStore.open(home.keys / "parts", write=False)

    def holds(leaf: bytes, body: bytes | None) -> bool:
        if body is None:
            return True
        try:
            header = json.loads(leaf)
            opened = open_body(keystore, header, body)
            promised = header.get("parts", ())
            good = all(t is None or digest(t) == d for t, d in zip(opened, promised, strict=True))
        except ValueError as broken:
            fault.append(f"a part does not open: {broken}")
            return False
        if not good:
            fault.append("a part is not the one its header promises")
        return good

    with keystore:
        broken = log.verify(progress, body_holds=holds)
    root = base64.b64encode(log.root()).decode() if broken is None else ""
    why = fault[0] if fault else "the leaf, its hash or the tree above it was changed"
    size = log.size if broken is None else broken
    return Verdict(size, root, broken, why if broken is not None else "")


def backup(home: Home, folder: Path) -> int:
    """Copy the node's databases, consistently, while it runs; returns the ledger's size.

    Not copied: the tables (the ledger explains them), the keys, the socket and the lock.
    """
    if folder.exists() and any(folder.iterdir()):
        raise HomeError(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Feeds before the ledger that tells of them: a copied feed never has an entry the copied ledger lacks.
    for source in reversed(_databases(home)):
        target = folder / source.relative_to(home.path)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy(source, target)
    _forget_sessions(folder / home.accounts.name)
    shutil.copy2(home.path / "node.toml", folder / "node.toml")
    connection = open_database(folder / "ledger.sqlite3", read_only=True)
    try:
        log = Log(connection, "ledger", f"{home.party}.safeconduct/ledger")
        size, root = log.size, base64.b64encode(log.root()).decode()
    finally:
        connection.close()
    (folder / MANIFEST).write_text(json.dumps({"party": home.party, "size": size, "root": root}) + "\n")
    return size


def restore(home: Home, folder: Path) -> int:
    """Put a backup's databases in the place of the home's and make the tables again.

    Raises HomeError when the backup is another party's, is damaged, or the node is running. What was there
    is kept beside, as `before-restore`. Nothing new goes to a partner until its next contact has shown that it
    has seen no more of this node than the backup has.
    """
    from safeconduct.exchange.delivery import restored_mark
    from safeconduct.node.django_start import migrate, start_django
    from safeconduct.records.writer import AlreadyRunning, Writer

    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        party, size, root = manifest["party"], manifest["size"], manifest["root"]
    except (OSError, ValueError, KeyError) as fault:
        raise HomeError(f"{folder} is no backup: {fault}") from fault
    if party != home.party:
        raise HomeError(f"this backup is of {party}, the home is of {home.party}")
    kept = home.path / "before-restore"
    if kept.exists():
        raise HomeError(f"{kept} is still there from an earlier restore; move it away first")
    _check_copy(folder, home, size, root)
    if home.socket.exists():
        raise HomeError("the node is running; stop it before a restore")
    for present in [*_databases(home), home.tables]:
        for path in (present, Path(f"{present}-wal"), Path(f"{present}-shm")):
            if path.exists():
                target = kept / path.relative_to(home.path)
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.replace(target)
    for source in sorted(folder.rglob("*.sqlite3")):
        target = home.path / source.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(source, target)
        target.chmod(0o600)
    for partner in home.partners:
        restored_mark(home, partner).touch(mode=0o600)
    start_django(home)
    migrate()
    try:
        writer = Writer(home)
    except AlreadyRunning as fault:
        raise HomeError("the node is running; stop it before a restore") from fault
    size = writer.log.size
    writer.close()
    return size


def _check_copy(folder: Path, home: Home, size: int, root: str) -> None:
    try:
        with closing(open_database(folder / "ledger.sqlite3", read_only=True)) as connection:
            verdict = _verify(connection, home, None)
    except sqlite3.DatabaseError as fault:
        raise HomeError(f"the backup's ledger cannot be read: {fault}") from fault
    if verdict.broken is not None or (verdict.size, verdict.root) != (size, root):
        raise HomeError(f"the backup's ledger is damaged at index {verdict.broken}: {verdict.why}")


def _databases(home: Home) -> list[Path]:
    found = [home.ledger, home.accounts, *sorted((home.path / "feeds").glob("*/*.sqlite3"))]
    return [path for path in found if path.exists()]


def _forget_sessions(accounts: Path) -> None:
    """Take what would let someone in out of a copy of the accounts: sessions, and counts of failures."""
    if not accounts.exists():
        return
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
