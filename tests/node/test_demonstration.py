"""The demonstration's content: clauses that load, promises that hold, and a list that fits the kinds."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

import ready
from conftest import using
from node.content import CONTENT, STATUS, VOCABULARY, agreement, policy
from safeconduct.agreement.clauses import load_folder
from safeconduct.agreement.policy import Item, Policy, Subject
from safeconduct.agreement.vocabulary import ACTS, ROLES
from safeconduct.incidents.kinds import CLAIM, INCIDENT
from safeconduct.node.demonstration import live
from safeconduct.node.demonstration.register import register_partner
from safeconduct.node.demonstration.schematic import lay_roads
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject

DEPLOYMENT = VOCABULARY.kinds["deployment"]


def incident(originator: str, state: str = "closed", **levels: int) -> Item:
    default = INCIDENT.default_levels() | levels
    packed = sum(default[name] << 2 * INCIDENT.bit(name) for name in INCIDENT.part_names)
    return Item("r1", "incident", originator, state, packed, frozenset({"pk", "cn"}))


def reader(party: str, role: str) -> Subject:
    return Subject(party, frozenset({role}), clearance=3)


def visible(decides: Policy, subject: Subject, item: Item, act: str = "read") -> set[str]:
    mask = decides.mask(subject, act, item, now=0.0)
    return {name for name in INCIDENT.part_names if mask >> INCIDENT.bit(name) & 1}


@pytest.mark.parametrize("folder", ["agreement", "house/host", "house/partner"])
def test_every_sentence_stands_in_every_language(folder: str) -> None:
    for clause in load_folder(CONTENT / folder, VOCABULARY):
        assert set(clause.titles) == set(clause.languages)
        for number, sentence in clause.sentences.items():
            assert set(sentence) == set(clause.languages), number


def test_every_clause_has_a_status_and_three_languages() -> None:
    clauses = agreement()
    assert {clause.number for clause in clauses} == set(STATUS)
    assert all(clause.languages == ("en", "ur", "zh-hans") for clause in clauses)
    assert {number for number, word in STATUS.items() if word == "declined"} == {"9", "10", "11"}
    dispatch = next(clause for clause in clauses if clause.number == "11")
    assert not dispatch.grants


def test_no_partner_commands_a_deployment_unless_clause_9_is_agreed() -> None:
    def commands(decides: Policy) -> bool:
        return any(
            decides.decide(
                reader("cn", role),
                "command",
                Item("d1", "deployment", owner, state, 0, frozenset({"pk", "cn"})),
                part,
                0.0,
            ).permit
            for role, owner, state, part in product(ROLES, ("pk", "cn"), DEPLOYMENT.states, DEPLOYMENT.parts)
        )

    assert not commands(policy(clause_10="agreed", clause_11="agreed"))
    assert commands(policy(clause_9="agreed"))


def test_what_crosses_of_an_incident() -> None:
    decides = policy()
    mask, _ = decides.disclosable(incident("pk"), "cn", 0.0)
    crossing = {name for name in INCIDENT.part_names if mask >> INCIDENT.bit(name) & 1}
    assert crossing == {"summary", "when", "where", "people", "method"}
    early = decides.disclosable(incident("pk", "immediate"), "cn", 0.0)[0]
    assert not early >> INCIDENT.bit("method") & 1
    secret = decides.disclosable(incident("pk", people=3), "cn", 0.0)[0]
    assert not secret >> INCIDENT.bit("people") & 1


def test_who_reads_what_of_the_other_partys_incident() -> None:
    decides = policy()
    assert visible(decides, reader("cn", "liaison"), incident("pk")) == {"summary", "when", "where", "people"}
    assert visible(decides, reader("cn", "analyst"), incident("pk")) == {"summary", "when", "where", "method"}
    assert visible(decides, reader("cn", "observer"), incident("pk")) == {"summary", "when"}
    assert not visible(decides, reader("cn", "observer"), incident("pk", "update"))
    assert not visible(decides, reader("cn", "security_manager"), incident("pk"))
    people = 1 << INCIDENT.bit("people")
    assert decides.logged(reader("cn", "liaison"), "read", incident("pk"), 0.0) == people
    assert decides.logged(reader("pk", "commander"), "read", incident("cn"), 0.0) == people


def test_own_roles_have_no_more_than_they_need() -> None:
    decides = policy()
    for party in ("pk", "cn"):
        full = visible(decides, reader(party, "coordinator"), incident(party))
        assert full == set(INCIDENT.part_names)
        assert "people" not in visible(decides, reader(party, "analyst"), incident(party))
        assert visible(decides, reader(party, "signatory"), incident(party)) == {"summary", "when"}
        for act in ACTS:
            assert not visible(decides, reader(party, "administrator"), incident(party), act)


def test_the_list_of_attacks_fits_the_kinds() -> None:
    listed = tomllib.loads((CONTENT / "attacks.toml").read_text())
    attacks = listed["attack"]
    assert len({attack["id"] for attack in attacks}) == len(attacks) == 20
    for attack in attacks:
        hour = f"T{attack['local_time']}{listed['utc_offset']}" if "local_time" in attack else ""
        where = ("place", "district", "province", "latitude", "longitude", "geo_precision")
        INCIDENT.validate(
            {
                "summary": {
                    "title": attack["title"],
                    "narrative": attack["summary"],
                    "category": "attack",
                    "target_class": attack["target_class"],
                },
                "when": {"start": attack["date"] + hour, "time_precision": attack["time_precision"]},
                "where": {name: attack[name] for name in where} | {"country": listed["country"]},
                "method": {"type": attack["method"], "detail": attack["method_detail"]},
            }
        )
        assert round(attack["latitude"], 2) == attack["latitude"]
        assert attack["claims"]
        for claim in attack["claims"]:
            figure = {name: claim[name] for name in ("what", "low", "best", "high", "unit") if name in claim}
            source = {name: claim[name] for name in ("outlet", "party", "reliability", "credibility")}
            CLAIM.validate({"figure": figure, "source": source | {"published": claim["date"]}})
            assert claim["date"] >= attack["date"]


def test_disputed_figures_stand_side_by_side() -> None:
    attacks = tomllib.loads((CONTENT / "attacks.toml").read_text())["attack"]
    airport = next(attack for attack in attacks if attack["id"] == "2024-10-06-karachi-airport")
    injured = {claim.get("best") for claim in airport["claims"] if claim["what"] == "injured"}
    assert {10, 16, 17} <= injured
    assert {claim["party"] for claim in airport["claims"]} == {"host", "partner", "press"}


@pytest.mark.both
def test_its_day_goes_on_and_leaves_alone_what_somebody_else_notified(
    ruled: Callable[..., Path], database: str, tmp_path: Path
) -> None:
    home, now = Home.load(ready.copy(ruled("partner", database), tmp_path / "home")), datetime.now(UTC)
    lay_roads(home)
    with using(home), Door.open(home) as door, here.at(home, door):
        register_partner(home.party, "traveller", door)
        depart = (now + timedelta(hours=2)).isoformat(timespec="seconds")
        towns = {"origin_district": "Gwadar", "destination_district": "Turbat"}
        notice = {"reference": "GP-7", "since": depart, "until": depart, "persons": 3, **towns}
        commit(system_subject(home.party), Draft("movement", {"notice": notice}, state="notified"), door=door)
        for given in range(1, 4):
            live.travel(home, door, now)
            going = live.journeys()
            assert [each.reference for each in going] == [f"DEMO-{n:02d}" for n in range(1, given + 1)]
            assert all("itinerary" in each.parts for each in going)
