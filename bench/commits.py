"""Durable commits per second, one at a time and in groups of 100, against the bare SQLite limit.

A commit is an incident of a watch officer: validated, decided by policy, salted, sealed, appended to the tree,
followed by the tables and the text index, durable. Bare is the insertion of the very rows that such commits
left behind into copies of the same tables, with the same durability and nothing else. The second limit is one
row of 512 bytes.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import Work, heading, side_by_side
from bench.nodes import Node, drafts, incidents, one_node, person
from safeconduct.ledger.database import open_database

GROUP = 100
_TABLES = ("records_row", "records_version")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--singles", type=int, default=100, help="commits in a run, one at a time")
    parser.add_argument("--groups", type=int, default=5, help="groups of 100 in a run")
    parser.add_argument("--pairs", type=int, default=9)
    given = parser.parse_args()
    with one_node() as node, node.active():
        run(node, given.singles, given.groups, given.pairs)


def run(node: Node, singles: int, groups: int, pairs: int) -> None:
    heading("Durable commits against the bare SQLite limit")
    bare = Bare(node)
    node_commits = Commits(node)
    node_commits.grouped(5)()
    bare.copy()
    print(f"{bare.bytes_each():,.0f} bytes a commit in its rows, {singles} singles or {groups} groups a run")
    one, hundred = node_commits.one_by_one(singles), node_commits.grouped(groups)
    found = side_by_side(one, bare.one_by_one(singles), pairs)
    print(found.line("one at a time", "the same rows bare", "0.5"))
    bare.copy()
    found = side_by_side(hundred, bare.grouped(groups), pairs)
    print(found.line(f"in groups of {GROUP}", "the same rows bare", "0.3"))
    found = side_by_side(one, bare.small(singles, 1), pairs)
    print(found.line("one at a time", "one row of 512 B"))
    found = side_by_side(hundred, bare.small(groups * GROUP, GROUP), pairs)
    print(found.line(f"in groups of {GROUP}", "one row of 512 B"))
    bare.close()


class Commits:
    """Incidents of a watch officer, made up beforehand."""

    def __init__(self, node: Node) -> None:
        self.door = node.door
        self.actor = person(node, "watch_officer", "watch")
        self._seed = 0

    def _next(self, count: int) -> list[Any]:
        self._seed += 1
        return drafts(incidents(count, self._seed))

    def one_by_one(self, count: int) -> Work:
        from safeconduct.records.commit import commit

        def work() -> int:
            for draft in made:
                commit(self.actor, draft, door=self.door)
            return count

        made = self._next(count)
        return work

    def grouped(self, groups: int) -> Work:
        from safeconduct.records.commit import commit_many

        def work() -> int:
            for first in range(0, len(made), GROUP):
                for answer in commit_many(self.actor, made[first : first + GROUP], door=self.door):
                    if isinstance(answer, Exception):
                        raise answer
            return len(made)

        made = self._next(groups * GROUP)
        return work


class Bare:
    """Copies of the ledger's and the tables' schema, and the rows of the latest commits to put into them."""

    def __init__(self, node: Node) -> None:
        self.node = node
        folder = node.home.path.parent
        self.ledger = _copy_of(node.writer.db, folder / "bare-ledger.sqlite3", ("ledger_leaf",), "FULL")
        tables = node.writer.connection.connection
        self.tables = _copy_of(tables, folder / "bare-tables.sqlite3", (*_TABLES, "records_search"), "NORMAL")
        self.ledger.execute("CREATE TABLE small (id INTEGER PRIMARY KEY, body BLOB)")
        self._leaves: list[tuple[Any, ...]] = []
        self._rows: list[list[tuple[str, tuple[Any, ...]]]] = []
        self._at = 0

    def close(self) -> None:
        self.ledger.close()
        self.tables.close()

    def copy(self) -> None:
        """Take the rows of the 500 latest incidents, to be inserted again and again under new keys."""
        of = self.node.writer.db.execute
        self._leaves, self._rows = [], []
        tables = self.node.writer.connection.connection
        columns = [row[1] for row in tables.execute("PRAGMA table_info(records_row)")]
        sql = "SELECT * FROM records_row WHERE kind = 'incident' ORDER BY ledger_index DESC LIMIT 500"
        for row in tables.execute(sql).fetchall():
            named = dict(zip(columns, row, strict=True))
            leaf = of("SELECT hash, leaf, body FROM ledger_leaf WHERE idx = ?", (named["ledger_index"],))
            self._leaves.append(leaf.fetchone())
            version = tables.execute("SELECT * FROM records_version WHERE record = ?", (named["id"],))
            words = tables.execute(
                "SELECT rowid, words FROM records_search WHERE rowid >> 4 = ?", (named["born"],)
            )
            self._rows.append(
                [
                    ("records_row", tuple(named.values())),
                    ("records_version", version.fetchone()),
                    *(("records_search", found) for found in words.fetchall()),
                ]
            )
        self._columns = columns

    def bytes_each(self) -> float:
        sizes = [sum(len(_bytes(v)) for v in leaf) for leaf in self._leaves]
        sizes += [len(_bytes(value)) for rows in self._rows for _, row in rows for value in row]
        return sum(sizes) / len(self._leaves)

    def one_by_one(self, count: int) -> Work:
        def work() -> int:
            for _ in range(count):
                self._insert(1)
            return count

        return work

    def grouped(self, groups: int) -> Work:
        def work() -> int:
            for _ in range(groups):
                self._insert(GROUP)
            return groups * GROUP

        return work

    def small(self, rows: int, group: int) -> Work:
        """Rows of 512 bytes in a table of two columns, `group` to a durable transaction."""

        def work() -> int:
            for _ in range(rows // group):
                self.ledger.execute("BEGIN IMMEDIATE")
                self.ledger.executemany(
                    "INSERT INTO small (body) VALUES (?)", [(os.urandom(512),) for _ in range(group)]
                )
                self.ledger.execute("COMMIT")
            return rows

        return work

    def _insert(self, count: int) -> None:
        numbers = range(self._at, self._at + count)
        self._at += count
        leaves = [(n, *self._leaves[n % len(self._leaves)]) for n in numbers]
        grouped: dict[str, list[tuple[Any, ...]]] = {}
        for n in numbers:
            for table, row in self._rows[n % len(self._rows)]:
                grouped.setdefault(table, []).append(self._renumbered(table, row, n))
        self.ledger.execute("BEGIN IMMEDIATE")
        self.tables.execute("BEGIN")
        self.ledger.executemany("INSERT INTO ledger_leaf VALUES (?, ?, ?, ?)", leaves)
        for table, rows in grouped.items():
            marks = ", ".join("?" * len(rows[0]))
            names = "(rowid, words)" if table == "records_search" else ""
            self.tables.executemany(f"INSERT INTO {table} {names} VALUES ({marks})", rows)
        self.ledger.execute("COMMIT")
        self.tables.execute("COMMIT")

    def _renumbered(self, table: str, row: Sequence[Any], n: int) -> tuple[Any, ...]:
        """The same row of the same length under keys of its own."""
        if table == "records_search":
            return (n << 4 | row[0] & 15, row[1])
        if table == "records_version":
            return (None, f"{n * 2654435761 % 2**64:032x}", *row[2:])
        keyed = {"id": f"{n * 2654435761 % 2**64:032x}", "born": n, "ledger_index": n}
        return tuple(keyed.get(name, value) for name, value in zip(self._columns, row, strict=True))


def _copy_of(source: Any, path: Path, names: Sequence[str], synchronous: str) -> sqlite3.Connection:
    """An empty database with the same tables and indexes, as durable as the ledger or as the tables are."""
    found = open_database(path)
    found.execute(f"PRAGMA synchronous = {synchronous}")
    for name in names:
        sql = "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC"
        for (statement,) in source.execute(sql, (name,)).fetchall():
            found.execute(statement)
    return found


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


if __name__ == "__main__":
    main()
