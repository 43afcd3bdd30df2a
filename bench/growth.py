"""How a node grows from 10,000 entries of its ledger to 10,000,000: each step ten times the one before.

What costs something once for each entry (verify, rebuild, the disk) is shown by entry, beside what n log n would make
of the first step: a ratio of 1 or less grows no worse. What is asked of a few of all (a proof, a page, a search, a
start, a commit) is shown as it is: flat is a ratio near 1. `bench.grown` says how the entries are made. Beyond 20,000
entries the parts of 20,000 are verified, and the last 5,000 rebuilt into the full tables. Each figure is the quickest
of several: processor time, on PostgreSQL the time that passed.

    .venv/bin/python -m bench.growth                        10,000 and 100,000
    .venv/bin/python -m bench.growth --most 10000000        the long form: hours, and some 60 GB of disk
    .venv/bin/python -m bench.growth --database postgresql://owner@host/empty
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.grown import Growing, sizes
from bench.measure import heading, machine
from bench.nodes import Node, drafts, incidents, one_node, person
from safeconduct.agreement.policy import Subject

LIMIT, COMMITS = 50, 20
PER_ENTRY = ("verify", "rebuild", "disk")
"""What is measured for all entries together; everything else is to be flat."""
WHOLE, TAIL, SAME = 20_000, 5_000, 20_000
"""Entries up to which all is verified and rebuilt; those that are rebuilt beyond; up to which rows are compared."""
Figures = dict[str, float]
_clock = time.process_time


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database")
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    if given.database:
        global _clock
        _clock = time.perf_counter
    with one_node(database=given.database) as node, node.active():
        run(node, given.most, given.runs, given.database)


def run(node: Node, most: int, runs: int, database: str) -> list[tuple[int, Figures]]:
    heading(f"Growth to {most:,} entries on {'PostgreSQL' if database else 'SQLite'}")
    readers = {
        "watch officer": person(node, "watch_officer", "reader watch_officer"),
        "analyst, OPEN": person(node, "analyst", "reader analyst")._replace(clearance=0),
    }
    auditor = person(node, "auditor", "reader auditor")
    growing, found = Growing(node), list[tuple[int, Figures]]()
    for size in sizes(most):
        begun = time.perf_counter()
        before = node.writer.log.size
        growing.to(size)
        _settled(node)
        taken = time.perf_counter() - begun
        print(f"\n{size:,} entries  ({(size - before) / taken:,.0f}/s made; {machine()})", flush=True)
        found.append((size, {}))
        for name, figure in measure(node, readers, auditor, runs):
            found[-1][1][name] = figure
            print(f"  {name:<46} {_said(name, figure)}{_beside(name, figure, found)}", flush=True)
    return found


def measure(
    node: Node, readers: dict[str, Subject], auditor: Subject, runs: int
) -> Iterator[tuple[str, float]]:
    """(what, seconds once, or for each entry; bytes for `disk`), each as soon as it is known."""
    from safeconduct.records.commit import commit_many
    from safeconduct.records.everywhere import Sought, search_everywhere
    from safeconduct.records.find import Query, find
    from safeconduct.records.principals import system_subject

    log, draw = node.writer.log, random.Random(5)
    yield "disk", size_on_disk(node) / log.size
    subject, made = system_subject(node.home.party), incidents(COMMITS)

    def proof() -> object:
        size = log.size
        return log.inclusion(draw.randrange(size), size), log.consistency(draw.randrange(1, size), size)

    name = f"{COMMITS} commits in one transaction"
    yield name, _quickest(lambda: commit_many(subject, drafts(made), door=node.door), runs)
    yield "proofs of an entry and of a beginning", _quickest(proof, runs * 10)
    middle = _middle(node, "incident", "time")
    for role, reader in readers.items():
        for place, cursor in (("first page", ""), ("middle", middle)):
            query = Query("incident", limit=LIMIT, cursor=cursor)
            yield f"incidents, {place}, {role}", _quickest(partial(find, reader, query), runs)
        for place, word in (("rare", "pipeline"), ("nowhere", "zeppelin"), ("everywhere", "near")):
            sought = Sought(word, most=5)
            yield (
                f"search, a word {place}, {role}",
                _quickest(partial(search_everywhere, reader, sought), runs),
            )
    readings = Query("reading", limit=LIMIT)
    yield "readings, first page, auditor", _quickest(partial(find, auditor, readings), runs)
    yield "start of the writer", _quickest(partial(_restarted, node), min(runs, 3))
    yield "verify", _verify(node)
    yield "rebuild", _rebuild(node)
    _settled(node)


def _verify(node: Node) -> float:
    """Seconds an entry: the tree of all of them, and every part of all, or of as many as WHOLE from the middle on."""
    from safeconduct.records.rebuild import parts_fault

    writer = node.writer
    size = writer.log.size
    first = 0 if size <= WHOLE else size // 2

    def tree() -> None:
        assert writer.log.verify() is None

    def parts() -> None:
        assert parts_fault(writer, first, min(size, first + WHOLE)) is None

    return _timed(tree) / size + _timed(parts) / min(size, WHOLE)


def _rebuild(node: Node) -> float:
    """Seconds an entry: of a rebuild, which is shown to make the same rows; beyond WHOLE entries, of the last TAIL,
    whose rows are taken out of the full tables."""
    from safeconduct.records.rebuild import fingerprint, rebuild

    writer = node.writer
    size = writer.log.size
    if size <= WHOLE:
        before = fingerprint() if size <= SAME else ""
        taken = _timed(lambda: rebuild(writer))
        assert size > SAME or fingerprint() == before, "the rows are not those that the ledger makes"
        return taken / size
    last = size - TAIL
    tables = writer.tables
    tables.execute("BEGIN")
    tables.execute(
        "DELETE FROM records_shown WHERE reading IN (SELECT id FROM records_row WHERE born >= %s)", [last]
    )
    tables.execute(
        "DELETE FROM records_version WHERE record IN (SELECT id FROM records_row WHERE born >= %s)", [last]
    )
    tables.execute("DELETE FROM records_row WHERE born >= %s", [last])
    tables.execute("DELETE FROM records_refusal WHERE ledger_index >= %s", [last])
    tables.execute("DELETE FROM records_search WHERE rowid >= %s", [last << 4])
    tables.execute("UPDATE records_applied SET size = %s WHERE id = 1", [last])
    tables.execute("COMMIT")
    return _timed(lambda: writer.catch_up()) / TAIL


def _middle(node: Node, kind: str, sort: str) -> str:
    import base64
    import json

    rows = node.writer.tables.all(
        f"SELECT {sort}, id FROM records_row WHERE kind = %s ORDER BY {sort} DESC LIMIT 1 OFFSET "
        "(SELECT count(*) / 2 FROM records_row WHERE kind = %s)",
        [kind, kind],
    )
    return base64.urlsafe_b64encode(json.dumps([sort, *rows[0]]).encode()).decode().rstrip("=")


def _restarted(node: Node) -> None:
    from safeconduct.records.writer import Writer

    node.writer.close()
    node.writer = node.door.writer = Writer(node.home)


def _settled(node: Node) -> None:
    """What the databases do of their own accord in time: statistics and what dead rows leave."""
    if node.home.database is None:
        node.writer.tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        node.writer.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        node.writer.tables.execute("VACUUM ANALYZE")


def size_on_disk(node: Node) -> int:
    """Bytes of the databases and keys."""
    files = sum(path.stat().st_size for path in Path(node.home.path).rglob("*") if path.is_file())
    if node.home.database is None:
        return files
    found = node.writer.tables.one("SELECT pg_database_size(current_database())")
    return files + int(found[0] if found else 0)


def _quickest(work: Callable[[], object], runs: int) -> float:
    work()
    return min(_timed(work) for _ in range(runs))


def _timed(work: Callable[[], object]) -> float:
    """Processor time of this process where the database is in it; a machine that others use changes that least."""
    begun = _clock()
    work()
    return _clock() - begun


def _said(name: str, figure: float) -> str:
    if name == "disk":
        return f"{figure:10,.0f} bytes an entry"
    return f"{figure * 1e6:10.1f} us an entry" if name in PER_ENTRY else f"{figure * 1e3:10.2f} ms"


def _beside(name: str, figure: float, found: list[tuple[int, Any]]) -> str:
    """Against the first step: by entry beside log n, what is to be flat as it is."""
    (first, figures), (size, _) = found[0], found[-1]
    if size == first:
        return ""
    if name in PER_ENTRY:
        grown = math.log(size) / math.log(first)
        return f"   {figure / figures[name] / grown:5.2f} of n log n"
    return f"   {figure / figures[name]:5.2f} of the first step"


if __name__ == "__main__":
    main()
