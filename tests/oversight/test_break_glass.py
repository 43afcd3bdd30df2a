"""Breaking the glass: one record, with a reason, for a time, in sight of both parties' auditors until each looked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.conftest import _own_connections, made, world  # noqa: F401
from exchange.nodes import INCIDENT, Node, agree, key_file, pull
from exchange.test_readings import with_readings
from safeconduct.agreement.clauses import ClauseError, parse_clause
from safeconduct.agreement.policy import Subject
from safeconduct.node.signing_here import act, propose
from safeconduct.oversight import emergency
from safeconduct.records.break_glass import DAY, MOST_A_DAY
from safeconduct.records.commit import Draft, commit
from safeconduct.records.kinds import vocabulary
from safeconduct.records.principals import subject_of
from safeconduct.records.refusals import Malformed, NotFound, Refused
from safeconduct.records.release import release

from .two_readers import somebody

CLAUSE = """+++
clause  = "7"
version = 1
title   = "Emergencies"
texts   = ["en"]

[[grant]]
id     = "7.1"
to     = "both"
roles  = ["commander"]
may    = ["read"]
kind   = ["incident", "claim"]
parts  = ["*"]
whose  = "other"
up_to  = "CONFIDENTIAL"
when   = ["emergency"]
logged = ["read"]

[[grant]]
id     = "7.2"
to     = "both"
roles  = ["auditor"]
may    = ["read", "disclose"]
kind   = "emergency_reading"
parts  = ["opened", "opened_by"]
whose  = "other"
up_to  = "CONFIDENTIAL"
+++
## en

7.1 In an emergency a commander of a Party may read an incident of the other, each reading being logged.

7.2 Each Party shall disclose to the other's auditors every such reading.
"""
HOUSE = """+++
clause  = "H1"
version = 1
title   = "Own"
texts   = ["en"]

[[grant]]
id     = "H1.1"
to     = "own"
roles  = ["auditor"]
may    = ["read"]
kind   = ["incident", "reading", "role_assignment", "emergency_reading", "emergency_review"]
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"

[[grant]]
id     = "H1.2"
to     = "own"
roles  = ["auditor"]
may    = ["write"]
kind   = "emergency_review"
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"

[[grant]]
id     = "H1.3"
to     = "own"
roles  = ["commander"]
may    = ["read"]
kind   = "emergency_reading"
parts  = ["*"]
whose  = "own"
up_to  = "SECRET"
when   = ["assigned"]
+++
## en

H1.1 Auditors may read who was shown what.

H1.2 Auditors may write that they have looked at an emergency reading.

H1.3 Whoever broke the glass may read what is on record of it.
"""
WHY = "The convoy does not answer and its commander is wounded."


@pytest.fixture
def both(bare_home: Any, world: Path) -> Iterator[tuple[Node, Node]]:  # noqa: F811
    host, partner = Node(world / "pk"), Node(world / "cn")
    with_readings(host, partner, world, "pk-cn")
    clause, house = world / "clause-7.md", world / "house.md"
    clause.write_text(CLAUSE)
    house.write_text(HOUSE)
    with host.active():
        propose("pk-cn", [clause], host.door)
    agree(host, partner, world, "pk-cn", "7")
    for node in (host, partner):
        with node.active():
            (rule,) = propose("house", [house], node.door)
            act("house", rule.number, "agreed", key_file(world, node.home.party), None, node.door)
    yield host, partner
    partner.close()
    host.close()


def now_of(node: Node, person: str) -> Subject:
    return subject_of(node.writer.tables, node.home, person, time.time() + node.offset)


def theirs(host: Node, partner: Node) -> str:
    """An incident of the host's as the partner's node has it: without the response, which was held back."""
    host.commit("incident", INCIDENT, releasable=["cn"])
    pull(partner, host)
    return partner.of_kind("incident", "pk")[-1].id


def told(node: Node, person: str) -> int:
    sql = "SELECT count(*) FROM notify_send WHERE person = ?"
    return int(node.writer.db.execute(sql, (person,)).fetchone()[0])


def reached(node: Node, person: str) -> None:
    address = {"channel": "email", "address": f"{person[:8]}@example.org"}
    node.commit("contact_point", {"address": address}, assigned=[person], releasable=[])


def test_what_is_here_opens_for_a_time_and_nothing_that_was_held_back(both: tuple[Node, Node]) -> None:
    host, partner = both
    record = theirs(host, partner)
    _, commander, _ = somebody(partner, "commander")
    with partner.active():
        with pytest.raises(NotFound):
            release(commander, record)
        made_id = emergency.break_glass(commander, record, WHY, 30)
        reader = now_of(partner, commander.person)
        assert reader.emergency == {record}
        found = release(reader, record)
        assert set(found.parts) == {"summary", "when", "where", "people"}, (
            "the response is not here to be read"
        )
        logged = "SELECT count(*) FROM records_shown WHERE record = %s"
        assert partner.writer.tables.one(logged, [record]) == (1,), "the reading is logged"
        for act_name in ("export", "write", "disclose"):
            with pytest.raises((Refused, NotFound)):
                release(reader, record, act_name)
        _, other, _ = somebody(partner, "commander")
        with pytest.raises(NotFound):
            release(now_of(partner, other.person), record)
        partner.offset = 30 * 60
        assert not now_of(partner, commander.person).emergency
        with pytest.raises(NotFound):
            release(now_of(partner, commander.person), record)
        row = partner.row(made_id)
        assert row is not None and row.about == record and row.releasable == "|pk|"


def test_one_at_a_time_and_ended_at_once(both: tuple[Node, Node]) -> None:
    host, partner = both
    first, second = theirs(host, partner), theirs(host, partner)
    _, commander, _ = somebody(partner, "commander")
    with partner.active():
        emergency.break_glass(commander, first, WHY, 30)
        with pytest.raises(Refused):
            emergency.break_glass(commander, second, WHY, 30)
        assert emergency.mend_glass(commander) and not emergency.mend_glass(commander)
        assert not now_of(partner, commander.person).emergency
        emergency.break_glass(commander, second, WHY, 30)
        assert now_of(partner, commander.person).emergency == {second}


def test_it_does_not_become_a_habit(both: tuple[Node, Node]) -> None:
    host, partner = both
    record = theirs(host, partner)
    _, commander, _ = somebody(partner, "commander")
    with partner.active():
        for _ in range(MOST_A_DAY):
            emergency.break_glass(commander, record, WHY, 1)
            emergency.mend_glass(commander)
        with pytest.raises(Refused):
            emergency.break_glass(commander, record, WHY, 1)
        partner.offset = DAY + 1
        emergency.break_glass(commander, record, WHY, 1)


def test_what_no_grant_opens_is_not_found_and_the_attempt_is_kept(both: tuple[Node, Node]) -> None:
    host, partner = both
    record = theirs(host, partner)
    own = partner.commit("incident", INCIDENT).record
    _, analyst, _ = somebody(partner, "analyst")
    _, commander, _ = somebody(partner, "commander")
    with partner.active():
        for subject, asked in ((analyst, record), (commander, own), (commander, "f" * 32), (commander, "")):
            with pytest.raises(NotFound):
                emergency.break_glass(subject, asked, WHY, 30)
        kept = partner.writer.tables.one("SELECT count(*) FROM records_refusal WHERE act = 'read'", [])
        assert kept == (4,)
        for reason, minutes in (("", 30), ("x" * 9, 30), ("x" * 1_001, 30), (WHY, 0), (WHY, 61), (WHY, True)):
            with pytest.raises(Malformed):
                emergency.break_glass(commander, record, reason, minutes)
        draft = Draft(
            "emergency_reading", {"opened_by": {"person": commander.person, "roles": []}}, about=record
        )
        with pytest.raises((Refused, NotFound)):
            commit(commander, draft)
        assert not now_of(partner, commander.person).emergency


def test_a_clearance_holds_in_an_emergency(both: tuple[Node, Node]) -> None:
    host, partner = both
    record = theirs(host, partner)
    part = {"person": "low", "account_name": "low", "role": "commander", "clearance": 0}
    partner.commit("role_assignment", {"assignment": part}, releasable=[])
    with partner.active(), pytest.raises(NotFound):
        emergency.break_glass(now_of(partner, "low"), record, WHY, 30)


def test_auditors_of_both_parties_are_told_and_each_must_look(both: tuple[Node, Node]) -> None:
    host, partner = both
    record = theirs(host, partner)
    browser, auditor, _ = somebody(partner, "auditor")
    _, second, _ = somebody(partner, "auditor")
    _, far, _ = somebody(host, "auditor")
    _, commander, _ = somebody(partner, "commander")
    for node, person in ((partner, auditor.person), (partner, second.person), (host, far.person)):
        reached(node, person)
    with partner.active():
        reading = emergency.break_glass(commander, record, WHY, 30)
        assert told(partner, auditor.person) == told(partner, second.person) == 1
        (line,) = emergency.emergencies(auditor, {})
        assert set(line.waits_for) == {auditor.person, second.person} and line.mine and line.open_now
        page = browser.get("/oversight/access/emergencies/").content.decode()
        assert WHY in page and "I have looked at it" in page
        banner = "emergency reading that you have not looked at"
        assert banner in browser.get("/oversight/ledger/").content.decode()
        answer = browser.post(f"/oversight/access/emergencies/{reading}/seen/", {"text": "I called him."})
        assert answer.status_code == 302
        assert banner not in browser.get("/oversight/ledger/").content.decode()
        (line,) = emergency.emergencies(second, {})
        assert line.waits_for == (second.person,) and line.reviews[0]["text"] == "I called him."
        with pytest.raises(Refused):
            emergency.review(auditor, reading, "again")
        forged = {"seen": {"by": second.person, "text": ""}}
        with pytest.raises(Refused):
            commit(auditor, Draft("emergency_review", forged, about=reading, releasable=()))
        assert emergency.waiting_for(second) == 1 and emergency.waiting_for(commander) == 0
    pull(host, partner)
    with host.active():
        assert told(host, far.person) == 1
        (line,) = emergency.emergencies(far, {})
        assert line.opened["reason"] == WHY and line.found.originator == "cn" and line.mine
        assert line.found.about == host.of_kind("incident", "pk")[-1].id, "named as its originator knows it"


def test_the_page_breaks_the_glass_and_is_not_there_for_others(both: tuple[Node, Node]) -> None:
    host, partner = both
    record = theirs(host, partner)
    browser, commander, _ = somebody(partner, "commander")
    analyst, _, _ = somebody(partner, "analyst")
    with partner.active():
        assert analyst.get("/oversight/break-glass/").status_code == 404
        form = {"record": record, "reason": WHY, "minutes": "15"}
        for wrong in ({"reason": "no"}, {"minutes": "600"}, {"record": ""}, {"record": "x" * 65}):
            assert browser.post("/oversight/break-glass/", {**form, **wrong}).status_code == 422
        assert browser.post("/oversight/break-glass/", {**form, "record": "f" * 32}).status_code == 404
        answer = browser.post("/oversight/break-glass/", form)
        assert (answer.status_code, answer["Location"]) == (302, f"/incidents/{record}/")
        assert "Bomb against a convoy" in browser.get(answer["Location"]).content.decode()
        assert "Open to you until" in browser.get("/oversight/break-glass/").content.decode()
        browser.post("/oversight/break-glass/end/")
        assert browser.get(answer["Location"]).status_code == 404
        assert browser.get("/oversight/access/emergencies/").status_code == 404
        assert now_of(partner, commander.person).emergency == frozenset()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('may    = ["read"]\nkind   = ["incident"', 'may    = ["read", "disclose"]\nkind   = ["incident"'),
        ('may    = ["read"]\nkind   = ["incident"', 'may    = ["read", "export"]\nkind   = ["incident"'),
        ('logged = ["read"]\n', ""),
    ],
)
def test_an_emergency_opens_reading_alone_and_logged(old: str, new: str) -> None:
    parse_clause(CLAUSE.encode(), vocabulary())
    with pytest.raises(ClauseError, match="emergency"):
        parse_clause(CLAUSE.replace(old, new, 1).encode(), vocabulary())
