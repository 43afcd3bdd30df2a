"""Readings of the other party's records cross to that party by clause, in its own terms, and to nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.agreement.policy import Subject
from safeconduct.exchange.passings import given, taken, tells
from safeconduct.node.signing_here import propose
from safeconduct.records import here
from safeconduct.records.find import Query, find
from safeconduct.records.rebuild import fingerprint, rebuild
from safeconduct.records.release import release
from safeconduct.records.shown import related, shown

from .nodes import INCIDENT, Node, agree, pull
from .test_leaks import traces

CLAUSE = """+++
clause  = "3"
version = 1
title   = "Readings"
texts   = ["en"]

[[grant]]
id     = "3.1"
to     = "both"
roles  = ["coordinator", "watch_officer"]
may    = ["read", "disclose", "export"]
kind   = "incident"
parts  = ["people"]
whose  = "other"
up_to  = "SECRET"
logged = ["read", "export"]

[[grant]]
id     = "3.2"
to     = "both"
roles  = ["coordinator", "auditor"]
may    = ["read", "disclose", "export"]
kind   = "reading"
parts  = ["what", "who"]
whose  = "other"
up_to  = "CONFIDENTIAL"
+++
## en

3.1 Each Party shall disclose to the other what its incidents say of people, each reading being logged.

3.2 Each Party shall disclose its readings to the other.
"""
HOUSE = """+++
clause  = "H1"
version = 1
title   = "Own records"
texts   = ["en"]

[[grant]]
id     = "H1.1"
to     = "own"
roles  = ["coordinator", "auditor", "watch_officer"]
may    = ["read", "export", "write"]
kind   = "incident"
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"
logged = ["read", "export"]

[[grant]]
id     = "H1.2"
to     = "own"
roles  = ["auditor"]
may    = ["read", "export"]
kind   = "reading"
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"
+++
## en

H1.1 Our people may read, write and export our incidents, each reading being logged.

H1.2 Auditors may read and export our readings.
"""
FELLOW = "Zq7FellowX"


def person(node: Node, name: str, *roles: str) -> Subject:
    for role in roles:
        assignment = {"person": name, "account_name": name, "role": role, "clearance": 3}
        node.commit("role_assignment", {"assignment": assignment}, releasable=[])
    return Subject(node.home.party, frozenset(roles), 3, frozenset(), frozenset(), name)


def with_readings(host: Node, partner: Node, folder: Path, agreement: str) -> None:
    """Agree on the clause about readings."""
    file = folder / "clause-3.md"
    file.write_text(CLAUSE)
    with host.active():
        propose(agreement, [file], host.door)
    agree(host, partner, folder, agreement, "3")


def with_house_rules(node: Node, folder: Path) -> None:
    from safeconduct.node.signing_here import act

    from .nodes import key_file

    file = folder / "clause-h1.md"
    file.write_text(HOUSE)
    with node.active():
        (clause,) = propose("house", [file], node.door)
        act("house", clause.number, "agreed", key_file(folder, node.home.party), None, node.door)


@pytest.fixture
def three(world: Path) -> Iterator[tuple[Node, Node, Node]]:
    """The host with two partners who do not know of each other; all readings cross by clause."""
    host, first, second = Node(world / "pk"), Node(world / "cn"), Node(world / "xx")
    with_readings(host, first, world, "pk-cn")
    with_readings(host, second, world, "pk-xx")
    for node in (host, first, second):
        with_house_rules(node, world)
    yield host, first, second
    for node in (second, first, host):
        node.close()


def of_cn(node: Node, sender: Node) -> list[dict[str, Any]]:
    return [row.values() for row in node.of_kind("reading", sender.home.party)]


def test_a_reading_names_the_record_as_its_originator_knows_it(three: tuple[Node, Node, Node]) -> None:
    host, partner, _ = three
    made = host.commit("incident", INCIDENT, levels={"people": 1})
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    reader = person(partner, "p-wang", "coordinator")
    with partner.active():
        assert release(reader, row.id).parts["people"]
    pull(host, partner)
    (told,) = host.of_kind("reading", "cn")
    assert told.about == made.record
    (item,) = told.values()["what"]["records"]
    assert item["parts"] == ["people"] and told.values()["who"] == {
        "person": "p-wang",
        "roles": ["coordinator"],
    }
    auditor = person(host, "p-audit", "auditor")
    coordinator = person(host, "p-coord", "coordinator")
    with host.active():
        (line,) = shown(coordinator, [made.record], 4e9)
        assert (line.record, line.version, line.parts) == (made.record, made.version, ("people",))
        assert line.reading.originator == "cn" and line.at.microsecond % 1000 == 0
        assert abs(line.at.timestamp() - host.clock()) < 60, "to the second, not to the day"
        assert shown(coordinator, [made.record], line.at.timestamp()) == [], "strictly before"
        assert [r.id for r in related(auditor, made.record)] == [made.record]


def test_a_list_and_an_export_are_told_too_and_each_record_is_found(three: tuple[Node, Node, Node]) -> None:
    host, partner, _ = three
    made = [host.commit("incident", INCIDENT, levels={"people": 1}).record for _ in range(4)]
    pull(partner, host)
    reader = person(partner, "p-wang", "coordinator")
    with partner.active():
        page = find(reader, Query("incident", originator="pk", parts=("summary", "people")))
        assert len(page.records) == 4
        release(reader, page.records[0].id, "export")
    pull(host, partner)
    coordinator = person(host, "p-coord", "coordinator")
    with host.active():
        lines = shown(coordinator, made, 4e9)
        assert {line.record for line in lines if line.reading.parts["what"]["act"] == "read"} == set(made)
        assert [line.reading.parts["what"]["act"] for line in lines].count("export") == 1


def test_nothing_of_another_partner_or_of_own_staff_crosses(three: tuple[Node, Node, Node]) -> None:
    host, first, second = three
    shared = host.commit("incident", INCIDENT, levels={"people": 1})
    hidden = host.commit("incident", INCIDENT, releasable=[])
    theirs = second.commit("incident", INCIDENT, levels={"people": 1})
    mine = first.commit("incident", INCIDENT, levels={"people": 1})
    pull(first, host)
    pull(second, host)
    pull(host, first)
    pull(host, second)
    reader = person(host, FELLOW, "coordinator")
    with host.active():
        for query in (Query("incident", limit=100), Query("incident", originator="xx")):
            find(reader, query)
        release(reader, hidden.record)
        release(reader, shared.record)
        (local,) = host.of_kind("incident", "xx")
        release(reader, local.id)
    sizes = host.feed("cn").size
    pull(first, host)
    pull(second, host)
    raw = host.feed("cn").bundle(0, 1000).pack()
    (known,) = first.of_kind("reading", "pk")
    what = known.values()["what"]
    assert what["of"] == "cn" and [i["record"] for i in what["records"]] == [
        row.id for row in host.of_kind("incident", "cn")
    ]
    assert known.about == mine.record and sizes
    strangers = [shared.record, hidden.record, local.id, "xx", "pk-xx"]
    received = {row.header for row in host.of_kind("incident", "xx")}
    for text in traces(raw):
        for secret in [hidden.record, local.id, theirs.record, *received]:
            assert secret not in text
    assert all(secret not in json.dumps(known.values()) for secret in strangers)
    assert json.dumps(known.values()).count(FELLOW) == 1, "who read the partner's own record is told"


def test_without_a_clause_no_reading_crosses_and_the_clause_brings_the_earlier_ones(
    nodes: tuple[Node, Node], world: Path
) -> None:
    host, partner = nodes
    made = host.commit("incident", INCIDENT)
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    header = partner.in_tx(lambda tx: tx.row(row.id).ledger_index)
    shown_part = {"record": row.id, "version": 1, "parts": ["summary"], "index": header}
    items = [{"kind": "incident", "of": "pk", "records": [shown_part]}]
    before = partner.feed("pk").size
    partner.system("note", act="read", policy=0, items=items)
    assert partner.feed("pk").size == before
    with host.active():
        assert not tells(here.state().policy, "pk", "cn", "reading", 0.0)
    with_readings(host, partner, world, "pk-cn")
    pull(host, partner)
    (told,) = host.of_kind("reading", "cn")
    assert told.about == made.record
    with host.active():
        assert tells(here.state().policy, "pk", "cn", "reading", 0.0)


def test_a_partner_cannot_tell_of_a_record_that_it_was_never_given(three: tuple[Node, Node, Node]) -> None:
    host, partner, _ = three
    hidden = host.commit("incident", INCIDENT, releasable=[])
    shared = host.commit("incident", INCIDENT)
    pull(partner, host)
    lie = {
        "act": "read",
        "of": "pk",
        "kind": "incident",
        "at": "2024-10-06T23:00:00Z",
        "records": [
            {"record": hidden.record, "version": 1, "parts": ["summary"], "sent_as": hidden.record},
            {"record": shared.record, "version": 1, "parts": ["summary"], "sent_as": "f" * 32},
        ],
    }
    partner.commit(
        "reading", {"what": lie, "who": {"person": "x", "roles": ["coordinator"]}}, releasable=["pk"]
    )
    pull(host, partner)
    coordinator = person(host, "p-coord", "coordinator")
    with host.active():
        assert shown(coordinator, [hidden.record, shared.record], 4e9) == []


def test_what_passed_is_listed_on_both_sides_and_made_again_alike(three: tuple[Node, Node, Node]) -> None:
    host, partner, _ = three
    made = host.commit("incident", INCIDENT)
    host.commit("incident", {"where": {"place": "Elsewhere"}}, record=made.record, expected=1, state="update")
    pull(partner, host)
    (row,) = partner.of_kind("incident", "pk")
    with host.active():
        out = given([made.record], 4e9)
        assert {(p.partner, p.version) for p in out} == {("cn", 1), ("cn", 2), ("xx", 1), ("xx", 2)}
        assert all(p.clauses and "summary" in p.parts for p in out)
    with partner.active():
        came = taken([row.id], 4e9)
        assert [(p.partner, p.version, p.parts) for p in came] == [
            ("pk", 1, ("summary", "when", "where", "people")),
            ("pk", 2, ("summary", "when", "where", "people")),
        ]
        reader = person(partner, "p-wang", "coordinator")
        release(reader, row.id)
    pull(host, partner)
    for node in (host, partner):
        with node.active():
            before = fingerprint()
            rebuild(node.writer)
            assert fingerprint() == before
