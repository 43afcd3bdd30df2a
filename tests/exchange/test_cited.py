"""A partner that sends what no signed clause permits: verified, let go, named in the ledger; the feed goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from safeconduct.ledger.parts import digest, disclosure
from safeconduct.records.kinds import kind

from .forging import Forger, entry
from .nodes import FIRST, INCIDENT, Node, pull, sign

Pair = tuple[Node, Node]


@pytest.fixture
def forger(nodes: Pair, tmp_path: Path) -> Forger:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    pull(partner, host)
    return Forger(host, tmp_path)


def taken(partner: Node, forger: Forger) -> str:
    return str(partner.ingest("pk", forger.bundle(partner.have("pk")))["status"])


def held(partner: Node) -> list[tuple[int, dict[str, Any]]]:
    """(version, parts) of the records that the host sent, the first one apart."""
    rows = partner.writer.tables.all(
        "SELECT version, parts FROM records_row WHERE kind = 'incident' AND originator = 'pk' ORDER BY born",
        [],
    )
    return [(version, json.loads(parts)) for version, parts in rows][1:]


@pytest.mark.parametrize(
    "changes",
    [
        {"clauses": []},
        {"clauses": ["pk-cn/99.1"]},
        {"clauses": ["pk-cn/1"]},
        {"labels": {"summary": 3}},
    ],
    ids=[
        "no clause cited",
        "a clause nobody signed",
        "a clause and no sentence of it",
        "above what it permits",
    ],
)
def test_what_no_signed_clause_permits_is_let_go_and_what_follows_is_taken(
    nodes: Pair, forger: Forger, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    _, partner = nodes
    forger.entries += [entry(**changes), entry(record="ef" * 16)]
    assert taken(partner, forger) == "ok"
    (without, nothing), (_version, kept) = held(partner)
    assert without == 1 and not any(nothing.values()) and kept["summary"] == INCIDENT["summary"]
    assert "link_unpermitted" in caplog.text and INCIDENT["summary"]["title"] not in caplog.text
    last = partner.writer.log.size - 2
    noted = json.loads(partner.writer.log.entry(last).leaf)
    assert noted["unpermitted"] == ["summary"]
    forger.entries.append(entry(version=2))
    assert taken(partner, forger) == "ok", "the next version of the same record is taken, too"
    assert held(partner)[0][1]["summary"] == INCIDENT["summary"]


def test_a_part_that_its_clause_does_not_name_goes_and_the_others_stay(nodes: Pair, forger: Forger) -> None:
    _, partner = nodes
    shape = kind("incident")
    people = disclosure("people", INCIDENT["people"], "s" * 24)
    summary = disclosure("summary", INCIDENT["summary"], "a" * 24)
    digests = [digest(disclosure(f"p{n}", None, f"{n}")) for n in range(len(shape.part_names))]
    digests[0], digests[shape.bit("people")] = digest(summary), digest(people)
    parts = ((0, summary), (shape.bit("people"), people))
    forger.entries.append(entry(digests=digests, labels={"summary": 1, "people": 1}, parts=parts))
    assert taken(partner, forger) == "ok"
    ((_version, kept),) = held(partner)
    assert kept["summary"] == INCIDENT["summary"] and not kept.get("people")


def test_what_was_disclosed_before_a_suspension_is_taken_after_it(nodes: Pair, world: Path) -> None:
    host, partner = nodes
    host.commit("incident", INCIDENT)
    sign(partner, world, "pk-cn", FIRST, "suspended")
    pull(partner, host)
    rows = partner.of_kind("incident", "pk")
    assert [row.values()["summary"]["title"] for row in rows] == [INCIDENT["summary"]["title"]]
