"""The beginning of a log that lies in an archive: what the database keeps of it, and how the rest is read.

It keeps the hashes of the leaves, so that every proof is made as before; the digest of each file of bodies; the highest
key slot that they name; and the bodies that were kept or changed since, which hold instead of those in the archive.
Whatever is read from the archive is held against these.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from safeconduct.ledger.archive import BODIES_HEAD, bodies_of
from safeconduct.ledger.database import Database, columns, transaction
from safeconduct.ledger.notes import MAX_NOTE
from safeconduct.ledger.partitions import Partitions
from safeconduct.ledger.tiles import MOST_BODIES, ArchiveRefused, Folder, bodies, bundle
from safeconduct.ledger.tree import HASH_SIZE, TILE_WIDTH, leaf_hash

Row = tuple[int, bytes, bytes, bytes | None]
"""Index, hash, leaf, body."""
AT_HAND = 4
"""Tiles that are kept in memory after they were read."""
_SMALL = 8 << 20


class NotAttached(ArchiveRefused):
    """An entry lies in an archive, and none is attached."""


class Past:
    """The archived beginning of one log, in tables `<name>_past` and `<name>_kept`, which are made at first need."""

    def __init__(self, connection: Database, name: str) -> None:
        self._db = connection
        self._tiles, self._kept = f"{name}_past", f"{name}_kept"
        self._end: int | None = None
        self._read: OrderedDict[int, list[Row]] = OrderedDict()
        self.folder: Folder | None = None

    def reload(self) -> None:
        self._end = None
        self._read.clear()

    @property
    def end(self) -> int:
        """The first entry that lies in the database itself."""
        if self._end is None:
            self._end = 0
            if columns(self._db, self._tiles):
                sql = f"SELECT coalesce(max(tile) + 1, 0) FROM {self._tiles}"  # noqa: S608
                self._end = int(self._db.execute(sql).fetchone()[0]) * TILE_WIDTH
        return self._end

    @property
    def missing(self) -> bool:
        """Whether entries lie in an archive that is not attached, or is not where it should be."""
        if not self.end:
            return False
        if self.folder is None:
            return True
        try:
            self.folder.read(BODIES_HEAD, MAX_NOTE)
        except ArchiveRefused:
            return True
        return False

    def note(self, rows: Sequence[Row], slot: int) -> None:
        """The next tile, of which these are the rows, lies in the archive: inside the caller's transaction.

        `slot` is the highest key slot that its bodies name, -1 for none. Raises ArchiveRefused when the archive does
        not have these very leaves; a body that it has otherwise is kept here.
        """
        if self.folder is None:
            raise NotAttached("no archive is attached")
        index, rest = divmod(self.end, TILE_WIDTH)
        first = index * TILE_WIDTH
        if rest or [row[0] for row in rows] != list(range(first, first + TILE_WIDTH)):
            raise ArchiveRefused(f"{bundle(index)}: the entries are not all there")
        leaves = self.folder.leaves(index)
        digest = leaf_hash(self.folder.read(bodies(index), MOST_BODIES))
        found = bodies_of(self.folder, index, digest)
        for (at, hashed, leaf, _), archived in zip(rows, leaves, strict=True):
            if archived != leaf or leaf_hash(archived) != hashed:
                raise ArchiveRefused(f"{bundle(index)}: entry {at} is not the one in the ledger")
        self._make()
        self._db.execute(
            f"INSERT INTO {self._tiles} (tile, hashes, bodies, slot) VALUES (?, ?, ?, ?)",  # noqa: S608
            (index, b"".join(row[1] for row in rows), digest, slot),
        )
        for (at, _, _, body), archived_body in zip(rows, found, strict=True):
            if body != archived_body:
                self._put(at, body)
        self._end = first + TILE_WIDTH

    def _make(self) -> None:
        if columns(self._db, self._tiles):
            return
        self._db.execute(
            f"CREATE TABLE {self._tiles} (tile INTEGER PRIMARY KEY, hashes BLOB NOT NULL, bodies BLOB NOT NULL,"
            " slot INTEGER NOT NULL)"
        )
        self._db.execute(f"CREATE TABLE {self._kept} (idx INTEGER PRIMARY KEY, body BLOB)")

    def replace(self, index: int, body: bytes | None) -> None:
        """Let another body, or none, hold for an archived entry."""
        self._put(index, body)
        self._read.pop(index // TILE_WIDTH, None)

    def _put(self, index: int, body: bytes | None) -> None:
        self._db.execute(
            f"INSERT INTO {self._kept} (idx, body) VALUES (?, ?) "  # noqa: S608
            "ON CONFLICT (idx) DO UPDATE SET body = excluded.body",
            (index, body),
        )

    def slot(self) -> int:
        """The highest key slot that an archived body names; -1 for none."""
        if not self.end:
            return -1
        return int(self._db.execute(f"SELECT max(slot) FROM {self._tiles}").fetchone()[0])  # noqa: S608

    def drop(self, partitions: Partitions, most: int) -> int:
        """Let go of partitions of which all is archived, so many at most, outside a transaction; how many are left.

        They stay while somebody reads the table, or works in a view from before it was noted that they are archived:
        that one looks for them where they were.
        """
        whole = partitions.before(self.end)
        for partition in whole[:most]:
            with transaction(self._db):
                if self._unseen(partition.end) or not partitions.drop(partition):
                    break
            whole = whole[1:]
        return len(whole)

    def _unseen(self, end: int) -> bool:
        found = self._db.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "  # noqa: S608
            f"AND age(backend_xmin) >= (SELECT age(xmin) FROM {self._tiles} WHERE tile = ?)",
            (end // TILE_WIDTH - 1,),
        )
        return int(found.fetchone()[0]) > 0

    def hashes(self, start: int, count: int) -> list[bytes]:
        """The leaf hashes of archived entries."""
        first, last = start // TILE_WIDTH, -(-(start + count) // TILE_WIDTH)
        whole = b"".join(hashes for _, hashes, _ in self._stored(first, last))
        skip = (start - first * TILE_WIDTH) * HASH_SIZE
        return [whole[at : at + HASH_SIZE] for at in range(skip, skip + count * HASH_SIZE, HASH_SIZE)]

    def _stored(self, first: int, last: int) -> Iterator[tuple[int, bytes, bytes]]:
        rows = self._db.execute(
            f"SELECT tile, hashes, bodies FROM {self._tiles} WHERE tile >= ? AND tile < ? ORDER BY tile",  # noqa: S608
            (first, last),
        ).fetchall()
        yield from ((int(index), bytes(hashes), bytes(digest)) for index, hashes, digest in rows)

    def rows(self, start: int, end: int) -> Iterator[Row]:
        """Archived entries, read from the archive. Raises ArchiveRefused for one that is not what it was."""
        for index in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            found = self._read.get(index)
            if found is None:
                found = self._tile(index)
                if sum(len(row[2]) + len(row[3] or b"") for row in found) <= _SMALL:
                    self._read[index] = found
                    if len(self._read) > AT_HAND:
                        self._read.popitem(last=False)
            yield from (row for row in found if start <= row[0] < end)

    def as_archived(self, index: int) -> Row:
        """An archived entry with the body that the archive has, whatever holds now. Raises as `rows` does."""
        return self._archived(index // TILE_WIDTH)[index % TILE_WIDTH]

    def _tile(self, index: int) -> list[Row]:
        first = index * TILE_WIDTH
        archived = self._archived(index)
        kept = dict(
            self._db.execute(
                f"SELECT idx, body FROM {self._kept} WHERE idx >= ? AND idx < ?",  # noqa: S608
                (first, first + TILE_WIDTH),
            ).fetchall()
        )
        return [(at, hashed, leaf, kept.get(at, body)) for at, hashed, leaf, body in archived]

    def _archived(self, index: int) -> list[Row]:
        first = index * TILE_WIDTH
        if self.folder is None:
            raise NotAttached(
                f"entry {first} lies in the archive of the entries before {self.end}, and none is attached: "
                "name its folder as `archive` in node.toml"
            )
        stored = next(self._stored(index, index + 1), None)
        if stored is None:
            raise ArchiveRefused(f"{bundle(index)}: nothing is known of it")
        _, hashes, digest = stored
        leaves, found = self.folder.leaves(index), bodies_of(self.folder, index, digest)
        rows: list[Row] = []
        for place, (leaf, body) in enumerate(zip(leaves, found, strict=True)):
            hashed = hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE]
            if leaf_hash(leaf) != hashed:
                raise ArchiveRefused(f"{bundle(index)}: entry {first + place} is not the one in the ledger")
            rows.append((first + place, hashed, leaf, body))
        return rows
