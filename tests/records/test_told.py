"""What a list says of parts that it does not show: whether they would be, and nothing of what they hold."""

from __future__ import annotations

from time import time as clock
from typing import Any

import pytest

from records.test_commit import PARTS, person
from safeconduct.agreement.clauses import parse_clause
from safeconduct.agreement.policy import Book, compile_policy
from safeconduct.records import here
from safeconduct.records.commit import Draft, commit
from safeconduct.records.find import Query, find
from safeconduct.records.home import Home
from safeconduct.records.kinds import vocabulary
from safeconduct.records.refusals import Malformed
from safeconduct.records.release import Released, fetch_row, release_row
from safeconduct.records.rows import item_of
from safeconduct.records.standing import AgreementState

PEOPLE = {"killed_best": 2, "victims": "CANARY-PEOPLE"}
UNITS = {"units": "CANARY-UNITS"}


def readings() -> int:
    found = here.tables().one("SELECT count(*) FROM records_row WHERE kind = 'reading'", [])
    assert found is not None
    return int(found[0])


def listed(reader: Any, *told: str) -> Released:
    (found,) = find(reader, Query("incident", parts=("summary",), told=told)).records
    return found


def test_what_is_only_told_of_is_neither_given_nor_noted(node: Home) -> None:
    commit(person("watch_officer"), Draft("incident", {**PARTS, "people": PEOPLE, "response": UNITS}))
    before = readings()
    coordinator = listed(person("coordinator", "p2"), "people", "response", "source")
    assert coordinator.told == {"people": "shown", "response": "shown", "source": "absent"}
    analyst = listed(person("analyst", "p3", clearance=2), "people", "response", "source")
    assert analyst.told["response"] == "withheld"
    for found in (coordinator, analyst):
        assert set(found.parts) == {"summary"}
        assert "CANARY" not in repr(found)
    assert readings() == before


def test_without_being_asked_nothing_is_told_and_withheld_says_not_whether_it_is_there(node: Home) -> None:
    commit(person("watch_officer"), Draft("incident", {**PARTS, "people": PEOPLE}))
    assert listed(person("coordinator", "p2")).told == {}
    assert listed(person("analyst", "p3", clearance=2), "response").told == {"response": "withheld"}


LOCKED = """+++
clause  = "H77"
version = 1
title   = "People harmed, later"
texts   = ["en"]

[[grant]]
id    = "H77.1"
to    = "own"
roles = ["analyst"]
may   = ["read"]
kind  = "incident"
parts = ["people"]
whose = "own"
up_to = "CONFIDENTIAL"
when  = ["not_before"]
+++
## en

H77.1 Analysts read who was harmed, once the time has come.
"""


def test_a_part_that_only_the_clock_withholds_says_until_when(node: Home) -> None:
    now = clock()
    opens = "2099-01-01T22:00:00+00:00"
    made = commit(
        person("watch_officer"),
        Draft("incident", {**PARTS, "people": PEOPLE, "response": UNITS}, opens=opens),
    )
    row = fetch_row(made.record)
    assert row is not None
    clause = parse_clause(LOCKED.encode(), vocabulary(), "H77")
    policy = compile_policy([Book("house", {"own": "pk"}, ((clause, "agreed"),))], vocabulary())
    state = AgreementState(0, {}, policy)
    analyst = person("analyst", "p3", clearance=2)

    def told(at: float) -> Released:
        mask = policy.mask(analyst, "read", item_of(row), at)
        only = frozenset({"summary"})
        return release_row(state, analyst, "read", row, mask, at, only=only, told=("people", "response"))

    early = told(now)
    assert early.told == {"people": "waits", "response": "withheld"}
    assert early.opens is not None and early.opens.isoformat() == opens
    late = told(early.opens.timestamp() + 1)
    assert late.told["people"] == "shown" and late.opens is None
    stranger = person("liaison", "p4", clearance=2)
    hidden = release_row(state, stranger, "read", row, 0, now, told=("people",))
    assert hidden.told == {"people": "withheld"} and hidden.opens is None


def test_records_about_any_of_several_are_found_together(node: Home) -> None:
    officer = person("watch_officer")
    made = [commit(officer, Draft("incident", PARTS)).record for _ in range(3)]
    for incident in made:
        figure = {"figure": {"what": "killed", "best": 2}, "source": {"outlet": "Wire", "party": "press"}}
        commit(officer, Draft("claim", figure, about=incident))
    two = find(officer, Query("claim", about=made[:2], sort="at"))
    assert {each.about for each in two.records} == set(made[:2])
    assert find(officer, Query("claim", about=[], sort="at")).records == []


def test_certain_records_are_listed_whatever_else_is_asked_and_what_they_are_about_stays_hidden(
    node: Home,
) -> None:
    officer = person("watch_officer")
    made = [commit(officer, Draft("incident", PARTS)).record for _ in range(3)]
    found = find(officer, Query("incident", ids=[made[0], made[0], made[2], "f" * 32], sort="at"))
    assert {each.id for each in found.records} == {made[0], made[2]}
    assert find(officer, Query("incident", ids=[], sort="at")).records == []
    assert find(person("administrator", "p2"), Query("incident", ids=made, sort="at")).records == []
    for wrong in ({"text": "bomb"}, {"about": ["x"]}):
        with pytest.raises(Malformed):
            find(officer, Query("incident", ids=made, **wrong))
    figure = {"figure": {"what": "killed", "best": 2}, "source": {"outlet": "Wire", "party": "press"}}
    claim = commit(officer, Draft("claim", figure, about=made[0])).record
    page = find(officer, Query("claim", ids=[claim], shown=frozenset(made)))
    assert [each.about for each in (*page.records, *page.unplaced)] == [made[0]]
    page = find(officer, Query("claim", ids=["f" * 32]))
    assert [*page.records, *page.unplaced] == [], "not recent ones instead"
