"""The machines of a node in words, for the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby

from safeconduct.records.door import Door


def told_machines(door: Door) -> Iterator[str]:
    """A line for who holds the sequencer and one for each that stands by; none on a node of one machine."""
    found = door.call("sequencer", {})
    if found.get("machine"):
        yield f"machine {found['machine']} holds the sequencer since {found['since']}"
        for each in found["standing_by"]:
            yield f"machine {each['machine']} stands by, seen {each['seen']}: {each['words']}"
        if not found["standing_by"]:
            yield "no machine stands by"


def told_certificates(door: Door) -> Iterator[str]:
    """A line for each machine that is let in."""
    certificates = sorted(
        door.call("machines", {})["certificates"], key=lambda c: (c["machine"], c["process"])
    )
    for machine, of_it in groupby(certificates, key=lambda c: c["machine"]):
        let_in = [f"{c['process']} until {datetime.fromtimestamp(c['ends'], UTC):%Y-%m-%d}" for c in of_it]
        yield f"certificates of machine {machine}: {', '.join(let_in)}"
