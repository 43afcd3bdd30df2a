"""A rule by which security managers see two incidents an hour, and four incidents to try it on."""

from __future__ import annotations

import time
from pathlib import Path

from conftest import SIGNATORY_KEY
from safeconduct.node.signing_here import act, propose
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject

LIMITED = """+++
clause  = "H90"
version = 1
title   = "So much and no more"
texts   = ["en"]

[[grant]]
id     = "H90.1"
to     = "own"
roles  = ["security_manager"]
may    = ["read", "export"]
kind   = "incident"
parts  = ["summary", "when"]
whose  = "own"
up_to  = "RESTRICTED"
logged = ["read", "export"]
two_person_above = 2

[[grant]]
id     = "H90.2"
to     = "own"
roles  = ["warden"]
may    = ["read"]
kind   = "incident"
parts  = ["summary"]
whose  = "own"
up_to  = "RESTRICTED"
+++
## en

H90.1 Security managers may read and export two of our incidents an hour; more, when a second person agrees.

H90.2 Wardens may read the summary of our incidents, as many as they must.
"""


def limited_incidents(folder: Path) -> list[str]:
    """Put the rule in force on the node this process is; returns four incidents that were recorded a minute ago."""
    file = folder / "90.md"
    file.write_text(LIMITED)
    (clause,) = propose("house", [file], here.door())
    act("house", clause.number, "agreed", SIGNATORY_KEY, None, here.door())
    parts = {
        "summary": {"title": "Shots", "category": "attack"},
        "when": {"start": "2024-10-06T23:00:00+05:00"},
        "where": {"place": "Karachi", "district": "Karachi"},
    }
    writer = here.door().writer
    assert writer is not None
    writer.clock = lambda: time.time() - 60
    made = [commit(system_subject("pk"), Draft("incident", parts)).record for _ in range(4)]
    writer.clock = time.time
    return made
