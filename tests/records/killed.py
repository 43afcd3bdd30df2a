"""A writer in a process of its own that commits without end and says how far it is, until it is killed."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path

import ready

BATCH = 3
PARTS = {
    "summary": {"title": "x", "category": "attack"},
    "when": {"start": "2024-10-06"},
    "where": {"place": "Karachi"},
}


def commit_without_end(path: str, heard: Connection) -> None:
    """Sends (size, root) of the ledger after each batch that was acknowledged."""
    from safeconduct.records import here
    from safeconduct.records.commit import Draft, commit_many
    from safeconduct.records.door import Door
    from safeconduct.records.home import Home
    from safeconduct.records.principals import system_subject

    home = Home.load(Path(path))
    os.environ["SAFECONDUCT_HOME"] = path
    ready.point(home)
    with Door.open(home) as door, here.at(home, door):
        assert door.writer is not None
        while True:
            commit_many(system_subject("pk"), [Draft("incident", PARTS)] * BATCH)
            heard.send((door.writer.log.size, door.writer.log.root()))
