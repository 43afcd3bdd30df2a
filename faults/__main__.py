"""`python -m faults [NAMES] [--long] [--seed N]`: the thirteen faults, and one table of what came of them; and
`python -m faults soak [--minutes N]`: two nodes as they work, with faults all the while.

Exit code 1 when anything was lost, leaked or missed, or anybody accused falsely.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from faults.catalogue import DATABASES, FAULTS
from faults.outcome import Outcome, table


def main() -> int:
    if sys.argv[1:2] == ["soak"]:
        from faults.soak import main as soak

        return soak(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(FAULTS)}; all unless given")
    parser.add_argument("--long", action="store_true", help="many more of each")
    parser.add_argument("--seed", type=int, default=1, help="another run of chance")
    parser.add_argument("--size", type=int, help="how many, instead of the short or the long number")
    parser.add_argument("--database", choices=DATABASES, default=DATABASES[0], help="what the homes lie in")
    parser.add_argument(
        "--feeds", action="store_true", help="on a server the partners' feeds, too, not as files"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    on_files = [name for name in given.names or FAULTS if FAULTS[name].files]
    chosen = [name for name in given.names or FAULTS if given.database == "sqlite" or name not in on_files]
    if given.database != "sqlite" and set(given.names) & set(on_files):
        parser.error(f"begins with homes of files: {', '.join(on_files)}")
    os.environ["SAFECONDUCT_TEST_DATABASE"] = given.database
    import ready

    folder = Path(tempfile.mkdtemp(prefix="safeconduct-faults-"))
    rows: list[tuple[str, Outcome, float]] = []
    try:
        made = prepare(folder, ready.database(feeds=given.feeds))
        from faults.ground import Ground

        ground = Ground(made, folder / "work")
        for name in chosen:
            fault = FAULTS[name]
            begun = time.monotonic()
            outcome = fault.run(ground, given.size or fault.size(given.long), given.seed)
            rows.append((name, outcome, time.monotonic() - begun))
            print(f"{name}: {outcome.tried.total():,} tried", file=sys.stderr, flush=True)
    finally:
        ready.end()
        shutil.rmtree(folder, ignore_errors=True)
    print(table(rows))
    return int(any(outcome.harm or not outcome.tried for _, outcome, _ in rows))


def prepare(folder: Path, database: dict[str, str]) -> Path:
    """The homes that every fault copies, made in an empty folder; `database` are the settings of the first one."""
    from safeconduct.node.django_start import migrate, start_django
    from safeconduct.records.home import Home

    home = Home.create(folder / "first", "pk", "host", "Host Party", **database)
    start_django(home)
    migrate()
    from django.db import connections

    connections.close_all()
    from exchange.nodes import own_connections
    from faults.homes import make

    with own_connections():
        make(folder / "first", folder / "made")
    return folder / "made"


if __name__ == "__main__":
    sys.exit(main())
