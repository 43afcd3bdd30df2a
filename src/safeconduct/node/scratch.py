"""The tables of a restored copy, made by a process of the copy's own: the node that runs meanwhile is not touched.

No writer is started. The ledger and the key store are only read, nothing is appended, nothing is delivered.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing

from safeconduct.records.databases import ledger_of, open_keys, open_ledger
from safeconduct.records.home import Home


def tables_of(home: Home, keys: Home) -> dict[str, object]:
    """Make the tables of a home that has none, with the keys of another one; how many entries they follow, and
    their fingerprint."""
    from safeconduct.node.django_start import migrate, start_django

    start_django(home)
    migrate()
    from django.db import connections

    from safeconduct.records.following import follow
    from safeconduct.records.projection import Tables
    from safeconduct.records.rebuild import fingerprint

    with (
        closing(open_ledger(home, read_only=True)) as connection,
        open_keys(keys) as keystore,
    ):
        log = ledger_of(home, connection)
        entries = follow(log, Tables(connections["tables"]), keystore)
    return {"entries": entries, "fingerprint": fingerprint()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tables of a restored copy, without a writer.")
    parser.add_argument("home")
    parser.add_argument("keys", help="the home that has the keys")
    given = parser.parse_args()
    json.dump(tables_of(Home.load(given.home), Home.load(given.keys)), sys.stdout)


if __name__ == "__main__":
    main()
