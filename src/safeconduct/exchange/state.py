"""What the writer remembers of each partner, in tables beside the ledger, changed in the same transaction.

`exchange_sent` is what a partner knows of an own record, `exchange_received` what this node holds of a
partner's; both carry the opaque ids under which records cross. The outbox holds feed entries that the ledger
has promised and the feed may not have yet.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from safeconduct.ledger.database import Database


def received_id(partner: str, opaque: str) -> str:
    """The id under which a partner's record is kept here: no choice of the partner's meets an own id."""
    return hashlib.sha256(f"safeconduct/received\n{partner}\n{opaque}".encode()).hexdigest()[:32]


def new_opaque() -> str:
    """A name for a record that a partner is to know, which says nothing of it."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a partner has of an own record. `held` are the parts it may use now; `about` the own id of what it
    was told the record is about ("" for nothing)."""

    partner: str
    record: str
    opaque: str
    version: int
    own_version: int
    own_index: int
    held: int
    digests: tuple[str, ...]
    commitment: str
    at: str
    about: str


@dataclass(frozen=True, slots=True)
class Received:
    """What this node has of a partner's record: its latest version and where that lies in the ledger."""

    partner: str
    opaque: str
    record: str
    version: int
    ledger_index: int
    held: int
    leaf: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PartnerState:
    """`feed_size` counts what the own feed will have once the outbox is copied. `feed_note` is the partner's
    newest feed checkpoint and `cosigned_feed` the own cosignature on it; `ledger_*` are the partner's ledger
    as far as it was cosigned blind. `frozen` says why nothing is exchanged; "" while all is well."""

    partner: str
    feed_size: int
    frozen: str
    feed_note: bytes
    ledger_size: int
    ledger_root: bytes
    ledger_note: bytes
    cosigned_feed: bytes
    acked_ledger: int


class State:
    """Reading and writing these tables. All changes belong to the caller's transaction."""

    def __init__(self, db: Database) -> None:
        self.db = db

    # --- partners

    def meet(self, partner: str) -> bool:
        """Make a partner known; True when it was not."""
        added = self.db.execute(
            "INSERT INTO exchange_partner (partner) VALUES (?) ON CONFLICT DO NOTHING", (partner,)
        )
        return added.rowcount == 1

    def partner(self, partner: str) -> PartnerState:
        row = self.db.execute("SELECT * FROM exchange_partner WHERE partner = ?", (partner,)).fetchone()
        if row is None:
            raise LookupError(f"{partner} was never met")
        return PartnerState(*row)

    def freeze(self, partner: str, why: str) -> None:
        self.db.execute("UPDATE exchange_partner SET frozen = ? WHERE partner = ?", (why, partner))

    def epoch(self, partner: str) -> int:
        """In which epoch the exchange with a partner is; it begins with the first."""
        row = self.db.execute("SELECT epoch FROM exchange_epoch WHERE partner = ?", (partner,)).fetchone()
        return int(row[0]) if row else 1

    def renewing(self, partner: str) -> bool:
        """Whether the feed has yet to follow into an epoch that has begun."""
        row = self.db.execute("SELECT 1 FROM exchange_renewal WHERE partner = ?", (partner,)).fetchone()
        return row is not None

    def begin_epoch(self, partner: str, epoch: int, acked: int, ledger_size: int, ledger_root: bytes) -> None:
        """Go on in an epoch: the own ledger from `acked`, the partner's from where both agree that it stood."""
        self.db.execute(
            "INSERT INTO exchange_epoch VALUES (?, ?) ON CONFLICT (partner) DO UPDATE SET epoch = excluded.epoch",
            (partner, epoch),
        )
        self.db.execute(
            "UPDATE exchange_partner SET frozen = '', cosigned_feed = ?, ledger_note = ?, acked_ledger = ?, "
            "ledger_size = ?, ledger_root = ? WHERE partner = ?",
            (b"", b"", acked, ledger_size, ledger_root, partner),
        )

    def set_feed_head(self, partner: str, note: bytes, cosigned: bytes) -> None:
        self.db.execute(
            "UPDATE exchange_partner SET feed_note = ?, cosigned_feed = ? WHERE partner = ?",
            (note, cosigned, partner),
        )

    def set_ledger_head(self, partner: str, size: int, root: bytes, note: bytes) -> None:
        self.db.execute(
            "UPDATE exchange_partner SET ledger_size = ?, ledger_root = ?, ledger_note = ? WHERE partner = ?",
            (size, root, note, partner),
        )

    def set_acked(self, partner: str, ledger: int) -> None:
        self.db.execute("UPDATE exchange_partner SET acked_ledger = ? WHERE partner = ?", (ledger, partner))

    def keep_evidence(
        self, partner: str, at: float, what: str, ours: bytes, theirs: bytes, bundle: bytes
    ) -> None:
        self.db.execute(
            "INSERT INTO exchange_evidence VALUES (?, ?, ?, ?, ?, ?)",
            (partner, at, what, ours, theirs, bundle),
        )

    def evidence(self, partner: str) -> list[tuple[float, str]]:
        """When a partner was seen to have signed two histories, and of what; kept whatever epoch has begun since."""
        rows = self.db.execute(
            "SELECT at, what FROM exchange_evidence WHERE partner = ? ORDER BY at", (partner,)
        )
        return [(float(at), str(what)) for at, what in rows.fetchall()]

    # --- the outbox

    def post(self, partner: str, leaf: bytes, body: bytes) -> int:
        """Put a feed entry into the outbox; returns the index it will have in the feed."""
        row = self.db.execute(
            "UPDATE exchange_partner SET feed_size = feed_size + 1 WHERE partner = ? RETURNING feed_size - 1",
            (partner,),
        ).fetchone()
        self.db.execute("INSERT INTO exchange_outbox VALUES (?, ?, ?, ?)", (partner, row[0], leaf, body))
        return int(row[0])

    def waiting(self, partner: str, start: int, limit: int) -> list[tuple[int, bytes, bytes]]:
        return self.db.execute(
            "SELECT idx, leaf, body FROM exchange_outbox WHERE partner = ? AND idx >= ? ORDER BY idx LIMIT ?",
            (partner, start, limit),
        ).fetchall()

    def posted(self, partner: str, below: int) -> None:
        """Forget outbox entries that the feed has."""
        self.db.execute("DELETE FROM exchange_outbox WHERE partner = ? AND idx < ?", (partner, below))

    # --- what a partner has of own records

    def sent(self, partner: str, record: str) -> Sent | None:
        """None for a record that has only its name for the partner yet."""
        row = self.db.execute(
            "SELECT * FROM exchange_sent WHERE partner = ? AND record = ? AND version > 0", (partner, record)
        ).fetchone()
        return _sent(row) if row else None

    def who_has(self, record: str) -> frozenset[str]:
        """The partners that know of an own record, or to whom a sealed bundle was given that holds it."""
        rows = self.db.execute(
            "SELECT partner FROM exchange_sent WHERE record = ? "
            "UNION SELECT partner FROM exchange_sealed WHERE record = ?",
            (record, record),
        )
        return frozenset(partner for (partner,) in rows.fetchall())

    def reserve(self, partner: str, record: str) -> str:
        """The id under which a record is to cross to a partner, drawn when it is first asked for."""
        row = self.db.execute(
            "INSERT INTO exchange_sent VALUES (?, ?, ?, 0, 0, 0, 0, '[]', '', '', '') "
            "ON CONFLICT (partner, record) DO UPDATE SET opaque = exchange_sent.opaque RETURNING opaque",
            (partner, record, new_opaque()),
        ).fetchone()
        return str(row[0])

    def sent_as(self, partner: str, opaque: str) -> Sent | None:
        row = self.db.execute(
            "SELECT * FROM exchange_sent WHERE partner = ? AND opaque = ?", (partner, opaque)
        ).fetchone()
        return _sent(row) if row else None

    def lose(self, partner: str, opaque: str) -> None:
        """Remember that the partner knows a record by this name, and this node does not any more."""
        self.db.execute("INSERT INTO exchange_lost VALUES (?, ?) ON CONFLICT DO NOTHING", (partner, opaque))

    def lost(self, partner: str, opaque: str) -> bool:
        found = self.db.execute(
            "SELECT 1 FROM exchange_lost WHERE partner = ? AND opaque = ?", (partner, opaque)
        ).fetchone()
        return found is not None

    def sent_to(self, record: str) -> list[Sent]:
        rows = self.db.execute("SELECT * FROM exchange_sent WHERE record = ? ORDER BY partner", (record,))
        return [_sent(row) for row in rows.fetchall()]

    def put_sent(self, sent: Sent, index: int, mask: int) -> None:
        """Remember what feed entry `index` told the partner; `mask` are the parts it disclosed."""
        self.db.execute(
            "INSERT INTO exchange_sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (partner, record) "
            "DO UPDATE SET opaque = excluded.opaque, version = excluded.version, own_version = excluded.own_version, "
            "own_index = excluded.own_index, held = excluded.held, digests = excluded.digests, "
            "commitment = excluded.commitment, at = excluded.at, about = excluded.about",
            (
                sent.partner,
                sent.record,
                sent.opaque,
                sent.version,
                sent.own_version,
                sent.own_index,
                sent.held,
                json.dumps(sent.digests),
                sent.commitment,
                sent.at,
                sent.about,
            ),
        )
        if mask:
            self.db.execute(
                "INSERT INTO exchange_sent_entry VALUES (?, ?, ?, ?)",
                (sent.partner, index, sent.record, mask),
            )

    def set_held(self, sent: Sent, held: int) -> Sent:
        self.db.execute(
            "UPDATE exchange_sent SET held = ? WHERE partner = ? AND record = ?",
            (held, sent.partner, sent.record),
        )
        return replace(sent, held=held)

    def sent_entries(self, partner: str, record: str) -> list[tuple[int, int]]:
        """(feed index, mask of the parts disclosed there) of every entry about a record."""
        return self.db.execute(
            "SELECT idx, mask FROM exchange_sent_entry WHERE partner = ? AND record = ? ORDER BY idx",
            (partner, record),
        ).fetchall()

    # --- what this node has of a partner's records

    def received(self, partner: str, opaque: str) -> Received | None:
        row = self.db.execute(
            "SELECT * FROM exchange_received WHERE partner = ? AND opaque = ?", (partner, opaque)
        ).fetchone()
        return _received(row) if row else None

    def received_record(self, record: str) -> Received | None:
        row = self.db.execute("SELECT * FROM exchange_received WHERE record = ?", (record,)).fetchone()
        return _received(row) if row else None

    def put_received(self, received: Received) -> None:
        self.db.execute(
            "INSERT INTO exchange_received VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (partner, opaque) DO UPDATE SET "
            "record = excluded.record, version = excluded.version, ledger_index = excluded.ledger_index, "
            "held = excluded.held, leaf = excluded.leaf",
            (
                received.partner,
                received.opaque,
                received.record,
                received.version,
                received.ledger_index,
                received.held,
                json.dumps(received.leaf),
            ),
        )
        self.db.execute(
            "INSERT INTO exchange_received_entry VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (received.record, received.ledger_index, received.held),
        )

    def note_received_entry(self, record: str, index: int, held: int) -> None:
        """Remember which parts of a partner's record lie beside a ledger entry, to find them when they are erased."""
        self.db.execute(
            "INSERT INTO exchange_received_entry VALUES (?, ?, ?) "
            "ON CONFLICT (record, ledger_index) DO UPDATE SET held = excluded.held",
            (record, index, held),
        )

    def set_received_held(self, received: Received, held: int) -> None:
        self.db.execute("UPDATE exchange_received SET held = ? WHERE record = ?", (held, received.record))

    def received_entries(self, record: str) -> list[int]:
        """The ledger index of every entry that still holds parts of a partner's record."""
        sql = "SELECT ledger_index FROM exchange_received_entry WHERE record = ? ORDER BY ledger_index"
        return [index for (index,) in self.db.execute(sql, (record,)).fetchall()]

    def take_received(self, record: str, mask: int, spared: Collection[int] = ()) -> list[tuple[int, int]]:
        """(ledger index, parts) of every entry that still holds some of these parts of a partner's record, but for
        those that are spared; they are no longer told of as held. So an erasure asked for again finds nothing left to
        do."""
        rows = self.db.execute(
            "SELECT ledger_index, held & ? FROM exchange_received_entry WHERE record = ? AND held & ? <> 0"
            " ORDER BY ledger_index",
            (mask, record, mask),
        ).fetchall()
        taken = [(index, held) for index, held in rows if index not in spared]
        self.db.executemany(
            "UPDATE exchange_received_entry SET held = held & ~? WHERE record = ? AND ledger_index = ?",
            [(mask, record, index) for index, _ in taken],
        )
        self.db.execute("DELETE FROM exchange_received_entry WHERE record = ? AND held = 0", (record,))
        return taken

    # --- small sets

    def held_back(self, record: str) -> int:
        """Parts of an own record that were withdrawn by hand and are released to nobody."""
        row = self.db.execute("SELECT mask FROM exchange_held_back WHERE record = ?", (record,)).fetchone()
        return int(row[0]) if row else 0

    def hold_back(self, record: str, mask: int) -> None:
        self.db.execute(
            "INSERT INTO exchange_held_back VALUES (?, ?) ON CONFLICT (record) DO UPDATE SET mask = excluded.mask",
            (record, mask),
        )

    def lock(self, record: str, opens: float) -> None:
        """Look at an own record again when its time lock opens."""
        self.db.execute(
            "INSERT INTO exchange_lock VALUES (?, ?) ON CONFLICT (record) DO UPDATE SET opens = excluded.opens",
            (record, opens),
        )

    def unlock(self, record: str, opens: float) -> None:
        """Remember that this time lock has opened: no clock that is set back closes it again."""
        self.db.execute(
            "INSERT INTO exchange_opened VALUES (?, ?) "
            "ON CONFLICT (record) DO UPDATE SET opens = excluded.opens WHERE exchange_opened.opens <> excluded.opens",
            (record, opens),
        )
        self.db.execute("DELETE FROM exchange_lock WHERE record = ?", (record,))

    def opened(self, record: str, opens: float) -> bool:
        """Has the time lock that opens at this moment opened once?"""
        row = self.db.execute("SELECT opens FROM exchange_opened WHERE record = ?", (record,)).fetchone()
        return row is not None and float(row[0]) == opens

    def locks_due(self, now: float) -> list[str]:
        """Own records whose time lock opens by now, the earliest first."""
        rows = self.db.execute(
            "SELECT record FROM exchange_lock WHERE opens <= ? ORDER BY opens, record", (now,)
        )
        return [row[0] for row in rows.fetchall()]

    def start_sweep(self, partner: str) -> None:
        """Look at every own record again for this partner, from the oldest on."""
        self.db.execute(
            "INSERT INTO exchange_sweep VALUES (?, -1) ON CONFLICT (partner) DO UPDATE SET cursor = -1",
            (partner,),
        )

    def sweeps(self) -> Iterator[tuple[str, int]]:
        yield from self.db.execute("SELECT partner, cursor FROM exchange_sweep ORDER BY partner").fetchall()

    def move_sweep(self, partner: str, cursor: int | None) -> None:
        """Note how far a sweep has come (ledger index of a record's first version); None ends it."""
        if cursor is None:
            self.db.execute("DELETE FROM exchange_sweep WHERE partner = ?", (partner,))
        else:
            self.db.execute("UPDATE exchange_sweep SET cursor = ? WHERE partner = ?", (cursor, partner))


def _sent(row: Sequence[object]) -> Sent:
    values = list(row)
    values[7] = tuple(json.loads(str(values[7])))
    return Sent(*values)  # type: ignore[arg-type]


def _received(row: Sequence[object]) -> Received:
    values = list(row)
    values[6] = json.loads(str(values[6]))
    return Received(*values)  # type: ignore[arg-type]
