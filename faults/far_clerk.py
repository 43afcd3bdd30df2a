"""`python -m faults.far_clerk HOME FILE`: commits one incident after another over the door, as the web process of its
machine would, and writes down what was answered for, and when; ends with SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

PAUSE = 0.05
AGAIN = 0.1


def main() -> None:
    from exchange.nodes import INCIDENT
    from safeconduct.node.django_start import start_django
    from safeconduct.records.home import Home

    home, file = Home.load(sys.argv[1]), Path(sys.argv[2])
    os.environ["SAFECONDUCT_PROCESS"] = "web"
    start_django(home, "web")
    from safeconduct.records.commit import Draft, commit
    from safeconduct.records.door import Door
    from safeconduct.records.principals import system_subject
    from safeconduct.records.refusals import Unavailable

    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    door, subject = Door(home), system_subject(home.party)
    with file.open("a") as out:
        while not over.is_set():
            begun = time.monotonic()
            try:
                made = commit(subject, Draft("incident", INCIDENT), door=door)
                said = f"{made.record} {made.version}"
            except Unavailable:
                said = "unanswered 0"
            out.write(f"{begun} {time.monotonic()} {said}\n")
            out.flush()
            over.wait(PAUSE if said[0] != "u" else AGAIN)
    door.close()


if __name__ == "__main__":
    main()
