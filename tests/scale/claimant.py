"""`python claimant.py ADDRESS NAME`: waits for the claim on a ledger, and writes over the same connection until it
cannot; says each on standard output."""

from __future__ import annotations

import sys
import time

from safeconduct.ledger.database import FAULTS
from safeconduct.ledger.postgres import Postgres


def main() -> None:
    db = Postgres(sys.argv[1], "ledger")
    print("connected", flush=True)
    while not db.claim():
        time.sleep(0.1)
    print("claimed", flush=True)
    db.execute("CREATE TABLE IF NOT EXISTS written (who TEXT, at REAL)")
    try:
        while True:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO written VALUES (?, ?)", (sys.argv[2], time.time()))
            db.execute("COMMIT")
            time.sleep(0.1)
    except FAULTS:
        print(f"lost {db.lost}", flush=True)


if __name__ == "__main__":
    main()
