"""A day on the road for the board's tests: a Host node, and what the Partner has notified as it would arrive."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.test import Client

from safeconduct.agreement.policy import Subject
from safeconduct.ledger.parts import digest, disclosure
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import all_kinds
from safeconduct.records.principals import system_subject
from safeconduct.records.transaction import Tx, iso

ALL = ("notice", "itinerary", "vehicles", "check_plan", "contact")


def at(hours: float) -> str:
    """So many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds").replace("+00:00", "Z")


def movement(reference: str, departs: float = 1.0, lasts: float = 4.0, **notice: Any) -> dict[str, Any]:
    """The parts of a movement that departs in so many hours, with two points to be heard from."""
    told = {
        "reference": reference,
        "since": at(departs),
        "until": at(departs + lasts),
        "origin_district": "Karachi",
        "destination_district": "Thatta",
        "districts": ["Karachi", "Malir", "Thatta"],
        "persons": 4,
        "vehicles": 2,
        "organisation": "CANARY-ORGANISATION",
    }
    return {
        "notice": told | notice,
        "itinerary": {
            "origin": {"place": "CANARY-AIRPORT", "latitude": 24.9, "longitude": 67.17},
            "destination": {"place": "CANARY-PORT", "latitude": 24.78, "longitude": 67.33},
            "depart": at(departs),
            "arrive": at(departs + lasts),
            "route": {
                "coordinates": [[67.17, 24.9], [67.25, 24.85], [67.33, 24.78]],
                "distance_m": 24_000,
                "duration_s": 2_400,
                "schematic": True,
            },
        },
        "vehicles": {"vehicles": [{"plate": "CANARY-PLATE"}]},
        "check_plan": {
            "points": [
                {"name": "Gate", "due": at(departs + 0.25 * lasts)},
                {"name": "Bridge", "due": at(departs + 0.75 * lasts)},
            ],
            "window_minutes": 10,
            "allowance_minutes": 15,
        },
        "contact": {"name": "CANARY-CONTACT"},
    }


def receive(
    kind_name: str, parts: dict[str, Any], about: str = "", state: str = "", released: tuple[str, ...] = ()
) -> str:
    """A record of the Partner as it is stored on arrival, with the parts that were released; returns its id."""
    kind = all_kinds()[kind_name]
    record = uuid4().hex
    given = {name: value for name, value in parts.items() if not released or name in released}
    texts = [disclosure(n, given[n]) if n in given else None for n in kind.part_names]
    levels = [kind.default_levels()[n] if n in given else 3 for n in kind.part_names]

    def store(tx: Tx) -> dict[str, Any]:
        header = {
            "record": record,
            "version": 1,
            "kind": kind_name,
            "originator": "cn",
            "agreement": "pk-cn",
            "about": about,
            "act": "received",
            "at": iso(tx.now),
            "received": iso(tx.now),
            "state": state or kind.states[0],
            "levels": levels,
            "releasable": [tx.home.party],
            "orcon": False,
            "assigned": [],
            "opens": "",
            "clauses": [],
            "parts": [digest(t if t else disclosure("absent", None)) for t in texts],
            "commitment": "",
            "sent_as": record,
            "feed_index": 0,
            "feed_leaf": "",
        }
        tx.append("received", header, texts, levels)
        return {}

    writer = here.door().writer
    assert writer is not None
    assert writer._transact([store]) == [{}]
    return record


def officer(
    role: str, party: str = "pk", clearance: int = 3, units: tuple[str, ...] = ()
) -> tuple[Client, Subject]:
    """A browser signed in as somebody with one role, and that person's principal."""
    account = Account.objects.create(username=f"{role}{time.monotonic_ns()}", clearance=clearance)
    assignment = {
        "person": account.person,
        "account_name": account.username,
        "role": role,
        "clearance": clearance,
    }
    if units:
        assignment["units"] = list(units)
    commit(system_subject(party), Draft("role_assignment", {"assignment": assignment}, releasable=()))
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    return client, Subject(party, frozenset({role}), clearance, frozenset(units), frozenset(), account.person)


def said(client: Client, path: str = "/journeys/", **headers: str) -> str:
    answer = client.get(path, headers=headers or None)
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode()
