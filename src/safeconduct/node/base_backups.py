"""Backups of a node on PostgreSQL: what pg_basebackup copies of its server, and beside it what the home has.

Keys are not in it, so they must not lie on that server. Everything else of the server is, the tables' plain values too:
PostgreSQL copies a server whole or not at all. A restore throws those away before a node sees them.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from safeconduct.ledger.log import Log
from safeconduct.ledger.postgres import Postgres
from safeconduct.node.backups import Manifest
from safeconduct.node.server_programs import program
from safeconduct.records.databases import address, feeds_address, keys_address, open_ledger
from safeconduct.records.erased import copy_erased
from safeconduct.records.home import Home, HomeError

ROLE = "backup_role"
"""The setting that names the role with which the server may be copied, which needs REPLICATION."""
DATA = "server"
_SAID = "server.json"


@dataclass(frozen=True)
class Base:
    """What a base backup is of: the server's number and major version, the names of the node's two databases there,
    the role that owns them, and since when (ISO 8601, the server's clock) it can be brought back to a moment."""

    server: int
    version: int
    database: str
    feeds_database: str
    owner: str
    feeds_owner: str
    since: str

    @classmethod
    def of(cls, folder: Path) -> Base:
        """Raises HomeError for a folder that is no complete backup of a node on PostgreSQL."""
        Manifest.of(folder)
        try:
            made = cls(**json.loads((folder / _SAID).read_text("utf-8")))
            aware = datetime.fromisoformat(made.since).tzinfo is not None
        except (OSError, ValueError, TypeError, RecursionError) as fault:
            raise HomeError(f"{folder} is no backup of a node on PostgreSQL: {fault}") from fault
        names = (made.database, made.feeds_database, made.owner, made.feeds_owner)
        numbers = (made.server, made.version)
        if not aware or {type(each) for each in names} != {str} or {type(each) for each in numbers} != {int}:
            raise HomeError(f"{folder} is no backup of a node on PostgreSQL: {_SAID} is malformed")
        return made


def backup(home: Home, folder: Path) -> int:
    """Copy the node's server, while it runs, with pg_basebackup; returns the ledger's size as it began.

    Raises HomeError where keys lie on that server, or the feeds do not.
    """
    if folder.exists() and any(folder.iterdir()):
        raise HomeError(f"{folder} is not empty")
    base, version = _looked_at(home)
    wanted = program("pg_basebackup", version)
    with closing(open_ledger(home, read_only=True)) as db:
        log = Log(db, "ledger", f"{home.party}.safeconduct/ledger")
        size, root = log.size, base64.b64encode(log.root()).decode()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place, secret = _as_role(home)
    command = [
        wanted,
        "-D",
        str(folder / DATA),
        "-d",
        place,
        "-F",
        "plain",
        "-X",
        "stream",
        "-c",
        "fast",
        "-w",
    ]
    done = subprocess.run(
        [*command, "--label=safeconduct"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**{k: v for k, v in os.environ.items() if k != "PGPASSWORD"}, **secret, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode:
        shutil.rmtree(folder / DATA, ignore_errors=True)
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise HomeError(
            f"pg_basebackup does not copy the server: {last}. The role needs REPLICATION, and pg_hba.conf a line for "
            f"it (`{ROLE}` in node.toml names it)"
        )
    with closing(Postgres(str(address(home)), "ledger", read_only=True)) as db:
        (seconds,) = db.execute(
            "SELECT CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
        ).fetchone()
    base = replace(base, since=datetime.fromtimestamp(seconds, UTC).isoformat())
    (folder / _SAID).write_text(json.dumps(asdict(base)) + "\n")
    shutil.copy2(home.path / "node.toml", folder / "node.toml")
    copy_erased(home, folder)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    Manifest(home.party, size, root, made).write(folder)
    return size


def _looked_at(home: Home) -> tuple[Base, int]:
    own, feeds, keys = address(home), feeds_address(home), keys_address(home)
    if own is None or feeds is None:
        raise HomeError(
            "feeds and ledger go back to one moment only on one server: put the feeds on PostgreSQL, too "
            "(feeds_database in docs/operator.md)"
        )
    names, owners, servers = [], [], []
    for place in (own, feeds, *([keys] if keys else [])):
        with closing(Postgres(place, "public", read_only=True)) as db:
            servers.append(db.whereabouts()[0])
            names.append(str(db.execute("SELECT CAST(current_database() AS TEXT)").fetchone()[0]))
            owners.append(str(db.execute("SELECT CAST(current_user AS TEXT)").fetchone()[0]))
            if len(servers) == 1:
                version = int(db.execute("SELECT current_setting('server_version_num')").fetchone()[0])
    if servers[1] != servers[0]:
        raise HomeError("the feeds are on another server than the ledger: two servers have no common moment")
    if servers[0] in servers[2:]:
        raise HomeError(
            "the database of keys is on the server that is to be copied: a copy would have every key. Put it on "
            "another server"
        )
    base = Base(servers[0], version // 10_000, names[0], names[1], owners[0], owners[1], "")
    return base, version // 10_000


def _as_role(home: Home) -> tuple[str, dict[str, str]]:
    """The way to the server as the role that may copy it, and a password that stood in the address, for the
    environment alone."""
    parts = dict(conninfo_to_dict(str(address(home))))
    if ROLE in home.settings:
        parts["user"] = str(home.settings[ROLE])
        parts.pop("password", None)
    secret = parts.pop("password", None)
    parts.pop("dbname", None)
    return make_conninfo("", **parts), {"PGPASSWORD": str(secret)} if secret else {}
