"""Continuous copies of a node's databases by Litestream, which runs beside it, and backups made from such copies.

Copied are the ledger and the feeds. Not the tables, which hold plain values and are made again; not the accounts, whose
sessions would let somebody in; not the keys.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from safeconduct.node.backups import complete, copy_accounts
from safeconduct.records.databases import address, feeds_address, needs_files
from safeconduct.records.erased import copy_erased
from safeconduct.records.home import Home, HomeError

SNAPSHOT_HOURS, KEPT_HOURS = 24, 72
"""A whole copy every so often, and how long what is older than one is kept to go back to."""

ARCHIVE_SECONDS = 60
"""After so long a segment of PostgreSQL's log is archived though it is not full: what a lost disk may cost."""

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


def log_archive(home: Home, target: str) -> str:
    """Two ways to have the server's write-ahead log archived in a folder: lines of postgresql.conf, or a unit of
    systemd that runs pg_receivewal, beside which the server needs none of the lines but the first."""
    if "://" in target or not target.startswith("/") or re.search(r"[^\w./-]", target, re.ASCII):
        raise HomeError(f"{target!r} is no folder: write its whole path, of letters, digits and ./_- alone")
    parts = dict(conninfo_to_dict(str(address(home) or feeds_address(home))))
    parts["user"] = str(home.settings.get("backup_role") or parts.get("user", ""))
    shown = {name: value for name, value in parts.items() if name not in ("dbname", "password") and value}
    file = f"{target}/%f"
    # What was archived before a crash and not acknowledged is there already, and the same.
    copied = f"cp %p {file}.new && sync {file}.new && mv {file}.new {file}"
    command = f"cmp -s %p {file} || {{ test ! -f {file} && {copied}; }}"
    return f"""\
# postgresql.conf of the node's server. Not of the server of keys: what is erased there must not be archived.
wal_level = replica
archive_mode = on
archive_timeout = {ARCHIVE_SECONDS}
archive_command = '{command}'

# Or, a second behind, from another machine: /etc/systemd/system/safeconduct-log.service
# (once: pg_receivewal --create-slot --slot=safeconduct -d "...")
[Unit]
Description=Archive of the write-ahead log of the Safeconduct node {home.party}
After=network-online.target
[Service]
User=postgres
ExecStart=/usr/bin/pg_receivewal -D {target} --synchronous --slot=safeconduct -w -d "{make_conninfo("", **shown)}"
Restart=always
[Install]
WantedBy=multi-user.target
"""


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
    copy_erased(home, folder)
    return complete(home.party, folder)


def _address(target: str, name: str) -> str:
    if "://" in target:
        return f"{target.rstrip('/')}/{name}"
    return f"file://{Path(target).absolute() / name}"
