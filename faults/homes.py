"""The homes that every fault copies: two parties, paired, with one clause agreed and another that waits."""

from __future__ import annotations

import shutil
from pathlib import Path

from exchange.nodes import make_parties
from safeconduct.records.home import Home


def make(prepared: Path, folder: Path) -> None:
    """Fill a folder; `prepared` is a home whose databases are migrated and empty."""
    folder.mkdir(exist_ok=True)
    make_parties(prepared, folder)
    for party in ("pk", "cn"):
        if Home.load(folder / party).database is not None:
            continue
        shutil.copyfile(prepared / "accounts.sqlite3", folder / party / "accounts.sqlite3")
        (folder / party / "accounts.sqlite3").chmod(0o600)
