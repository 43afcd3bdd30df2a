"""`safeconduct drill`: an attack on the road, played against two running nodes in compressed time.

Every promise is measured from the act to the moment at which the other side's own tables hold what was promised.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from safeconduct.node.drill_nodes import Station, agree, make, until

NOT_YET = "the committee: an observer present, an item withheld, decisions, a reservation"
WHEREABOUTS = 24.8877665
"""Latitude of the Host's unit, in digits that stand nowhere else."""
Say = Callable[[str], object]


def moment(minutes: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


class Drill:
    """Plays the story; `broken` counts the promises that did not hold."""

    def __init__(self, host: Station, partner: Station, say: Say, kill_writer: bool = False) -> None:
        self.host, self.partner, self.say = host, partner, say
        self.kill_writer = kill_writer
        self.broken = 0
        self.records: dict[str, str] = {}

    def promise(self, what: str, check: Callable[[], object], limit: float) -> None:
        """Print the promise with its time; it is broken by a fault, by an untrue answer, and by `limit` seconds."""
        began, because = time.monotonic(), ""
        try:
            if not check():
                because = "not so"
        except Exception as fault:
            because = f"{type(fault).__name__}: {fault}"
        took = time.monotonic() - began
        if not because and took > limit:
            because = f"promised within {limit:g} s"
        self.broken += bool(because)
        self.say(
            f"{took:7.2f} s  {'BROKEN' if because else 'kept  '}  {what}{f' ({because})' if because else ''}"
        )

    def play(self) -> int:
        self.traveller = self.partner.person("traveller", "protected_person")
        self.embassy = self.partner.person("watch", "watch_officer")
        self.manager = self.partner.person("manager", "security_manager")
        self.floor = self.host.person("watch", "watch_officer")
        self.late = self.host.person("coordinator", "coordinator")
        self.auditor = self.host.person("auditor", "auditor")
        self.promise("a movement is notified and the Host's watch acknowledges it", self.notified, 20)
        self.promise("the Host's watch reads the itinerary, and that is logged", self.itinerary_read, 10)
        self.promise("SOS: the traveller's call is on the Host's watch floor", self.call, 10)
        self.promise("the Host's room acknowledges, and the Partner's room knows it", self.acknowledged, 10)
        self.promise("the Partner's room is told which unit comes", self.tasked, 10)
        self.promise("no whereabouts of the Host's unit are in the Partner's files", self.withheld, 10)
        for each in (self.host, self.partner):
            each.cut_link()
        self.say("           the link is cut")
        self.promise("cut off, both rooms muster every open journey", self.mustered, 20)
        self.promise("meanwhile nothing of it has crossed", self.nothing_crossed, 5)
        if self.kill_writer:
            self.partner.kill_writer()
            self.say("           the Partner's writer is killed")
        for each in (self.host, self.partner):
            each.open_link()
        self.say("           the link is back")
        self.promise("everything said while cut off arrives on both sides", self.arrived, 30)
        self.promise(
            "conflicting figures of one incident stand side by side on both nodes", self.conflict, 20
        )
        self.promise("two names are withdrawn and erased; the Host's receipts come back", self.receipts, 20)
        self.promise("who knew: the list names who read the itinerary before the SOS", self.knew, 10)
        self.say(f"not yet part of the drill: {NOT_YET}")
        return self.broken

    # --- what each side has

    def theirs(self, at: Station, kind: str, field: str, value: object) -> str:
        """The record of the other party with this value, once it is here."""
        sql = "SELECT id FROM records_row WHERE kind = %s AND originator <> %s AND parts ->> %s = %s"
        rows = until(lambda: at.ask(sql, kind, at.home.party, field, value), f"{kind} at the {at.side}")
        return str(rows[0][0])

    def notified(self) -> bool:
        from safeconduct.journeys import rules
        from safeconduct.records.commit import Draft, commit
        from safeconduct.records.principals import system_subject

        parts = {
            "notice": {
                "reference": "DRILL-1", "since": moment(-15), "until": moment(180), "persons": 3,
                "origin_district": "Karachi", "destination_district": "Karachi", "emergency": True,
                "exercise": True,
            },
            "itinerary": {
                "origin": {"place": "Karachi airport", "latitude": 24.9, "longitude": 67.16},
                "destination": {"place": "Port Qasim", "latitude": 24.78, "longitude": 67.33},
                "depart": moment(-5), "arrive": moment(60),
            },
        }  # fmt: skip
        names = [{"who": {"name": name, "nationality": "CN"}} for name in ("Li", "Wang", "Chen")]
        with self.partner.seat() as door:
            own = rules.notify_movement(self.manager, parts, names, door=door).record
            word = {"at": moment(), "entered": moment(), "category": "departed", "point": "Karachi airport"}
            commit(
                system_subject(self.partner.home.party),
                Draft("check_in", {"word": word}, about=own),
                door=door,
            )
        self.records["own"] = own
        there = self.records["there"] = self.theirs(self.host, "movement", "$.notice.reference", "DRILL-1")
        with self.host.seat() as door:
            rules.acknowledge(self.floor, there, by="Watch officer", door=door)
        return bool(self.theirs(self.partner, "acknowledgement", "$.receipt.by", "Watch officer"))

    def itinerary_read(self) -> bool:
        from safeconduct.records.release import release

        def read() -> bool:
            with self.host.seat() as door:
                return "itinerary" in release(self.floor, self.records["there"], door=door).parts

        found = bool(until(read, "the itinerary"))
        self.before_sos = datetime.now(UTC)
        return found

    def call(self) -> bool:
        from safeconduct.watch import sos

        parts = {
            "call": {"at": moment(), "means": "phone", "headline": "Shots", "exercise": True},
            "place": {"latitude": 24.9, "longitude": 67.17, "accuracy_m": 12, "source": "phone"},
            "caller": {"person": "traveller", "name": "Li"},
        }
        with self.partner.seat() as door:
            own = sos.raise_sos(self.traveller, parts, self.records["own"], key="drill", door=door).record
            again = sos.raise_sos(self.traveller, parts, self.records["own"], key="drill", door=door).record
        self.records["own_sos"] = own
        self.records["sos"] = self.theirs(self.host, "sos", "$.call.headline", "Shots")
        return own == again

    def acknowledged(self) -> bool:
        from safeconduct.watch import sos

        with self.host.seat() as door:
            sos.acknowledge_sos(self.floor, self.records["sos"], "Police sent", door=door)
        with self.partner.seat() as door:
            sos.acknowledge_sos(self.embassy, self.records["own_sos"], door=door)
        self.theirs(self.partner, "sos_acknowledgement", "$.receipt.remark", "Police sent")
        sql = (
            "SELECT 1 FROM records_row WHERE id = %s AND parts ->> '$.rooms.host' <> '' "
            "AND parts ->> '$.rooms.partner' <> ''"
        )
        return bool(until(lambda: self.partner.ask(sql, self.records["own_sos"]), "both rooms"))

    def tasked(self) -> bool:
        from safeconduct.watch import sos

        where = {"latitude": WHEREABOUTS, "longitude": 67.1, "minutes_away": 6}
        with self.host.seat() as door:
            sos.task_unit(
                self.floor,
                self.records["sos"],
                "karachi-police",
                "Karachi police",
                "Bring them out",
                where,
                door,
            )
        return bool(self.theirs(self.partner, "tasking", "$.duty.unit", "karachi-police"))

    def withheld(self) -> bool:
        """Neither in a row nor in any file of the Partner's home; that the Host has them shows the search works."""
        digits = str(WHEREABOUTS).encode()
        held = [p for p in self.partner.home.path.rglob("*") if p.is_file() and digits in p.read_bytes()]
        (parts,) = self.partner.ask("SELECT parts FROM records_row WHERE kind = 'tasking'")
        own = self.host.ask("SELECT parts FROM records_row WHERE kind = 'tasking'")
        return not held and "whereabouts" not in parts[0] and str(WHEREABOUTS) in own[0][0]

    def mustered(self) -> bool:
        from safeconduct.watch import muster

        for at, actor in ((self.host, self.floor), (self.partner, self.embassy)):
            call = {
                "title": f"Drill of the {at.side}", "scope": "journeys", "due": moment(10), "exercise": True,
            }  # fmt: skip
            with at.seat() as door:
                record = muster.begin_muster(actor, call, key="drill", door=door).record

            def entries(at: Station = at, record: str = record) -> list[str]:
                (complete,) = at.ask(
                    "SELECT parts ->> '$.roll.complete' FROM records_row WHERE id = %s", record
                )
                rows = at.ask(
                    "SELECT id FROM records_row WHERE kind = 'roll_entry' AND about = %s AND state = 'unaccounted'",
                    record,
                )
                return [row[0] for row in rows] if complete[0] else []

            names = until(entries, f"the roll at the {at.side}")
            with at.seat() as door:
                for answer in muster.reply_many(actor, names, "accounted", "floor", door=door):
                    if isinstance(answer, Exception):
                        raise answer
            until(lambda at=at: self.counted(at, at.side), f"the figures at the {at.side}")  # type: ignore[misc]
        return True

    def counted(self, at: Station, side: str) -> bool:
        """Whether this node has the figures of that side's muster, with all three travellers accounted for."""
        sql = (
            "SELECT 1 FROM records_row f JOIN records_row m ON f.about = m.id WHERE f.kind = 'muster_figure' "
            "AND m.parts ->> '$.call.title' = %s AND f.parts ->> '$.count.accounted' = 3 "
            "AND f.parts ->> '$.count.expected' = 3"
        )
        return bool(at.ask(sql, f"Drill of the {side}"))

    def nothing_crossed(self) -> bool:
        sql = "SELECT 1 FROM records_row WHERE kind = 'muster' AND originator <> %s"
        return not any(at.ask(sql, at.home.party) for at in (self.host, self.partner))

    def arrived(self) -> bool:
        for at, side in ((self.host, "partner"), (self.partner, "host")):
            until(lambda at=at, side=side: self.counted(at, side), f"the {side}'s figures")  # type: ignore[misc]
        return True

    def conflict(self) -> bool:
        from safeconduct.incidents import rules
        from safeconduct.records.commit import Draft, commit
        from safeconduct.records.principals import system_subject

        summary = {"title": "Drill: convoy", "category": "attack", "exercise": True}
        parts: dict[str, dict[str, Any]] = {
            "summary": summary,
            "when": {"start": moment()},
            "where": {
                "place": "Karachi airport",
                "district": "Karachi",
                "latitude": 24.9,
                "longitude": 67.17,
            },
        }
        with self.host.seat() as door:
            own = rules.report_incident(self.floor, parts, door=door).record
            for count in (10, 16):
                claim = Draft("claim", _claim(count, "host"), about=own)
                commit(system_subject(self.host.home.party), claim, door=door)
        there = self.theirs(self.partner, "incident", "$.summary.title", "Drill: convoy")
        with self.partner.seat() as door:
            claim = Draft("claim", _claim(17, "partner"), about=there)
            commit(system_subject(self.partner.home.party), claim, door=door)
        sql = "SELECT parts ->> '$.figure.best' FROM records_row WHERE kind = 'claim' AND about = %s"
        for at, record in ((self.host, own), (self.partner, there)):

            def side_by_side(at: Station = at, record: str = record) -> bool:
                return {str(best) for (best,) in at.ask(sql, record)} == {"10", "16", "17"}

            until(side_by_side, f"the claims at the {at.side}")
        return True

    def receipts(self) -> bool:
        from safeconduct.journeys import rules
        from safeconduct.records import principals

        sql = "SELECT id FROM records_row WHERE kind = 'manifest_entry' AND about = %s ORDER BY born"
        gone = [row[0] for row in self.partner.ask(sql, self.records["own"])[:2]]
        system = principals.to_wire(principals.system_subject(self.partner.home.party))
        with self.partner.seat() as door:
            for name in gone:
                rules.withdraw_name(self.manager, name, "does not travel", door=door)
                door.call("erase", {"actor": system, "record": name, "parts": [], "reason": "withdrawn"})
        answered = (
            "SELECT record FROM exchange_holding WHERE record IN (%s, %s) AND removed <> 0 "
            "AND answered_at IS NOT NULL"
        )
        until(lambda: len({row[0] for row in self.partner.ask(answered, *gone)}) == 2, "the receipts")
        left = self.host.ask(
            "SELECT parts ->> '$.who.name' FROM records_row WHERE kind = 'manifest_entry' AND withdrawn = 0"
        )
        return len(gone) == 2 and len(left) == 1

    def knew(self) -> bool:
        """Who read it only after the SOS is not on the list of who knew before."""
        from safeconduct.oversight.who_knew import READ, who_knew
        from safeconduct.records.release import release

        with self.host.seat() as door:
            release(self.late, self.records["there"], door=door)
            known = who_knew(self.auditor, self.records["there"], self.before_sos, part="itinerary")
        readers = {line.person for line in known.lines if line.way == READ}
        return readers == {self.floor.person}


def _claim(injured: int, party: str) -> dict[str, Any]:
    return {
        "figure": {"what": "injured", "best": injured},
        "source": {"outlet": f"{party}'s hospital {injured}", "party": party, "published": moment()},
    }


def run(folder: Path | None, say: Say, kill_writer: bool = False) -> int:
    """Make the nodes, play the story, stop them; answers how many promises were broken."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="safeconduct-drill-") as made:
            return run(Path(made), say, kill_writer)
    stations = host, partner = make(folder.resolve(), _free_ports())
    try:
        for station in stations:
            station.start()
        agree(host, partner)
        return Drill(host, partner, say, kill_writer).play()
    finally:
        for station in stations:
            station.stop()


def _free_ports() -> list[int]:
    """Four ports that nobody has at this moment."""
    probes = [socket.socket() for _ in range(4)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
