"""The registry between two nodes: figures and bearers cross, people do not, and an answer finds its grievance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.conftest import _own_connections, made, nodes, world  # noqa: F401
from exchange.nodes import Node, agree, pull
from registry.people import hour
from safeconduct.node.signing_here import propose
from safeconduct.records.principals import system_subject
from safeconduct.registry import rules

_GRANTS = (
    ("host", "site", ["identity", "place"], "partner"),
    ("host", "headcount", ["figure"], "partner"),
    ("host", "grievance", ["matter"], "partner"),
    ("partner", "protection", ["bearer"], "host"),
    ("partner", "answer", ["reply"], "host"),
)


def clause() -> str:
    head = ["+++", 'clause = "3"', "version = 1", 'title = "Register"', 'texts = ["en"]']
    text = ["## en"]
    for number, (to, kind, parts, whose) in enumerate(_GRANTS, 1):
        head += [
            "[[grant]]",
            f'id = "3.{number}"',
            f'to = "{to}"',
            'roles = ["coordinator"]',
            'may = ["read", "disclose"]',
            f'kind = "{kind}"',
            f"parts = {json.dumps(parts)}",
            f'whose = "{whose}"',
            'up_to = "RESTRICTED"',
        ]
        text.append(f"3.{number} The {whose} shall disclose {' and '.join(parts)} of its {kind}, to be read.")
    return "\n".join([*head, "+++", *text]) + "\n"


@pytest.fixture
def parties(nodes: tuple[Node, Node], world: Path) -> tuple[Node, Node]:  # noqa: F811
    host, partner = nodes
    file = world / "clause-3.md"
    file.write_text(clause())
    with host.active():
        propose("pk-cn", [file], host.door)
    agree(host, partner, world, "pk-cn", "3")
    return host, partner


def test_figures_cross_and_people_do_not(parties: tuple[Node, Node]) -> None:
    host, partner = parties
    with partner.active():
        system = system_subject("cn")
        site = rules.enter(
            system, "site", {"identity": {"name": "Port"}, "place": {"district": "Gwadar"}}, door=partner.door
        ).record
        canary = "CANARY-NAME"
        who = rules.enter(
            system,
            "person",
            {"name": {"name": canary}, "document": {"passport": "CANARYPASS"}},
            door=partner.door,
        ).record
        rules.arrive(system, who, site, hour(1), door=partner.door)
        rules.return_headcount(system, site, 1, hour(2), basis="named", door=partner.door)
    pull(host, partner)
    raw = partner.feed("pk").bundle(0, 1000).pack()
    assert b"CANARY" not in raw and who.encode() not in raw
    assert not host.of_kind("person", "cn") and not host.of_kind("presence", "cn")
    (received,) = host.of_kind("site", "cn")
    (figure,) = host.of_kind("headcount", "cn")
    assert figure.about == received.id and figure.values()["figure"]["count"] == 1


def test_the_duty_bearer_of_the_other_party_s_site(parties: tuple[Node, Node]) -> None:
    host, partner = parties
    with partner.active():
        system = system_subject("cn")
        parts = {"identity": {"name": "Port"}, "place": {"district": "Gwadar"}}
        site = rules.enter(system, "site", parts, door=partner.door).record
    pull(host, partner)
    (received,) = host.of_kind("site", "cn")
    bearer = {"unit": "gwadar-police", "unit_name": "Gwadar Police"}
    guard = {"forces": [{"force": "police", "count": 7}]}
    host.commit("protection", {"bearer": bearer, "guard_force": guard}, about=received.id)
    pull(partner, host)
    (protection,) = partner.of_kind("protection", "pk")
    assert protection.about == site
    assert set(protection.values()) == {"bearer"}, "the guard force is not in this agreement"


def test_an_answer_of_the_other_party_answers_the_grievance(parties: tuple[Node, Node]) -> None:
    host, partner = parties
    with partner.active():
        system = system_subject("cn")
        matter = {"title": "No leave after dark", "measure": "curfew", "ground": "It is safe"}
        grievance = rules.raise_grievance(system, matter, "Li Na", door=partner.door).record
        about_me = {"title": "Wrong", "measure": "record", "ground": "CANARY"}
        rules.raise_grievance(system, about_me, "Li Na", door=partner.door)
    pull(host, partner)
    (received,) = host.of_kind("grievance", "cn")
    assert set(received.values()) == {"matter"}, (
        "who raised it stays behind, and what is held on a person too"
    )
    with host.active():
        rules.answer_grievance(system_subject("pk"), received.id, "From Monday on.", "lifted", door=host.door)
    pull(partner, host)
    row = partner.row(grievance)
    assert row is not None and row.state == "answered"
    pull(host, partner)
    again = host.row(received.id)
    assert again is not None and again.state == "answered"
