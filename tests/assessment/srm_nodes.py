"""What the people of two nodes assess."""

from __future__ import annotations

from typing import Any

from django.test import Client

from journeys.two_nodes import Node, parts, person, pull
from safeconduct.agreement.policy import Subject
from safeconduct.assessment import srm_rules as rules
from safeconduct.records.commit import Draft, commit
from safeconduct.records.principals import system_subject
from safeconduct.records.rows import RowView

Nodes = tuple[Node, Node]
SITE: dict[str, Any] = {
    "identity": {"name": "Port power station", "category": "work_site"},
    "place": {"latitude": 24.8, "longitude": 67.1, "district": "Karachi"},
}
PERIOD = {"since": "2026-01-01", "until": "2099-01-01"}
PROGRAMME = {"activity": "Building the second unit", "criticality": "PC2", "persons": 140}
DECISION = {
    "outcome": "control", "reason": "The gate can be covered", "review": "2098-06-01", "expires": "2098-12-31",
}  # fmt: skip
BOMB: dict[str, Any] = {
    "category": "terrorism",
    "event": "vehicle_bomb",
    "likelihood": "likely",
    "impact": "critical",
    "further": "Move the search away from the gate",
    "residual_likelihood": "unlikely",
    "residual_impact": "severe",
    "vulnerabilities": "Buses wait at the gate",
    "present": "Guards, a boom",
}
CRASH: dict[str, Any] = {
    "category": "hazard",
    "event": "road_crash",
    "likelihood": "moderately_likely",
    "impact": "severe",
    "residual_likelihood": "moderately_likely",
    "residual_impact": "severe",
}


def both(host: Node, partner: Node) -> None:
    """Each has what the other released."""
    pull(partner, host)
    pull(host, partner)
    pull(partner, host)


def one(node: Node, kind: str, originator: str) -> RowView:
    (found,) = node.of_kind(kind, originator)
    return found


def site_of(host: Node, partner: Node) -> tuple[str, str]:
    """A site of the Partner: (its record on the Host's node, on the Partner's)."""
    with partner.active():
        draft = Draft("site", SITE, state="active")
        made = commit(system_subject("cn"), draft, door=partner.door).record
    pull(host, partner)
    return one(host, "site", "cn").id, made


def movement_of(host: Node, partner: Node) -> tuple[str, str]:
    with partner.active():
        made = commit(system_subject("cn"), Draft("movement", parts()), door=partner.door).record
    pull(host, partner)
    return one(host, "movement", "cn").id, made


def drafted(
    author: Subject, about: str, *threats: dict[str, Any], title: str = "Gate and road"
) -> tuple[str, int]:
    """(record, version) of a draft with its programme and these threats, on the node that is active."""
    scope = {"subject": "site", "title": title, **PERIOD}
    record = rules.begin(author, scope, about).record
    rules.write_part(author, record, 1, "programme", PROGRAMME)
    version = 2
    for threat in threats or (BOMB, CRASH):
        version = rules.rate(author, record, version, threat).version
    return record, version


def approved(
    author: Subject, approver: Subject, about: str, *threats: dict[str, Any], **decision: Any
) -> str:
    """An assessment that one proposed and the other approved, on the node that is active."""
    record, version = drafted(author, about, *threats)
    rules.propose(author, record, version, {**DECISION, **decision}, "Khan")
    rules.approve(approver, record, version + 1, "", "Commander")
    return record


def client_of(node: Node, who: Subject) -> Client:
    """A browser in which this person is signed in; used while the node is active."""
    from safeconduct.people.models import Account

    name = f"{node.home.party}-{who.person}"
    account = Account.objects.filter(username=name).first() or Account.objects.create_account(
        name, clearance=who.clearance
    )
    account.person = who.person
    account.save(update_fields=["person"])
    client = Client(SERVER_NAME="localhost")
    client.force_login(account)
    return client


__all__ = ["Node", "Nodes", "person", "pull"]
