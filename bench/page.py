"""A page of 50 incidents out of a million: with release and the bitmask of visible parts, and bare.

The rows are written straight into the table, which nothing but this bench does. A page goes through `find`:
visible parts in SQL, their values, what the agreement marks as logged. Bare is the SELECT of the same columns
with the same condition, order and limit, and no word about who asks; `parsed` has the parts of its rows read
from JSON, without which nobody can show them.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.measure import heading
from bench.nodes import Node, incidents, one_node, person
from safeconduct.agreement.policy import Subject

LIMIT = 50
_DAY = 86_400.0
_FIRST = 1_262_304_000.0
"""2010-01-01, the first day of the made-up incidents; the last is about fifteen years later."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=25)
    given = parser.parse_args()
    with one_node() as node, node.active():
        run(node, given.incidents, given.pairs)


def run(node: Node, count: int, pairs: int) -> None:
    heading(f"A page of {LIMIT} out of {count:,} incidents")
    readers = [person(node, role, f"reader {role}") for role in ("watch_officer", "analyst")]
    begun = time.perf_counter()
    fill(node, count)
    print(f"(rows made in {time.perf_counter() - begun:.0f} s)")
    bench = Pages(node)
    for reader in readers:
        (role,) = reader.roles
        for name, fields, sql, values in bench.cases():
            own = bench.page(reader, fields)
            ms, bare, ratio = _compare(own, bench.bare(sql, values), pairs)
            _, parsed, parsed_ratio = _compare(own, bench.parsed(sql, values), pairs)
            print(
                f"{role:<14} {name:<24} {ms:7.2f} ms   bare {bare:7.2f} ms, {ratio:.1f} times (aim 2)"
                f"   parsed {parsed:7.2f} ms, {parsed_ratio:.1f} times"
            )


def fill(node: Node, count: int) -> None:
    """Incidents of the own party straight into the table, with the words of their summaries."""
    from safeconduct.records.kinds import kind
    from safeconduct.records.projection import COLUMNS, dimension_values, pack_levels
    from safeconduct.records.search import PART_BITS
    from safeconduct.records.tiers import tiers_of

    shape = kind("incident")
    draw = random.Random(7)
    models = incidents(500, seed=7)
    made = [(dimension_values(shape, parts), json.dumps(parts, separators=(",", ":"))) for parts in models]
    tables = node.writer.connection.connection
    labels = list(shape.default_levels().values())
    levels = (pack_levels(labels), *tiers_of(shape, labels, ""))
    present = sum(1 << shape.bit(name) for name in models[0])
    sql = f"INSERT INTO records_row ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"

    def row(number: int) -> tuple[Any, ...]:
        (_, *dimensions), parts = made[number % len(made)]
        return (
            f"{draw.getrandbits(128):032x}", 1, "incident", node.home.party, "", "closed", "",
            _FIRST + number * 60.0, 1_000_000 + number, 1_000_000 + number, *levels, "", False, "", "", None,
            present, False, 0, _FIRST + draw.random() * 15 * 365 * _DAY, *dimensions, parts, "",
        )  # fmt: skip

    def words(number: int) -> tuple[int, str]:
        # One in a thousand speaks of a pipeline, so that there is something rare to look for.
        title = models[number % len(models)]["summary"]["title"].lower()
        rare = " pipeline" if number % 1000 == 0 else ""
        return ((1_000_000 + number) << PART_BITS | shape.bit("summary"), title + rare)

    indexes = tables.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'records_row' AND sql NOT NULL"
    ).fetchall()
    tables.execute("PRAGMA synchronous = OFF")
    for name, _ in indexes:
        tables.execute(f"DROP INDEX {name}")
    for first in range(0, count, 20_000):
        numbers = range(first, min(first + 20_000, count))
        tables.execute("BEGIN")
        tables.executemany(sql, map(row, numbers))
        tables.executemany("INSERT INTO records_search (rowid, words) VALUES (?, ?)", map(words, numbers))
        tables.execute("COMMIT")
    for _, statement in indexes:
        tables.execute(statement)
    tables.execute("PRAGMA synchronous = NORMAL")
    tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")


Case = tuple[str, dict[str, Any], str, list[Any]]


class Pages:
    def __init__(self, node: Node) -> None:
        from safeconduct.records.rows import COLUMNS

        self.tables = node.writer.connection.connection
        assert COLUMNS[-1] == "parts"
        self.select = f"SELECT {', '.join(COLUMNS)} FROM records_row "
        self.middle = self.tables.execute(
            "SELECT time, id FROM records_row WHERE kind = 'incident' AND time < ? ORDER BY time DESC LIMIT 1",
            [_FIRST + 7.5 * 365 * _DAY],
        ).fetchone()

    def cases(self) -> list[Case]:
        """(name, fields of the query, the bare condition, its values)"""
        since, until = _FIRST + 4 * 365 * _DAY, _FIRST + 5 * 365 * _DAY
        return [
            ("first page", {}, "WHERE kind = 'incident'", []),
            (
                "from the middle",
                {
                    "cursor": base64.urlsafe_b64encode(json.dumps(["time", *self.middle]).encode())
                    .decode()
                    .rstrip("=")
                },
                "WHERE kind = 'incident' AND (time, id) < (?, ?)",
                list(self.middle),
            ),
            (
                "one year, one place",
                {"since": since, "until": until, "place": "Gwadar district"},
                "WHERE kind = 'incident' AND time >= ? AND time < ? AND place = ?",
                [since, until, "Gwadar district"],
            ),
            (
                "search for a rare word",
                {"text": "pipeline"},
                "JOIN (SELECT rowid >> 4 AS hit FROM records_search WHERE records_search MATCH ?) ON born = hit "
                "WHERE kind = 'incident'",
                ['"pipeline"*'],
            ),
        ]

    def page(self, reader: Subject, fields: dict[str, Any]) -> Callable[[], object]:
        from safeconduct.records.find import Query, find

        query = Query("incident", limit=LIMIT, **fields)
        return lambda: find(reader, query)

    def bare(self, where: str, values: list[Any]) -> Callable[[], object]:
        sql = f"{self.select}{where} ORDER BY time DESC, id DESC LIMIT {LIMIT}"
        return lambda: self.tables.execute(sql, values).fetchall()

    def parsed(self, where: str, values: list[Any]) -> Callable[[], object]:
        bare = self.bare(where, values)
        return lambda: [json.loads(row[-1]) for row in bare()]  # type: ignore[attr-defined]


def _compare(own: Callable[[], object], bare: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Milliseconds of each, and the median of the ratios; a first run of both does not count."""
    own(), bare()
    found = []
    for number in range(pairs):
        first, second = (own, bare) if number % 2 else (bare, own)
        times = {first: _timed(first), second: _timed(second)}
        found.append((times[own], times[bare]))
    return (
        median(a for a, _ in found),
        median(b for _, b in found),
        median(a / b for a, b in found),
    )


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    main()
