"""What all acts of the drill share: its people and doors, a promise with its measured time, what was acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from safeconduct.agreement.policy import Subject
from safeconduct.node.drilling.doors import PATIENCE, Browser, Screen
from safeconduct.node.drilling.killing import Killing
from safeconduct.node.drilling.stations import PASSWORD, Station, until
from safeconduct.node.loopback import Gateway
from safeconduct.records.commit import Committed
from safeconduct.records.refusals import Unavailable

Say = Callable[[str], object]
T = TypeVar("T")
GRACE = 120.0
"""Seconds more that each promise may take while processes are being killed."""


def moment(minutes: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


@dataclass
class Story:
    """The story as far as it has been played; `broken` counts the promises that did not hold."""

    host: Station
    partner: Station
    people: Mapping[str, Subject]
    gateway: Gateway
    killing: Killing
    say: Say
    broken: int = 0
    kept: int = 0
    records: dict[str, str] = field(default_factory=dict)
    browsers: dict[str, Browser] = field(default_factory=dict)
    screens: dict[str, Screen] = field(default_factory=dict)
    acknowledged: list[tuple[Station, str]] = field(default_factory=list)
    """Every record that a node answered for as durable, by whatever door it came."""
    readings_end: datetime | None = None
    """Before which moment the list of who knew is asked for: that of the SOS."""

    @property
    def stations(self) -> tuple[Station, Station]:
        return self.host, self.partner

    def promise(self, when: str, what: str, check: Callable[[], object], limit: float) -> None:
        """Print the promise with its time; it is broken by a fault, by an untrue answer, and by `limit` seconds. What
        the check answers, if it is text, is told with it."""
        began, because, found = time.monotonic(), "", None
        try:
            found = check()
            if not found:
                because = "not so"
        except Exception as fault:
            because = f"{type(fault).__name__}: {fault}"
        took = time.monotonic() - began
        allowed = limit + (GRACE if self.killing.what else 0)
        if not because and took > allowed:
            because = f"promised within {allowed:g} s"
        self.broken += bool(because)
        self.kept += not because
        told = because or (found if isinstance(found, str) else "")
        verdict = "BROKEN" if because else "kept  "
        self.say(f"{took:7.2f} s  {verdict}  {when:<8} {what}{f' ({told})' if told else ''}")

    def answered(self, at: Station, record: str) -> str:
        """Note that this node has answered for a record; at the end it must still be there."""
        self.acknowledged.append((at, record))
        return record

    def insist(self, at: Station, act: Callable[[], Committed]) -> str:
        """An act that counts once however often it is asked for, asked until the writer has answered."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.answered(at, act().record)
            except Unavailable:
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)

    def browser(self, name: str) -> Browser:
        """The browser of one of the people, signed in the first time that it is needed."""
        if name not in self.browsers:
            side = self.people[name].party
            (at,) = (station for station in self.stations if station.home.party == side)
            self.browsers[name] = Browser(at.base, name, PASSWORD)
        return self.browsers[name]

    def theirs(self, at: Station, kind: str, field: str, value: object) -> str:
        """The record of the other party with this value, once it is here."""
        sql = "SELECT id FROM records_row WHERE kind = %s AND originator <> %s AND parts ->> %s = %s"
        rows = until(lambda: at.ask(sql, kind, at.home.party, field, value), f"{kind} at the {at.side}")
        return str(rows[0][0])
