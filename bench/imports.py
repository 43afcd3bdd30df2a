"""Rows per second of an import into a running node with a partner, and when the partner has them all.

Both nodes run as they do in service: writer, feed and courier each a process of its own, mutual TLS between
them. `--file` takes an official UCDP GED file; without it one of made-up rows is written.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.measure import heading
from bench.nodes import two_homes
from safeconduct.records.home import Home

_COLUMNS = [
    "id",
    "year",
    "type_of_violence",
    "conflict_name",
    "dyad_name",
    "side_a",
    "side_b",
    "where_prec",
    "where_coordinates",
    "adm_1",
    "adm_2",
    "latitude",
    "longitude",
    "country",
    "event_clarity",
    "date_prec",
    "date_start",
    "date_end",
    "deaths_a",
    "deaths_b",
    "deaths_civilians",
    "deaths_unknown",
    "best",
    "high",
    "low",
]
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000, help="made-up rows (default: %(default)s)")
    parser.add_argument("--file", type=Path, help="a UCDP GED file instead")
    given = parser.parse_args()
    heading("Import into a node with a partner, both running")
    with two_homes() as (host, partner):
        run(host, partner, given.file or _made_up(host.path.parent / "rows.csv", given.rows))


def run(host: Home, partner: Home, file: Path) -> None:
    from safeconduct.node.processes import Node

    nodes = [Node(home) for home in (host, partner)]
    try:
        for node in nodes:
            node.start(("writer", "feed", "courier"))
        _until(lambda: all(_linked(home) for home in (host, partner)))
        before = [_incidents(home) for home in (host, partner)]
        spent = [_processor_seconds(node) for node in nodes]
        begun = time.perf_counter()
        command = [sys.executable, "-m", "safeconduct", "--home", str(host.path), "import", "ucdp", str(file)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        imported = time.perf_counter() - begun
        rows = _incidents(host) - before[0]
        _until(lambda: _incidents(partner) - before[1] >= rows)
        crossed = time.perf_counter() - begun
        print(told)
        print(
            f"into the host       {rows:,} rows in {imported:5.2f} s: {rows / imported:8,.0f}/s, start-up included"
        )
        print(f"at the partner too  {rows:,} rows in {crossed:5.2f} s: {rows / crossed:8,.0f}/s")
        for node, then in zip(nodes, spent, strict=True):
            now = _processor_seconds(node)
            parts = ", ".join(f"{name} {(now[name] - then[name]) / rows * 1e6:,.0f}" for name in now)
            print(f"processor time of the {node.home.side}, in µs a row: {parts}")
    finally:
        for node in nodes:
            node.stop()


def _incidents(home: Home) -> int:
    tables = sqlite3.connect(f"file:{home.tables}?mode=ro", uri=True)
    try:
        return int(tables.execute("SELECT count(*) FROM records_row WHERE kind = 'incident'").fetchone()[0])
    finally:
        tables.close()


def _linked(home: Home) -> bool:
    from safeconduct.exchange.last_contact import link_of

    links = [link_of(home, party) for party in home.partners]
    return all(link.last_contact and not link.last_error for link in links)


def _processor_seconds(node: object) -> dict[str, float]:
    """User and system time of each of a node's processes so far."""
    found = {}
    for name, child in node.children.items():  # type: ignore[attr-defined]
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def _until(condition: Callable[[], bool], seconds: float = 110.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the partner did not get everything")
        time.sleep(0.02)


def _made_up(path: Path, rows: int) -> Path:
    draw = random.Random(1)
    with path.open("w", newline="") as target:
        writer = csv.DictWriter(target, _COLUMNS)
        writer.writeheader()
        for number in range(rows):
            day = f"20{draw.randrange(10, 25)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
            killed = draw.randrange(9)
            writer.writerow(
                {
                    "id": number + 1,
                    "year": day[:4],
                    "type_of_violence": draw.choice("123"),
                    "conflict_name": "Government - other side",
                    "dyad_name": "Government - other side",
                    "side_a": "Government",
                    "side_b": "Other side",
                    "where_prec": draw.choice("1234"),
                    "where_coordinates": draw.choice(("Karachi town", "Gwadar town", "Quetta town")),
                    "adm_1": "Balochistan province",
                    "adm_2": "Quetta district",
                    "latitude": round(draw.uniform(24, 37), 4),
                    "longitude": round(draw.uniform(61, 77), 4),
                    "country": "Pakistan",
                    "event_clarity": "1",
                    "date_prec": "1",
                    "date_start": day,
                    "date_end": day,
                    "deaths_a": killed,
                    "deaths_b": 0,
                    "deaths_civilians": 0,
                    "deaths_unknown": 0,
                    "best": killed,
                    "high": killed,
                    "low": killed,
                }
            )
    return path


if __name__ == "__main__":
    main()
