"""Continuous copies of a node's databases by Litestream, which runs beside it, and backups made from such copies.

Copied are the ledger and the feeds. Not the tables, which hold plain values and are made again; not the accounts, whose
sessions would let somebody in; not the keys.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from safeconduct.node.backups import complete, copy_accounts
from safeconduct.records.databases import needs_files
from safeconduct.records.erased import NAME, erased_list
from safeconduct.records.home import Home, HomeError

SNAPSHOT_HOURS, KEPT_HOURS = 24, 72
"""A whole copy every so often, and how long what is older than one is kept to go back to."""

PROGRAM = "LITESTREAM"
"""Environment variable that names Litestream's program where it is not in the path."""


def databases(home: Home) -> Iterator[tuple[str, Path]]:
    """(name in the replica, path below the home), the ledger last: a feed has no entry that it does not tell of."""
    for partner in sorted(home.partners):
        yield f"feed-{partner}", Path("feeds") / partner / "feed.sqlite3"
    yield "ledger", Path(home.ledger.name)


def configuration(home: Home, target: str) -> str:
    """Litestream's configuration file for a home. `target` is a folder, or an address as Litestream has them."""
    needs_files(home, "a continuous copy")
    lines = ["dbs:"]
    for name, path in databases(home):
        lines += [
            f"  - path: {json.dumps(str(home.path / path))}",
            "    replica:",
            f"      url: {json.dumps(_address(target, name))}",
        ]
    lines += ["snapshot:", f"  interval: {SNAPSHOT_HOURS}h", f"  retention: {KEPT_HOURS}h"]
    return "\n".join(lines) + "\n"


def fetch(home: Home, target: str, folder: Path) -> int:
    """Make a backup in an empty folder from what was copied to a target; returns the ledger's size.

    Settings, accounts and the list of what was erased are taken from the home, as far as they are there. Raises
    HomeError when Litestream is missing or has nothing to give.
    """
    program = os.environ.get(PROGRAM) or shutil.which("litestream")
    if program is None:
        raise HomeError(f"Litestream is not installed, or {PROGRAM} does not name it")
    if folder.exists() and any(folder.iterdir()):
        raise HomeError(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, path in databases(home):
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [program, "restore", "-o", str(place), _address(target, name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not place.exists():
            said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
            raise HomeError(f"Litestream does not give {name}: {said[-1]}")
        place.chmod(0o600)
    copy_accounts(home, folder)
    shutil.copy2(home.path / "node.toml", folder / "node.toml")
    if erased_list(home).exists():
        shutil.copy2(erased_list(home), folder / NAME)
    return complete(home.party, folder)


def _address(target: str, name: str) -> str:
    if "://" in target:
        return f"{target.rstrip('/')}/{name}"
    return f"file://{Path(target).absolute() / name}"
