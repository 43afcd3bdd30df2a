"""How long what was given may be kept: the limits of grants, remembered when they begin to bind.

A limit outlives its grant for what was already given, so it is written down with every part that a grant gave,
on the side that gave it and on the side that got it; for own records by the house rules. `retention_days` count
from then; `erase_after_days` from the day on which the record, or one that it is about, reached a state after
which nothing more happens, and for a record without such an end from its latest version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from safeconduct.agreement.policy import LimitName, Policy
from safeconduct.exchange.projection import OWN
from safeconduct.ledger.database import Database
from safeconduct.records.hooks import on_start
from safeconduct.records.kinds import all_kinds
from safeconduct.records.rows import RowView
from safeconduct.records.transaction import Tx
from safeconduct.timers.due import arm, disarm

DAY = 86_400.0
TIMER = "expire"
HIGHEST = 8
"""Records between one and the journey that it belongs to."""
NO_END, OPEN, ENDED = "no end", "open", "ended"

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS exchange_limit (
        side TEXT NOT NULL,
        partner TEXT NOT NULL,
        record TEXT NOT NULL,
        bit INTEGER NOT NULL,
        kept_until REAL,
        after_days INTEGER,
        ended REAL,
        PRIMARY KEY (record, side, partner, bit)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS exchange_expired (
        partner TEXT NOT NULL,
        record TEXT NOT NULL,
        version INTEGER NOT NULL,
        mask INTEGER NOT NULL,
        PRIMARY KEY (record, partner)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS exchange_kept (
        record TEXT PRIMARY KEY,
        mask INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
)


@on_start
def make_tables(tx: Tx) -> None:
    create_tables(tx.db)


def create_tables(db: Database) -> None:
    for statement in _SCHEMA:
        db.execute(statement)


def remember(tx: Tx, side: str, partner: str, row: RowView, mask: int, grants: Iterable[str] = ()) -> None:
    """Write down the limits on these parts of a record: of the named grants, or of the house rules for own ones."""
    found = _limits(tx.policy, row.kind, row.originator, tx.home.party if side == OWN else "", tuple(grants))
    bound = [(bit, keep, after) for bit, keep, after in found if mask >> bit & 1]
    if not bound:
        return
    # What has no end of its own begins anew with each version; a journey ends once.
    end = ending(tx, row)
    ended = None if end == OPEN else tx.now
    tx.db.executemany(
        "INSERT INTO exchange_limit (side, partner, record, bit, kept_until, after_days, ended) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (record, side, partner, bit) DO UPDATE SET "
        "kept_until = excluded.kept_until, after_days = excluded.after_days, "
        "ended = CASE WHEN ? = 1 THEN coalesce(exchange_limit.ended, excluded.ended) ELSE excluded.ended END",
        [
            (
                side,
                partner,
                row.id,
                bit,
                tx.now + keep * DAY if keep is not None else None,
                after,
                ended,
                end == ENDED,
            )
            for bit, keep, after in bound
        ],
    )
    arm_next(tx, side, partner, row.id)


@lru_cache(maxsize=512)
def _limits(
    policy: Policy, kind: str, originator: str, own: str, grants: tuple[str, ...]
) -> tuple[tuple[int, int | None, int | None], ...]:
    """(part's bit, retention_days, erase_after_days) of the parts on which some of the grants sets a limit.

    Of several grants that set one, the longest counts, as in `Policy.limit`. `own` asks for the house rules.
    """
    placed = {each.id: each for each in (*policy.pending, *policy.grants.values())}
    found = []
    for bit, part in enumerate(all_kinds()[kind].part_names):

        def limit(name: LimitName, part: str = part) -> int | None:
            if own:
                return policy.limit(name, kind, part, own, originator)
            named = [
                value
                for grant in grants
                if grant in placed
                and kind in placed[grant].grant.kinds
                and part in placed[grant].grant.parts_of(kind, policy.vocabulary)
                and (value := getattr(placed[grant].grant, name)) is not None
            ]
            return max(named, default=None)

        keep, after = limit("retention_days"), limit("erase_after_days")
        if keep is not None or after is not None:
            found.append((bit, keep, after))
    return tuple(found)


def ending(tx: Tx, row: RowView) -> str:
    """Whether a record, or one that it is about, has come to its end; NO_END where nothing ever does."""
    known = NO_END
    current: RowView | None = row
    for _ in range(HIGHEST):
        if current is None:
            break
        final = all_kinds()[current.kind].final
        if final and (current.state in final or current.withdrawn):
            return ENDED
        known = OPEN if final else known
        current = tx.row(current.about) if current.about else None
    return known


def follow(tx: Tx, row: RowView) -> None:
    """A record has a new version: what is limited by its end, or no longer by it, is counted anew."""
    if not all_kinds()[row.kind].final:
        return
    for each in (row, *_about(tx, row.id)):
        limited = tx.db.execute("SELECT 1 FROM exchange_limit WHERE record = ? LIMIT 1", (each.id,))
        if limited.fetchone() is None:
            continue
        over = ending(tx, each) == ENDED
        tx.db.execute(
            "UPDATE exchange_limit SET ended = CASE WHEN ? = 1 THEN coalesce(ended, ?) END WHERE record = ?",
            (over, tx.now, each.id),
        )
        for side, partner in tx.db.execute(
            "SELECT DISTINCT side, partner FROM exchange_limit WHERE record = ?", (each.id,)
        ).fetchall():
            arm_next(tx, side, partner, each.id)


def _about(tx: Tx, record: str) -> Iterator[RowView]:
    waiting = [record]
    for _ in range(HIGHEST):
        if not waiting:
            return
        marks = ", ".join(["%s"] * len(waiting))
        found = tx.tables.all(
            f"SELECT id FROM records_row WHERE about IN ({marks}) AND kind <> 'reading' ORDER BY born",
            waiting,
        )
        waiting = [each for (each,) in found][:30_000]
        for each in waiting:
            row = tx.row(each)
            if row is not None:
                yield row


def due(tx: Tx, side: str, partner: str, record: str) -> tuple[int, float | None]:
    """(the parts that are due now, when the next ones will be)."""
    mask, later = 0, None
    for bit, kept_until, ended, after_days in tx.db.execute(
        "SELECT bit, kept_until, ended, after_days FROM exchange_limit "
        "WHERE record = ? AND side = ? AND partner = ?",
        (record, side, partner),
    ).fetchall():
        over = None if ended is None or after_days is None else ended + after_days * DAY
        moment = min((each for each in (kept_until, over) if each is not None), default=None)
        if moment is None:
            continue
        if moment <= tx.now:
            mask |= 1 << bit
        elif moment < 9e11:
            later = moment if later is None else min(later, moment)
    return mask, later


def arm_next(tx: Tx, side: str, partner: str, record: str, wait: float = 0.0) -> None:
    """Have the timer fire when the next parts are due, and not before `wait` seconds from now."""
    key = f"{TIMER}/{record}/{side}/{partner}"
    mask, later = due(tx, side, partner, record)
    if not mask and later is None:
        disarm(tx, key)
        return
    moment = max(tx.now if mask else later or tx.now, tx.now + wait)
    arm(tx, key, moment, TIMER, {"side": side, "partner": partner, "record": record})


def forget(tx: Tx, side: str, partner: str, record: str, mask: int) -> None:
    """These parts are gone: nothing binds them any more."""
    tx.db.execute(
        "DELETE FROM exchange_limit WHERE record = ? AND side = ? AND partner = ? "
        "AND (CAST(? AS BIGINT) >> CAST(bit AS INTEGER)) & 1 = 1",
        (record, side, partner, mask),
    )
    arm_next(tx, side, partner, record)


def mark_expired(tx: Tx, partner: str, row: RowView, mask: int) -> None:
    """Parts of a version that a partner had for as long as it may: they are not given again."""
    before = expired(tx, partner, row)
    tx.db.execute(
        "INSERT INTO exchange_expired (partner, record, version, mask) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (record, partner) DO UPDATE SET version = excluded.version, mask = excluded.mask",
        (partner, row.id, row.version, before | mask),
    )


def expired(tx: Tx, partner: str, row: RowView) -> int:
    """Parts of an own record that are not given to a partner any more, their time being over.

    A later version of a record that goes on is given again; what has ended is not.
    """
    found = tx.db.execute(
        "SELECT version, mask FROM exchange_expired WHERE record = ? AND partner = ?", (row.id, partner)
    ).fetchone()
    if found is None or (found[0] != row.version and ending(tx, row) != ENDED):
        return 0
    return int(found[1])


def look_again(tx: Tx, record: str) -> None:
    """A hold was lifted, or the record withdrawn: have what is due of it erased now."""
    for side, partner in tx.db.execute(
        "SELECT DISTINCT side, partner FROM exchange_limit WHERE record = ?", (record,)
    ).fetchall():
        arm_next(tx, side, partner, record)
