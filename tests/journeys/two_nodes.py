"""Host and Partner with the demonstration's clauses agreed and its house rules in force."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import ready
from exchange.nodes import Node, agree, create, key_file, opened, own_connections, pair, pull
from safeconduct.agreement.policy import Subject
from safeconduct.node.signing_here import act, propose
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject

HOUR = 3600.0


def made(prepared: Path, *clauses: str) -> Path:
    """As `make`, once in a run for the same clauses; to be copied."""

    def fill(folder: Path) -> None:
        with own_connections():
            make(prepared, folder, clauses)

    return ready.shared("-".join(["two-nodes", *clauses]), fill)


def make(prepared: Path, folder: Path, clauses: Sequence[str]) -> None:
    """Two homes in a folder, paired, these clauses of the demonstration agreed, to be copied for each test."""
    pair(create(folder, prepared, "pk", "host"), create(folder, prepared, "cn", "partner"), "pk-cn")
    host, partner = Node(folder / "pk"), Node(folder / "cn")
    with as_file(files("safeconduct.node.demonstration")) as demonstration:
        with host.active():
            found = [(demonstration / "agreement").glob(f"{int(number):02}-*.md") for number in clauses]
            propose("pk-cn", [path for each in found for path in each], host.door)
        for number in clauses:
            agree(host, partner, folder, "pk-cn", number)
        for node, side in ((host, "host"), (partner, "partner")):
            with node.active():
                house = propose("house", sorted((demonstration / "house" / side).glob("*.md")), node.door)
                for clause in house:
                    act("house", clause.number, "agreed", key_file(folder, node.home.party), None, node.door)
    host.close()
    partner.close()


def person(node: Node, name: str, role: str, *units: str, clearance: int = 3) -> Subject:
    """Somebody whom a record gives this role."""
    party = node.home.party
    assignment = {
        "person": name, "account_name": name, "role": role, "clearance": clearance, "units": list(units),
    }  # fmt: skip
    with node.active():
        draft = Draft("role_assignment", {"assignment": assignment}, releasable=())
        commit(system_subject(party), draft, door=node.door)
    return Subject(party, frozenset({role}), clearance, frozenset(units), frozenset(), name)


def moment(hours: float) -> str:
    """So many hours from now."""
    return datetime.fromtimestamp(time.time() + hours * HOUR, UTC).isoformat(timespec="seconds")


def parts(hours: float = 60, **notice: Any) -> dict[str, Any]:
    """A movement that departs so many hours from now and takes eight."""
    return {
        "notice": {
            "reference": "GP-7",
            "since": moment(hours),
            "until": moment(hours + 9),
            "origin_district": "Karachi",
            "destination_district": "Gwadar",
            "persons": 3,
            **notice,
        },
        "itinerary": {
            "origin": {"place": "Karachi", "latitude": 24.86, "longitude": 67.01},
            "destination": {"place": "Gwadar", "latitude": 25.12, "longitude": 62.33},
            "depart": moment(hours),
            "arrive": moment(hours + 8),
        },
        "vehicles": {"vehicles": [{"plate": "BC-1207", "type": "Van"}]},
        "check_plan": {"points": [{"name": "Ormara", "due": moment(hours + 4)}]},
    }


def leg(unit: str, start: str, end: str, since: float, until: float, **escort: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "course": {
            "sequence": 1, "from_place": start, "to_place": end, "depart": moment(since), "arrive": moment(until),
        },
        "duty": {"unit": unit, "unit_name": unit.replace("-", " ")},
    }  # fmt: skip
    return {**found, "escort": escort} if escort else found


__all__ = ["Node", "leg", "made", "moment", "opened", "own_connections", "parts", "person", "pull"]
