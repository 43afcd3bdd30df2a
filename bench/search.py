"""A search over every kind, beside the bare query of the text index, among 100,000 records.

The rows are written straight into the tables, which nothing but this bench does. A search goes through
`search_everywhere`: kinds, visible parts in SQL, which parts match, what must be noted, excerpts. Bare is the MATCH
alone, the newest first, as many as are shown; `counted` has gone through all that match.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from bench.measure import heading
from bench.nodes import Node, one_node, person
from bench.page import fill
from safeconduct.agreement.policy import Subject

SHOWN = 5
OTHERS = ("حملہ قافلے پر گوادر روڈ", "卡 拉 奇 机 场 外 车 队 遇 袭")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=25)
    given = parser.parse_args()
    with one_node() as node, node.active():
        run(node, given.records, given.pairs)


def run(node: Node, count: int, pairs: int) -> None:
    heading(f"A search among {count:,} records, {SHOWN} of each kind shown")
    readers = [person(node, role, f"reader {role}") for role in ("watch_officer", "analyst")]
    fill(node, count)
    tables = node.writer.connection.connection
    _other_scripts(node, count)
    word = str(tables.execute("SELECT words FROM records_search LIMIT 1").fetchone()[0]).split()[0]
    cases = {
        "a rare word": "pipeline",
        "an Urdu word": "قافلے",
        "a Chinese phrase": "机场外车队",
        "a word that is nowhere": "zeppelin",
        f"a common word ({word})": word,
    }
    for reader in readers:
        (role,) = reader.roles
        for name, text in cases.items():
            _report(node, reader, f"{role:<14} {name:<28}", text, pairs)


def _other_scripts(node: Node, count: int) -> None:
    from safeconduct.records.kinds import kind
    from safeconduct.records.search import PART_BITS, fold

    bit = kind("incident").bit("where")
    tables = node.writer.connection.connection
    tables.execute("BEGIN")
    for number in range(0, count, 500):
        text = fold(OTHERS[number // 500 % 2])
        tables.execute(
            "INSERT INTO records_search (rowid, words) VALUES (?, ?)",
            [(1_000_000 + number) << PART_BITS | bit, text],
        )
    tables.execute("COMMIT")


def _report(node: Node, reader: Subject, name: str, text: str, pairs: int) -> None:
    from safeconduct.records.everywhere import Sought, search_everywhere
    from safeconduct.records.search import match_expression

    tables = node.writer.connection.connection
    expression = match_expression(text)
    few = (
        f"SELECT rowid FROM records_search WHERE records_search MATCH ? ORDER BY rowid DESC LIMIT {SHOWN + 1}"
    )
    every = "SELECT count(*) FROM records_search WHERE records_search MATCH ?"
    works = (
        lambda: search_everywhere(reader, Sought(text, most=SHOWN)),
        lambda: tables.execute(few, [expression]).fetchall(),
        lambda: tables.execute(every, [expression]).fetchone(),
    )
    found: list[list[float]] = [[], [], []]
    for number in range(pairs + 1):
        for which, work in enumerate(works) if number % 2 else reversed(list(enumerate(works))):
            begun = time.perf_counter()
            work()
            if number:
                found[which].append((time.perf_counter() - begun) * 1e3)
    own, bare, counted = map(median, found)
    hits = tables.execute(every, [expression]).fetchone()[0]
    print(f"{name} {own:8.2f} ms   bare {bare:7.2f} ms   counted {counted:7.2f} ms   ({hits:,} places)")


if __name__ == "__main__":
    main()
