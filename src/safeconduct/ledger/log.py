"""A Merkle log in a database: leaves in order, their bodies beside them, roots of full tiles.

A leaf is what the tree commits to; a body is what the leaf speaks of, and may be taken away or
replaced without touching the leaf. The log lives in tables `<name>_leaf` and `<name>_tile`, and any
number of logs share a database. There is one appender; it works inside its caller's transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from safeconduct.ledger.database import FAULTS, Database, apart, columns, snapshot
from safeconduct.ledger.notes import Checkpoint
from safeconduct.ledger.partitions import Partitions
from safeconduct.ledger.past import Past
from safeconduct.ledger.tree import TILE_HEIGHT, TILE_WIDTH, Frontier, Proofs, leaf_hash

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_BATCH = 1024
_BEFORE_ALL = -(2**63)


class LogStale(RuntimeError):
    """The log in memory is not the one on disk; `reload()` before going on."""


class Entry(NamedTuple):
    """One entry: its index, its leaf, and its body (None when erased or never held)."""

    index: int  # type: ignore[assignment]  # hides tuple.index on purpose
    leaf: bytes
    body: bytes | None


@dataclass(frozen=True)
class _Statements:
    """All SQL of a log."""

    create: tuple[str, ...]
    size: str
    insert_leaf: str
    insert_tile: str
    leaf_hashes: str
    tile_hashes: str
    entries: str
    rows: str
    rows_between: str
    tile_count: str
    replace_body: str
    first: str
    let_go: str
    cut_leaves: str
    cut_tiles: str

    @classmethod
    def of(cls, name: str) -> _Statements:
        leaf, tile = f"{name}_leaf", f"{name}_tile"
        return cls(
            create=(
                f"CREATE TABLE IF NOT EXISTS {leaf} (idx INTEGER PRIMARY KEY, hash BLOB NOT NULL,"
                " leaf BLOB NOT NULL, body BLOB)",
                f"CREATE TABLE IF NOT EXISTS {tile} (level INTEGER NOT NULL, idx INTEGER NOT NULL,"
                " hash BLOB NOT NULL, PRIMARY KEY (level, idx)) WITHOUT ROWID",
            ),
            size=f"SELECT coalesce(max(idx) + 1, 0) FROM {leaf} WHERE idx >= ?",  # noqa: S608
            insert_leaf=f"INSERT INTO {leaf} (idx, hash, leaf, body) VALUES (?, ?, ?, ?)",  # noqa: S608
            insert_tile=f"INSERT INTO {tile} (level, idx, hash) VALUES (?, ?, ?)",  # noqa: S608
            leaf_hashes=f"SELECT hash FROM {leaf} WHERE idx >= ? AND idx < ? ORDER BY idx",  # noqa: S608
            tile_hashes=f"SELECT hash FROM {tile} WHERE level = ? AND idx >= ? AND idx < ?"  # noqa: S608
            " ORDER BY idx",
            entries=f"SELECT idx, leaf, body FROM {leaf} WHERE idx >= ? AND idx < ?"  # noqa: S608
            " ORDER BY idx",
            rows=f"SELECT idx, hash, leaf, body FROM {leaf} WHERE idx > ? ORDER BY idx LIMIT ?",  # noqa: S608
            rows_between=f"SELECT idx, hash, leaf, body FROM {leaf} WHERE idx >= ? AND idx < ?"  # noqa: S608
            " ORDER BY idx",
            tile_count=f"SELECT count(*) FROM {tile}",  # noqa: S608
            replace_body=f"UPDATE {leaf} SET body = ? WHERE idx = ?",  # noqa: S608
            first=f"SELECT min(idx) FROM {leaf} WHERE idx >= ?",  # noqa: S608
            let_go=f"DELETE FROM {leaf} WHERE idx >= ? AND idx < ?",  # noqa: S608
            cut_leaves=f"DELETE FROM {leaf} WHERE idx >= ?",  # noqa: S608
            cut_tiles=f"DELETE FROM {tile} WHERE ((idx + 1) << CAST(? * level AS INTEGER)) > ?",  # noqa: S608
        )


class Log:
    """One log. Appending changes the state in memory at once: after a rollback call `reload()`."""

    def __init__(self, connection: Database, name: str, origin: str, *, width: int | None = None) -> None:
        """`width`: on PostgreSQL its leaves lie in partitions of so many when the tables are made, and go on so; a log
        of which nothing is ever let go of as a whole needs none."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a log's tables")
        self.name = name
        self.origin = origin
        self._connection = connection
        self._sql = _Statements.of(name)
        self._proofs = Proofs(self._hashes)
        self._state: Frontier | None = None
        self._looked_in: int | None = None
        self.past = Past(connection, name)
        """What of it lies in an archive."""
        self.partitions = Partitions(connection, f"{name}_leaf", "idx", width, TILE_WIDTH)
        if not columns(connection, f"{name}_tile"):
            for statement in self._sql.create:
                connection.execute(self.partitions.made_by(statement))

    def reload(self) -> None:
        """Take the state from the database again: after a rollback, or to see another's appends.

        Raises LookupError when the tables do not hold together; `verify` then says where.
        """
        self._state = None
        self.past.reload()
        self.partitions.reload()
        self._frontier()

    @property
    def tables(self) -> list[str]:
        """Where bodies lie in the database, and leave something behind when they are erased."""
        return [f"{self.name}_leaf", *([f"{self.name}_kept"] if self.past.end else [])]

    @property
    def size(self) -> int:
        return self._frontier().size

    def frontier(self) -> Frontier:
        """A copy of the appender's state, to try entries on before they are accepted."""
        return self._frontier().copy()

    def _frontier(self) -> Frontier:
        # Loaded at first need, so that a damaged log can still be opened and verified.
        state = self._state
        if state is None:
            try:
                with apart(self._connection):
                    state = self._state = self._proofs.frontier(self._stored_size())
            except LookupError as fault:
                raise LookupError(f"the log {self.origin} is damaged: {fault}") from fault
        return state

    def append(self, entries: Sequence[tuple[bytes, bytes | None]]) -> int:
        """Append (leaf, body) pairs inside the caller's transaction; returns the first one's index.

        Raises LogStale when another connection, or a rollback without `reload()`, has come between.
        """
        if not self._connection.in_transaction:
            raise RuntimeError("append works inside a transaction")
        first = self.size
        self._look_at_stored(first)
        hashes = [leaf_hash(leaf) for leaf, _ in entries]
        self.partitions.reach(first + len(entries))
        self._connection.executemany(
            self._sql.insert_leaf,
            (
                (first + position, hashes[position], leaf, body)
                for position, (leaf, body) in enumerate(entries)
            ),
        )
        grown = self.frontier()
        tiles = grown.extend(hashes)
        if tiles:
            self._connection.executemany(self._sql.insert_tile, tiles)
        self._state = grown
        return first

    def _look_at_stored(self, size: int) -> None:
        """Is this what is stored? On a server asked once a turn: nobody else adds to it meanwhile."""
        turn = getattr(self._connection, "turn", None)
        if turn is not None and turn == self._looked_in:
            return
        if self._stored_size(size - 1) != size:
            raise LogStale(f"{self.name}: {size} entries in memory, {self._stored_size()} stored")
        self._looked_in = turn

    def cut(self, size: int) -> None:
        """Take away the entries from `size` on, inside the caller's transaction.

        Only for a log whose keeper and reader have agreed that it goes on from there.
        """
        if not self._connection.in_transaction:
            raise RuntimeError("cut works inside a transaction")
        self._within(size)
        if size < self.past.end:
            raise ValueError(f"{self.name}: what is archived is not taken away")
        self._connection.execute(self._sql.cut_leaves, (size,))
        self._connection.execute(self._sql.cut_tiles, (TILE_HEIGHT, size))
        self.reload()

    def replace_body(self, index: int, body: bytes | None) -> None:
        """Put another body, or none, beside a leaf. The leaf, and so the tree, stays as it is."""
        changed = self._connection.execute(self._sql.replace_body, (body, index)).rowcount
        if 0 <= index < self.past.end:
            self.past.replace(index, body)
        elif changed != 1:
            raise IndexError(f"{self.name} has no entry {index}")

    def root(self) -> bytes:
        return self._frontier().root()

    def root_at(self, size: int) -> bytes:
        """The root when the log had `size` entries."""
        self._within(size)
        return self._proofs.root(size)

    def checkpoint(self) -> Checkpoint:
        """The log's head, unsigned. Sign it only after the transaction is durable."""
        return Checkpoint(self.origin, self.size, self.root())

    def checkpoint_at(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, self.root_at(size))

    def fits(self, checkpoint: Checkpoint) -> bool:
        """Was this, by its origin, size and root, ever this log's head?"""
        if checkpoint.origin != self.origin or not 0 <= checkpoint.size <= self.size:
            return False
        return self.root_at(checkpoint.size) == checkpoint.root

    def entry(self, index: int) -> Entry:
        found = self.entries(index, index + 1)
        if not found:
            raise IndexError(f"{self.name} has no entry {index}")
        return found[0]

    def entries(self, start: int, end: int) -> list[Entry]:
        """The entries [start, end), as far as there are any. Raises ArchiveRefused for archived ones that are not to be
        had, or are not what they were."""
        found = [Entry(*row) for row in self._connection.execute(self._sql.entries, (start, end))]
        if start >= 0 and (not found or found[0].index > start) and start < (past := self.past.end):
            old = (Entry(index, leaf, body) for index, _, leaf, body in self.past.rows(start, min(end, past)))
            found = [*old, *(entry for entry in found if entry.index >= past)]
        return found

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """That many hashes: of leaves (level 0), or the roots of full tiles. Raises LookupError where they end."""
        found = self._hashes(level, start, count)
        if len(found) != count:
            raise LookupError(f"{self.name} has no {count} hashes of level {level} from {start} on")
        return found

    def archive(self, end: int, slots: Callable[[bytes | None], int]) -> None:
        """The tiles before `end` lie in the attached archive, too: inside the caller's transaction, after which
        `let_go` may take them from the database. `slots` gives the highest key slot that a body names.

        Raises ArchiveRefused when the archive does not have these very leaves.
        """
        if not self._connection.in_transaction or end >= self.size:
            raise RuntimeError("archive works inside a transaction, and leaves the newest entry here")
        for first in range(self.past.end, end, TILE_WIDTH):
            rows = self._connection.execute(self._sql.rows_between, (first, first + TILE_WIDTH)).fetchall()
            self.past.note(rows, max(slots(body) for *_, body in rows) if rows else -1)

    def let_go(self, most: int) -> int:
        """Take rows of archived entries, so many at most, from the database; how many there were. Partitions of which
        all is archived are left to `past.drop`."""
        whole = self.partitions.before(past := self.past.end)
        first = self._connection.execute(self._sql.first, (whole[-1].end if whole else 0,)).fetchone()[0]
        if first is None or first >= past:
            return 0
        return int(self._connection.execute(self._sql.let_go, (first, min(first + most, past))).rowcount)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Proof that entry `index` is in the log of `size` entries."""
        self._within(size)
        return self._proofs.inclusion(index, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the log of `old` entries was a beginning of the log of `new`."""
        self._within(new)
        return self._proofs.consistency(old, new)

    def verify(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        anchors: Iterable[Checkpoint] = (),
        body_holds: Callable[[bytes, bytes | None], bool] | None = None,
    ) -> int | None:
        """Recompute every leaf hash, tile and root from the leaves; the first broken index, or None.

        `progress` is called with (done, total) now and then. `anchors` are checkpoints the log has
        signed or another has cosigned: one that no longer fits reports the first index that no
        fitting one covers, a lost tail reports the size that is left. `body_holds(leaf, body)` says
        whether a body is the one its leaf speaks of. A tile that is wrong reports its first leaf.
        """
        with nullcontext() if self._connection.in_transaction else snapshot(self._connection):
            return self._verify(progress, sorted(anchors, key=lambda head: head.size), body_holds)

    def _verify(
        self,
        progress: Callable[[int, int], None] | None,
        anchors: list[Checkpoint],
        body_holds: Callable[[bytes, bytes | None], bool] | None,
    ) -> int | None:
        frontier = Frontier()
        good = 0
        tile_count = 0
        pending = iter(anchors)
        anchor = next(pending, None)
        try:
            total = self._stored_size()
            self.past.reload()
            for index, digest, leaf, body in self._rows():
                while anchor is not None and anchor.size == frontier.size:
                    if anchor.root != frontier.root():
                        return good
                    good = anchor.size
                    anchor = next(pending, None)
                broken, tiles = self._follow(frontier, index, digest, leaf, body, body_holds)
                if broken is not None:
                    return broken
                tile_count += tiles
                if progress is not None and not frontier.size % _BATCH:
                    progress(frontier.size, total)
            while anchor is not None and anchor.size == frontier.size:
                if anchor.root != frontier.root():
                    return good
                anchor = next(pending, None)
            whole = self._connection.execute(self._sql.tile_count).fetchone()[0] == tile_count
            state = self._state
            whole = whole and (not state or state.size != frontier.size or state.root() == frontier.root())
        except FAULTS:
            return frontier.size
        if progress is not None:
            progress(frontier.size, frontier.size)
        return None if whole and anchor is None else frontier.size

    def verify_next(
        self,
        frontier: Frontier,
        last: int,
        body_holds: Callable[[bytes, bytes | None], bool] | None = None,
    ) -> int | None:
        """Recompute the entries from `frontier.size` to `last`; the first that does not hold, or None.

        For verifying a log piece by piece: the frontier grows as far as everything holds.
        """
        try:
            with apart(self._connection):
                for index, digest, leaf, body in self._between(frontier.size, last):
                    broken, _ = self._follow(frontier, index, digest, leaf, body, body_holds)
                    if broken is not None:
                        return broken
        except FAULTS:
            return frontier.size
        return frontier.size if frontier.size < last else None

    def _follow(
        self,
        frontier: Frontier,
        index: Any,
        digest: Any,
        leaf: Any,
        body: Any,
        body_holds: Callable[[bytes, bytes | None], bool] | None,
    ) -> tuple[int | None, int]:
        """Let the frontier take up a stored entry: (what is broken, how many tiles became full)."""
        unseen = leaf is None and index < self.past.end
        if index != frontier.size or (
            not unseen and (not isinstance(leaf, bytes) or leaf_hash(leaf) != digest)
        ):
            return frontier.size, 0
        if not isinstance(body, bytes | None):
            return frontier.size, 0
        if not unseen and body_holds is not None and not body_holds(leaf, body):
            return frontier.size, 0
        tiles = frontier.extend((digest,))
        for level, at, root in tiles:
            if list(self._hashes(level, at, 1)) != [root]:
                return at << (TILE_HEIGHT * level), 0
        return None, len(tiles)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        past = self.past.end
        yield from self._old(0, past)
        after, more = past - 1 if past else _BEFORE_ALL, True
        while more:
            more = False
            for row in self._connection.execute(self._sql.rows, (after, _BATCH)):
                yield row
                after, more = row[0], True

    def _between(self, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        past = self.past.end
        if first < past:
            yield from self._old(first, min(last, past))
        if last > past:
            yield from self._connection.execute(self._sql.rows_between, (max(first, past), last))

    def _old(self, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        """Archived entries; where no archive is attached, their hashes alone."""
        for start in range(first, last, TILE_WIDTH):
            end = min(start + TILE_WIDTH, last)
            if self.past.folder is not None:
                yield from self.past.rows(start, end)
            else:
                hashes = self.past.hashes(start, end - start)
                yield from ((start + at, digest, None, None) for at, digest in enumerate(hashes))

    def _stored_size(self, newest: int = _BEFORE_ALL) -> int:
        """By its newest entry, which is `newest` or later: then only its partition is looked at."""
        return int(self._connection.execute(self._sql.size, (newest,)).fetchone()[0])

    def _within(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise ValueError(f"{self.name} has {self.size} entries, not {size}")

    def _hashes(self, level: int, start: int, count: int) -> list[bytes]:
        if level:
            rows = self._connection.execute(self._sql.tile_hashes, (level, start, start + count))
            return [row[0] for row in rows]
        found = [row[0] for row in self._connection.execute(self._sql.leaf_hashes, (start, start + count))]
        if len(found) < count and start < (past := self.past.end):
            old = self.past.hashes(start, min(count, past - start))
            rows = self._connection.execute(self._sql.leaf_hashes, (max(start, past), start + count))
            found = old + [row[0] for row in rows]
        return found
