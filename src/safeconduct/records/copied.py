"""What a writer needs that lies in files of its home, and is copied to every machine that may hold the sequencer.

The holder leaves a mark of each beside the ledger: an HMAC under a secret that all of them have, so that the mark tells
the database nothing. A machine whose files differ would sign with other keys, or know other partners, and must not take
over.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safeconduct.ledger.database import Database, columns
from safeconduct.records.hello import earlier_than, version
from safeconduct.records.home import Home, HomeError, last_backup, last_restore_drill
from safeconduct.records.hooks import job, on_start, on_tick
from safeconduct.records.machines import machine_name, several
from safeconduct.records.transaction import Tx, iso

LOOK_SECONDS = 10.0
_KEYS = ("*.key", "*.vkey", "tls.pem", "django")
_TABLE = "CREATE TABLE IF NOT EXISTS sequencer (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
_SEEN = (
    "CREATE TABLE IF NOT EXISTS standing_by (machine TEXT PRIMARY KEY, at REAL NOT NULL, words TEXT NOT NULL)"
)
_PUT = "INSERT INTO sequencer (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_FILE, _RESTORED = "file:", "restored:"


def marks(home: Home) -> dict[str, str]:
    """The mark of each file, and of what node.toml says of the parties. Raises HomeError without the secret."""
    try:
        secret = (home.keys / "decoy.key").read_bytes()
    except OSError as fault:
        raise HomeError("keys/decoy.key is not here: copy the keys of the sequencer's machine") from fault

    def mark(content: bytes) -> str:
        return hmac.new(secret, content, hashlib.sha256).hexdigest()

    found = {f"keys/{path.name}": mark(path.read_bytes()) for path in _files(home.keys)}
    parties = {
        "node": [home.party, home.side],
        "partners": {p.party: [p.agreement, dict(p.card)] for p in home.partners.values()},
        "former": sorted(home.former),
        "signatories": home.settings.get("signatories", []),
    }
    found["node.toml"] = mark(json.dumps(parties, sort_keys=True).encode())
    return found


def _files(keys: Path) -> Iterator[Path]:
    for pattern in _KEYS:
        yield from sorted(keys.glob(pattern))


def restored_here(home: Home) -> list[str]:
    """Partners of which this machine, after a restore, does not know yet what they have seen."""
    return sorted(party for party in home.partners if (home.feed(party) / "restored").exists())


def told(db: Database) -> Mapping[str, str]:
    """What the holder has left beside the ledger; nothing where no sequencer was ever on several machines."""
    if not columns(db, "sequencer"):
        return {}
    return dict(db.execute("SELECT name, value FROM sequencer").fetchall())


def holder(db: Database) -> str:
    """The machine that held the sequencer last, "" for none."""
    return told(db).get("machine", "")


def lacking(home: Home, db: Database) -> str:
    """Why this machine must not hold the sequencer, in words; "" when it may."""
    left = told(db)
    last = left.get("machine", "")
    if last in ("", machine_name(home)):  # what it has now is what it may have changed since
        return ""
    if earlier_than(version(), left.get("version", "")):
        return f"machine {last} is of version {left['version']}, this one of {version()}: upgrade it"
    own = marks(home)
    theirs = {name.removeprefix(_FILE): value for name, value in left.items() if name.startswith(_FILE)}
    differing = sorted(name for name, value in theirs.items() if own.get(name) != value)
    if differing:
        return f"{', '.join(differing)} here is missing or not that of machine {last}: `machine add` copies it again"
    waiting = sorted(n.removeprefix(_RESTORED) for n in left if n.startswith(_RESTORED))
    if waiting:
        return f"machine {last} was restored from a backup and has not heard from {', '.join(waiting)} yet"
    return ""


def leave_marks(home: Home, db: Database, now: float) -> None:
    """What the holder leaves beside the ledger; written only where it has changed."""
    left = told(db)
    wanted = {
        "machine": machine_name(home),
        "version": version(),
        **{f"{_FILE}{name}": value for name, value in marks(home).items()},
        **{f"{_RESTORED}{party}": "1" for party in restored_here(home)},
    }
    if left.get("machine") != wanted["machine"]:
        wanted["since"] = iso(now)
    for name, value in wanted.items():
        if left.get(name) != value:
            db.execute(_PUT, (name, value))
    for name in left:
        if name.startswith((_FILE, _RESTORED)) and name not in wanted:
            db.execute("DELETE FROM sequencer WHERE name = ?", (name,))


def note_standing_by(db: Database, machine: str, at: float, words: str) -> None:
    """A machine that stands by says so, with what keeps it from taking over; over a connection without the claim."""
    if columns(db, "standing_by"):
        db.execute(
            "INSERT INTO standing_by (machine, at, words) VALUES (?, ?, ?) "
            "ON CONFLICT (machine) DO UPDATE SET at = excluded.at, words = excluded.words",
            (machine, at, words),
        )


@job("sequencer", by=("web",))
def sequencer(tx: Tx, payload: dict[str, Any]) -> dict[str, Any]:
    """Which machine holds the sequencer, since when, which stand by, and what was last done there (seconds since 1970,
    None for never); nothing on a node of one machine."""
    if not several(tx.home):
        return {}
    left = told(tx.db)
    rows = tx.db.execute("SELECT machine, at, words FROM standing_by ORDER BY machine").fetchall()
    return {
        "machine": left.get("machine", ""),
        "since": left.get("since", ""),
        "backup": last_backup(tx.home),
        "drill": last_restore_drill(tx.home),
        "standing_by": [{"machine": m, "seen": iso(at), "words": words} for m, at, words in rows],
    }


@on_start
def begin(tx: Tx) -> None:
    if several(tx.home):
        tx.db.execute(_TABLE)
        tx.db.execute(_SEEN)
        tx.db.execute("DELETE FROM standing_by WHERE machine = ?", (machine_name(tx.home),))
        leave_marks(tx.home, tx.db, tx.now)


@on_tick("machines_look", LOOK_SECONDS)
def look(tx: Tx) -> bool:
    """A partner that was accepted, or a key that was renewed, is soon known to the machines that stand by."""
    if several(tx.home):
        leave_marks(tx.home, tx.db, tx.now)
    return False
