"""What the writer remembers of holds: which records are kept, by whom and why, and what waits for each to be lifted."""

from __future__ import annotations

from dataclasses import dataclass

from safeconduct.ledger.database import Database


@dataclass(frozen=True)
class Hold:
    """A hold in force. `index` is the ledger entry that set it or stated its reason anew; of one that was set before
    that was remembered, `person` is "", `at` and `index` are 0."""

    record: str
    because: str
    person: str
    at: float
    index: int


@dataclass(frozen=True)
class Asked:
    """An erasure that its originator asked for and that the hold keeps waiting. `feed_index` is the entry of the
    partner's feed, negative where the link was closed since; `version` the last one that had come by then: what came
    later was not asked for. `at` and `version` are 0 where they were not remembered."""

    partner: str
    feed_index: int
    mask: int
    at: float
    version: int


class HoldState:
    """The tables of holds, inside the writer."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def hold(self, record: str) -> Hold | None:
        found = self.db.execute(
            "SELECT record, because, person, at, idx FROM exchange_hold WHERE record = ?", (record,)
        ).fetchone()
        return Hold(*found) if found is not None else None

    def because(self, record: str) -> str:
        """Why a record is kept although its erasure is due or was asked for; "" when it is not."""
        found = self.hold(record)
        return found.because if found is not None else ""

    def holds(self, before: int | None, limit: int) -> list[Hold]:
        """Those in force, the latest first; `before` is the entry of the last one seen."""
        where, values = ("WHERE idx < ? ", (before,)) if before is not None else ("", ())
        found = self.db.execute(
            "SELECT record, because, person, at, idx FROM exchange_hold "
            f"{where}ORDER BY idx DESC, record LIMIT ?",
            (*values, limit),
        ).fetchall()
        return [Hold(*row) for row in found]

    def put(self, hold: Hold) -> None:
        self.db.execute(
            "INSERT INTO exchange_hold (record, because, person, at, idx) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (record) DO UPDATE SET because = excluded.because, person = excluded.person, "
            "at = excluded.at, idx = excluded.idx",
            (hold.record, hold.because, hold.person, hold.at, hold.index),
        )

    def lift(self, record: str) -> None:
        """Forget the hold, and what waited for it."""
        for table in ("exchange_hold", "exchange_kept", "exchange_retained"):
            self.db.execute(f"DELETE FROM {table} WHERE record = ?", (record,))

    def wait(self, record: str, asked: Asked) -> None:
        """An erasure was asked for and is not done."""
        self.db.execute(
            "INSERT INTO exchange_retained (partner, idx, record, mask, at, version) VALUES (?, ?, ?, ?, ?, ?)",
            (asked.partner, asked.feed_index, record, asked.mask, asked.at, asked.version),
        )

    def asked(self, record: str) -> list[Asked]:
        """What was asked for and waits, the earliest first."""
        found = self.db.execute(
            "SELECT partner, idx, mask, at, version FROM exchange_retained WHERE record = ? ORDER BY idx",
            (record,),
        ).fetchall()
        return [Asked(*row) for row in found]

    def due(self, record: str) -> int:
        """The parts whose time is over and that the hold keeps, as far as the ledger says so."""
        found = self.db.execute("SELECT mask FROM exchange_kept WHERE record = ?", (record,)).fetchone()
        return int(found[0]) if found is not None else 0
