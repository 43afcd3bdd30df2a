"""A meeting on two nodes: called by the Host, with an observer of the Partner's who has a seat."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from journeys.two_nodes import Node, moment, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.committee import meeting_rules as rules
from safeconduct.records.principals import subject_of
from safeconduct.records.release import Released, release
from safeconduct.records.rows import RowView

OBSERVER = "observer-1"


def notice(**more: Any) -> dict[str, Any]:
    return {
        "title": "Fifth meeting of the Joint Security Committee",
        "group": "committee",
        "starts": moment(24),
        "ends": moment(27),
        **more,
    }


def terms(**more: Any) -> dict[str, Any]:
    return {
        "ceiling": 1,
        "categories": ["incidents", "journeys", "strategy"],
        "methods": ["oral", "visual", "document"],
        "until": moment(240),
        **more,
    }


def as_now(node: Node, name: str) -> Subject:
    """The principal that a person is now, with what authorisations open to him."""
    return subject_of(node.writer.tables, node.home, name, time.time() + node.offset)


@dataclass
class Meeting:
    """The meeting on both nodes, and the people who work with it."""

    host: Node
    partner: Node
    coordinator: Subject = field(init=False)
    liaison: Subject = field(init=False)
    record: str = field(init=False)
    there: str = field(init=False)

    def __post_init__(self) -> None:
        self.coordinator = person(self.host, "coordinator", "coordinator")
        self.liaison = person(self.partner, "liaison", "liaison")
        for name in (OBSERVER, "observer-2"):
            person(self.partner, name, "observer", clearance=2)
        with self.host.active():
            called = rules.call_meeting(self.coordinator, notice(), {"place": "Room 4"}, ("cn",))
        self.record = called.record
        self.across()
        (row,) = self.partner.of_kind("meeting", "pk")
        self.there = row.id

    def across(self) -> None:
        pull(self.partner, self.host)
        pull(self.host, self.partner)
        pull(self.partner, self.host)

    def seat(self, person: str = OBSERVER, **changed: Any) -> Released:
        """The Partner names an observer and the Host gives him a seat; the seat, as the Host has it."""
        with self.partner.active():
            named = {"name": person.title(), "capacity": "observer", "person": person}
            rules.name_attendee(self.liaison, self.there, named)
        self.across()
        attendance = next(
            row for row in self.host.of_kind("attendance", "cn") if row.values()["seat"]["person"] == person
        )
        with self.host.active():
            given = rules.seat_observer(
                self.coordinator, release(self.coordinator, attendance.id), terms(**changed)
            )
            found = release(self.coordinator, given.record)
        self.across()
        return found

    def item(
        self, title: str, category: str = "incidents", level: int = 1, ground: str = "", **more: Any
    ) -> str:
        handling = {"category": category, "withheld": bool(ground), "ground": ground}
        with self.host.active():
            meeting = release(self.coordinator, self.record)
            put = rules.put_item(self.coordinator, meeting, {"title": title, **more}, handling, level)
        self.across()
        return put.record

    def own(self, record: str) -> Released:
        with self.host.active():
            return release(self.coordinator, record)

    def arrived(self, kind: str = "agenda_item") -> list[RowView]:
        return [row for row in self.partner.of_kind(kind, "pk") if not row.withdrawn]

    def titles(self) -> list[str]:
        """What stands on the Partner's node of the agenda, in no order."""
        return sorted(row.values()["item"]["title"] for row in self.arrived() if "item" in row.values())

    def positions(self, name: str = OBSERVER) -> dict[str, int]:
        """The agenda as one observer has it: title to place, by the authorisations that name him."""
        with self.partner.active():
            reader = as_now(self.partner, name)
            found: dict[str, int] = {}
            for row in self.arrived("disclosure_authorisation"):
                if row.id in reader.authorised and row.about and row.state == "granted":
                    part = row.values()["reader"]
                    if "position" in part:
                        found[release(reader, row.about).parts["item"]["title"]] = part["position"]
        return found
