"""What the writer remembers of sealed bundles: of those it made, and of those that wait here for their code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from safeconduct.exchange.sealed import Cover
from safeconduct.ledger.database import Database

WAITING, OPENED, TAKEN_BACK, EXPIRED = "waiting", "opened", "taken back", "expired"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A partner's sealed bundle. Times in seconds since 1970; `at` is when it came into its state."""

    bundle: str
    partner: str
    cover: Cover | None
    body: bytes
    received: float
    by: str
    tries: int
    next_try: float
    state: str
    at: float


@dataclass(frozen=True, slots=True)
class Advance:
    """What is held of a partner's record because a sealed bundle was opened, until the feed brings it."""

    record: str
    kind: str
    version: int
    ledger_index: int
    held: int
    digests: tuple[str, ...]
    labels: dict[str, int]


class SealedState:
    """Reading and writing these tables. All changes belong to the caller's transaction."""

    def __init__(self, db: Database) -> None:
        self.db = db

    # --- bundles of this node

    def keep_made(self, partner: str, bundle: str, file: bytes, expires: float) -> None:
        self.db.execute(
            "INSERT INTO exchange_sealed_file VALUES (?, ?, ?, ?)", (bundle, partner, file, expires)
        )

    def file(self, bundle: str) -> bytes | None:
        row = self.db.execute("SELECT file FROM exchange_sealed_file WHERE bundle = ?", (bundle,)).fetchone()
        return bytes(row[0]) if row else None

    def keep_given(self, partner: str, record: str, bundle: str, mask: int) -> None:
        self.db.execute("INSERT INTO exchange_sealed VALUES (?, ?, ?, ?)", (partner, record, bundle, mask))

    def given(self, partner: str, record: str) -> tuple[int, tuple[str, ...]]:
        """The parts of an own record that lie in sealed bundles of a partner and not yet in its feed; which bundles."""
        rows = self.db.execute(
            "SELECT bundle, mask FROM exchange_sealed WHERE partner = ? AND record = ? ORDER BY bundle",
            (partner, record),
        ).fetchall()
        mask = 0
        for _, parts in rows:
            mask |= parts
        return mask, tuple(row[0] for row in rows)

    def no_longer_given(self, partner: str, record: str, mask: int) -> None:
        """These parts crossed by the feed, or were taken back."""
        given = self.db.execute(
            "UPDATE exchange_sealed SET mask = mask & ~? WHERE partner = ? AND record = ?",
            (mask, partner, record),
        )
        if given.rowcount:
            self.db.execute(
                "DELETE FROM exchange_sealed WHERE partner = ? AND record = ? AND mask = 0", (partner, record)
            )

    def forget_files(self, bundles: Sequence[str]) -> None:
        for bundle in bundles:
            self.db.execute("DELETE FROM exchange_sealed_file WHERE bundle = ?", (bundle,))

    # --- bundles of a partner

    def incoming(self, bundle: str) -> Incoming | None:
        row = self.db.execute("SELECT * FROM exchange_sealed_in WHERE bundle = ?", (bundle,)).fetchone()
        return _incoming(row) if row else None

    def all_incoming(self) -> list[Incoming]:
        """Every sealed bundle that came, the latest first."""
        rows = self.db.execute("SELECT * FROM exchange_sealed_in ORDER BY received DESC, bundle LIMIT 200")
        return [_incoming(row) for row in rows.fetchall()]

    def take(self, cover: Cover, body: bytes, now: float, by: str) -> None:
        self.db.execute(
            "INSERT INTO exchange_sealed_in VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
            (cover.bundle, cover.sender, cover.text(), body, now, by, WAITING, now),
        )

    def missed(self, bundle: str, tries: int, next_try: float) -> None:
        """A wrong code was entered."""
        self.db.execute(
            "UPDATE exchange_sealed_in SET tries = ?, next_try = ? WHERE bundle = ?",
            (tries, next_try, bundle),
        )

    def end(self, partner: str, bundle: str, state: str, now: float) -> None:
        """The bundle is of no more use: its body goes. One that has not come yet is remembered, too."""
        self.db.execute(
            "INSERT INTO exchange_sealed_in AS known VALUES (?, ?, '', ?, ?, '', 0, 0, ?, ?) "
            "ON CONFLICT (bundle) DO UPDATE SET body = excluded.body, "
            "at = CASE WHEN known.state = 'waiting' THEN excluded.at ELSE known.at END, "
            "state = CASE WHEN known.state = 'waiting' THEN excluded.state ELSE known.state END "
            "WHERE known.partner = excluded.partner",
            (bundle, partner, b"", now, state, now),
        )

    # --- what opened bundles brought

    def hold(self, partner: str, opaque: str, advance: Advance) -> None:
        self.db.execute(
            "INSERT INTO exchange_sealed_held VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (partner, opaque) "
            "DO UPDATE SET record = excluded.record, kind = excluded.kind, version = excluded.version, "
            "ledger_index = excluded.ledger_index, held = excluded.held, digests = excluded.digests, "
            "labels = excluded.labels",
            (
                partner,
                opaque,
                advance.record,
                advance.kind,
                advance.version,
                advance.ledger_index,
                advance.held,
                json.dumps(advance.digests),
                json.dumps(advance.labels),
            ),
        )

    def advance(self, partner: str, opaque: str) -> Advance | None:
        row = self.db.execute(
            "SELECT * FROM exchange_sealed_held WHERE partner = ? AND opaque = ?", (partner, opaque)
        ).fetchone()
        if row is None:
            return None
        record, kind, version, index, held, digests, labels = row[2:]
        return Advance(record, kind, version, index, held, tuple(json.loads(digests)), json.loads(labels))

    def let_go(self, partner: str, opaque: str, mask: int) -> None:
        """These parts are not held in advance any more: the feed brought them, or they were taken back."""
        self.db.execute(
            "UPDATE exchange_sealed_held SET held = held & ~? WHERE partner = ? AND opaque = ?",
            (mask, partner, opaque),
        )
        self.db.execute(
            "DELETE FROM exchange_sealed_held WHERE partner = ? AND opaque = ? AND held = 0",
            (partner, opaque),
        )


def with_bundles(leaf: Mapping[str, object], bundles: Sequence[str]) -> Mapping[str, object]:
    """A recall that also ends the sealed bundles in which the parts lie."""
    return {**leaf, "sealed": list(bundles)} if bundles else leaf


def _incoming(row: Sequence[object]) -> Incoming:
    values = list(row)
    values[2] = Cover.parse(str(values[2])) if values[2] else None
    values[3] = bytes(values[3])  # type: ignore[call-overload]
    return Incoming(*values)  # type: ignore[arg-type]
