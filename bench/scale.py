"""Everything at once, on one or on both databases, with one or more web processes and clients: one table.

Each figure stands beside a bare limit of the same run: rows of the same bytes in the same database as durable, bytes
hashed and stored, thirty lines of ASGI that ask nobody anything, streams that all hear. Two nodes with all of their
processes, TLS between them, and all clients are on this machine. Each column checks what it counts: what was
acknowledged is what is there, on either side where it must be. `--short` takes seconds for a column and proves that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.measure import heading

DATABASES = {"sqlite": ("sqlite",), "postgresql": ("postgresql",), "both": ("sqlite", "postgresql")}
SHORT, LONG = ("6", "20", "5"), ("120", "2000", "40")
"""Devices on journeys, names on a roll, travellers who call for help."""

Column = tuple[str, int]


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=DATABASES, default="both")
    parser.add_argument(
        "--processes", default="1,2,4", help="web processes of a node, and clients, for each column"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="for each rate")
    parser.add_argument("--screens", type=int, default=200)
    parser.add_argument("--short", action="store_true", help="small enough for the tests")
    parser.add_argument(
        "--world", type=Path, help="a folder that bench.world has filled before; made unless given"
    )
    asked = parser.parse_args(given)
    seconds, screens = (0.5, 6) if asked.short else (asked.seconds, asked.screens)
    counts = [int(count) for count in asked.processes.split(",")]
    columns = [(database, count) for database in DATABASES[asked.database] for count in counts]
    heading(f"{len(columns)} columns, {seconds} s for each rate, {screens} screens")
    with ExitStack() as stack:
        folder = asked.world
        if folder is None:
            folder = (
                Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="safeconduct-world-"))) / "made"
            )
            sizes = SHORT if asked.short else LONG
            options = zip(("--devices", "--names", "--travellers"), sizes, strict=True)
            _run("world", str(folder), *(word for option in options for word in option))
        found: dict[Column, dict[str, list[float]]] = {}
        for column in columns:
            begun = time.perf_counter()
            told = ("--database", column[0], "--processes", str(column[1]))
            more = ("--seconds", str(seconds), "--screens", str(screens))
            found[column] = json.loads(_run("scale_cell", str(folder), *told, *more).splitlines()[-1])
            print(
                f"{column[0]}, {column[1]}: {time.perf_counter() - begun:,.0f} s", file=sys.stderr, flush=True
            )
    print(table(found))
    return 0


def _run(name: str, *words: str) -> str:
    """What a module of this package prints, in a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", f"bench.{name}", *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def table(found: dict[Column, dict[str, list[float]]]) -> str:
    """Markdown: a row for each quantity, a column for each database and number of processes; figure / bare (ratio)."""
    columns = list(found)
    names = list(dict.fromkeys(name for each in found.values() for name in each))
    lines = [f"| | {' | '.join(f'{database}, {count}' for database, count in columns)} |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name in names:
        cells = [_cell(*found[column][name]) for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: float, bare: float) -> str:
    return f"{_number(figure)} / {_number(bare)} ({figure / bare:.2g})" if bare else _number(figure)


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 20 else f"{figure:.3g}"


if __name__ == "__main__":
    sys.exit(main())
